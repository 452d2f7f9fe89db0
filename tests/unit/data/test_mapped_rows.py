"""Columns made into rows: what a plain reading of the roles gives, whatever the columns are called and hold."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from app.data.mapping import write_mapped
from app.domain.mappings import ColumnMapping, Role

NAMES = ["question", "answer", "100 %", "%b%%", 'a "b"', "text", "été", "\\u0022"]
values = st.text(max_size=5) | st.sampled_from(['"', "%b", "\\", "", "ÿ0ÿ"]) | st.integers() | st.none() | st.booleans()
SHAPES = ([Role.USER, Role.ASSISTANT], [Role.PROMPT, Role.COMPLETION], [Role.PROMPT, Role.CHOSEN, Role.REJECTED])


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()


def _expected(row: dict[str, Any], roles: dict[str, Role]) -> dict[str, Any]:
    by_role = {role.value: _text(row.get(name)) for name, role in roles.items()}
    beside = {("text (column)" if name == "text" else name): row[name] for name in row if name not in roles}
    if Role.USER in roles.values():
        turns = [{"role": role, "content": by_role[role]} for role in ("user", "assistant")]
        return {"messages": turns, **beside}
    return {**by_role, **beside}


@given(
    names=st.permutations(NAMES),
    shape=st.sampled_from(SHAPES),
    rows=st.lists(st.lists(values, min_size=2, max_size=6), min_size=1, max_size=5),
)
@settings(max_examples=80, deadline=None)
def test_rows_are_what_the_roles_say(names: list[str], shape: list[Role], rows: list[list[Any]]) -> None:
    roles = dict(zip(names, shape, strict=False))
    made = [dict(zip(names, row, strict=False)) for row in rows]
    try:
        lines = b"".join(orjson.dumps(row) + b"\n" for row in made)
    except TypeError:  # a number of more than 64 bits
        return
    with TemporaryDirectory() as folder:
        path, out = Path(folder) / "rows", Path(folder) / "out"
        path.write_bytes(lines)
        write_mapped(path, ColumnMapping(roles=roles), names, out)
        assert [orjson.loads(line) for line in out.read_bytes().splitlines()] == [_expected(row, roles) for row in made]
