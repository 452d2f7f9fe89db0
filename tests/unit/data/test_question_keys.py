"""A key may be called whatever JSON can write."""

import json
from pathlib import Path

import pytest

from app.data.questions import questions_of


@pytest.mark.parametrize("key", ["customer", "a\\b", 'a"b', "a\tb", "\u0105\\"])
def test_rows_are_grouped_by_a_field_of_any_name(tmp_path: Path, key: str) -> None:
    rows = [{"prompt": f"question {n}", "completion": "yes", key: f"group {n % 2}"} for n in range(4)]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (found,) = questions_of(file, 1000, key=key)
    assert list(found.groups) == ["group 0", "group 1", "group 0", "group 1"]
