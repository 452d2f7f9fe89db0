"""Canonical rows in the words of OpenAI's wire."""

from pathlib import Path
from typing import Any

import orjson

from app.backends.openai_wire.training.rows import write_rows

USER = {"role": "user", "content": "What is the weather?"}


def sent(folder: Path, row: dict[str, Any]) -> dict[str, Any]:
    source, out = folder / "canonical.jsonl", folder / "sent.jsonl"
    source.write_bytes(orjson.dumps({"line": 1, **row}) + b"\n")
    assert write_rows(source, out) == 1
    return dict(orjson.loads(out.read_bytes()))


def test_arguments_of_a_call_are_sent_as_a_text_of_json(tmp_path: Path) -> None:
    """TRL's rows have them as an object, which OpenAI refuses; a text goes as it is written."""
    functions = [
        {"name": "weather", "arguments": {"city": "Köln", "days": 2}},
        {"name": "weather", "arguments": '{"city":  "Bonn"}'},
        {"name": "now"},
    ]
    calls = [{"id": str(n), "type": "function", "function": each} for n, each in enumerate(functions)]
    row = {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": calls}], "tools": []}
    made = sent(tmp_path, row)
    assert [each["function"]["arguments"] for each in made["messages"][1]["tool_calls"]] == [
        '{"city": "Köln", "days": 2}',
        '{"city":  "Bonn"}',
        "{}",
    ]
    preferred = {"prompt": [USER], "chosen": row["messages"][1:], "rejected": [{"role": "assistant", "content": "no"}]}
    calling = sent(tmp_path, preferred)["preferred_output"][0]["tool_calls"]
    assert calling == made["messages"][1]["tool_calls"]
