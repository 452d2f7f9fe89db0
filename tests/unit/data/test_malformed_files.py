"""Files with planted faults: nothing raises, and each fault is named by its rule at the line where it was planted."""

import gzip
import json
import random
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from app.data.validation import validate
from app.services.reading_in import read_in
from app.store.files import FileStore

FILES = 500
ROWS = 14
Planted = tuple[str, bytes, str, int | None]  # name, content, rule, line of the file that was brought


def chat(number: int) -> dict[str, object]:
    return {"prompt": f"q{number} é", "completion": f"a{number}"}


def jsonl(chance: random.Random) -> Planted:
    """Break one line of JSON Lines."""
    lines = [json.dumps(chat(number), ensure_ascii=False).encode() for number in range(ROWS)]
    at = chance.randrange(1, ROWS)
    rule, broken = chance.choice(
        [
            ("syntax", lines[at][: chance.randrange(2, 9)]),
            ("not_an_object", b"[1, 2]"),
            ("encoding", lines[at][:12] + b"\xff" + lines[at][12:]),
            ("nul_byte", lines[at] + b"\0"),
            ("missing_field", b'{"prompt": "x"}'),
            ("empty_text", b'{"prompt": "x", "completion": " "}'),
            ("wrong_field_type", b'{"prompt": "x", "completion": 7}'),
            ("several_values", lines[at] + lines[at]),
            ("depth", b'{"prompt": "x", "completion": "y", "z": ' + b"[" * 90 + b"]" * 90 + b"}"),
        ]
    )
    lines[at] = broken
    return "rows.jsonl", b"\n".join(lines) + b"\n", rule, at + 1


def table(chance: random.Random) -> Planted:
    """Break one row of a table."""
    lines = [b"prompt,completion", *(b'"q%d",a%d' % (number, number) for number in range(ROWS))]
    at = chance.randrange(2, ROWS)
    rule, broken = chance.choice(
        [
            ("cells", b"only one"),
            ("cells", b"one,two,three"),
            ("quotes", b'"not" closed,well'),
            ("empty_text", b"question,"),
            ("encoding", b"caf\xe9,\xc3\xa9"),
        ]
    )
    lines[at] = broken
    return "rows.csv", chance.choice([b"\n", b"\r\n"]).join(lines) + b"\n", rule, at + 1


def array(chance: random.Random) -> Planted:
    """Break one item of an array that has a line for each."""
    items = [json.dumps(chat(number)).encode() for number in range(ROWS)]
    at = chance.randrange(1, ROWS - 1)
    rule, broken = chance.choice(
        [
            ("syntax", items[at].replace(b":", b"", 1)),
            ("syntax", items[at].replace(b"}", b"]}")),
            ("syntax", items[at].removesuffix(b"}")),
            ("missing_field", b'{"prompt": "x"}'),
            ("number", b'{"prompt": "x", "completion": "y", "n": %b}' % (b"9" * 400)),
        ]
    )
    items[at] = broken
    return "rows.json", b"[\n" + b",\n".join(items) + b"\n]\n", rule, at + 2


def packed(chance: random.Random) -> Planted:
    """Pack a broken file, or break the archive."""
    name, content, rule, line = chance.choice([jsonl, table, array])(chance)
    whole = gzip.compress(content, mtime=0)
    if chance.random() < 0.3:
        return f"{name}.gz", whole[: chance.randrange(20, len(whole) - 8)], "unreadable", None
    return f"{name}.gz", whole, rule, line


def noise(chance: random.Random) -> Planted:
    """Write anything at all behind a beginning that promises something."""
    start = chance.choice(
        [b"", b"PAR1", b"PK\x03\x04", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0", b"[{", b"\xff\xfe", b"a,b\n"]
    )
    return chance.choice(["x", "x.csv", "x.json"]), start + chance.randbytes(chance.randrange(200)), "", None


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path, upload_limit=1 << 22, disk_reserve=0)


def planted(make: Callable[[random.Random], Planted], seed: int) -> Iterator[Planted]:
    chance = random.Random(f"{make.__name__} {seed}")
    for _ in range(FILES // 5):
        yield make(chance)


@pytest.mark.parametrize("make", [jsonl, table, array, packed, noise])
def test_each_fault_is_named_where_it_was_planted(files: FileStore, make: Callable[[random.Random], Planted]) -> None:
    for number, (name, content, rule, line) in zip(count(), planted(make, 1), strict=False):
        stored = files.store([content or b"\n"])
        report = read_in(files, stored, name).report or validate(stored.path)
        where = f"{number}: {content!r}"
        assert all(each.message and each.fix for each in report.findings), where
        if not rule:
            continue
        found = [each for each in report.findings if each.rule == rule]
        assert found, f"{where} {[each.rule for each in report.findings]}"
        if line is not None:
            lines = {each.source.split()[1] if each.source else str(each.line) for each in found}
            assert str(line) in lines, f"{where} {lines}"
    assert not list(files.root.glob("files/incoming-*"))
