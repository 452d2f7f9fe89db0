"""Files with planted faults, in every format: each with the rule that must name it, and the line where it stands."""

import bz2
import gzip
import io
import json
import lzma
import random
import zipfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 14
USER, ANSWER = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}


class Planted(NamedTuple):
    """A file; of a fault that no rule has to name, `rule` is empty, and `line` is None where it has none."""

    name: str
    content: bytes
    rule: str
    line: int | None


Maker = Callable[[random.Random], Planted]
Wrong = tuple[str, dict[str, Any]]
DEEP = b'"z": ' + b"[" * 90 + b"]" * 90


def pair(number: int) -> bytes:
    return json.dumps({"prompt": f"q{number} é", "completion": f"a{number}"}, ensure_ascii=False).encode()


def jsonl(chance: random.Random) -> Planted:
    """Break one line of JSON Lines."""
    lines = [pair(number) for number in range(ROWS)]
    at = chance.randrange(1, ROWS)
    rule, lines[at] = chance.choice(
        [
            ("syntax", lines[at][: chance.randrange(2, 9)]),
            ("syntax", lines[at] + b","),
            ("syntax", lines[at].replace(b'"', b"'")),
            ("syntax", lines[at].replace(b" ", b"\t", 1).replace(b"q", b"\tq")),
            ("not_an_object", b"[1, 2]"),
            ("not_an_object", b"null"),
            ("encoding", lines[at][:12] + b"\xff" + lines[at][12:]),
            ("encoding", lines[at].decode().encode("cp1252")),
            ("nul_byte", lines[at] + b"\0"),
            ("byte_order_mark_inside", b"\xef\xbb\xbf" + lines[at]),
            ("lone_surrogate", lines[at].replace(b"q", b"\\ud83d", 1)),
            ("not_a_number", b'{"prompt": "x", "completion": NaN}'),
            ("number", b'{"prompt": "x", "completion": "y", "n": 1e999}'),
            ("missing_field", b'{"prompt": "x"}'),
            ("empty_text", b'{"prompt": "x", "completion": " "}'),
            ("wrong_field_type", b'{"prompt": "x", "completion": 7}'),
            ("duplicate_key", b'{"prompt": "x", "completion": "y", "prompt": "z"}'),
            ("nul_character", b'{"prompt": "x", "completion": "y\\u0000"}'),
            ("several_values", lines[at] + lines[at]),
            ("depth", b'{"prompt": "x", "completion": "y", %b}' % DEEP),
            ("blank_line", b" \t "),
            ("mixed_formats", b'{"text": "x"}'),
        ]
    )
    end = chance.choice([b"\n", b"\r\n"])
    return Planted("rows.jsonl", end.join(lines) + end, rule, at + 1)


def _in_a_row(chance: random.Random, sound: dict[str, Any], wrong: Sequence[Wrong]) -> Planted:
    lines = [json.dumps(sound).replace("q", f"q{number}").encode() for number in range(ROWS)]
    at = chance.randrange(1, ROWS)
    rule, row = chance.choice(wrong)
    lines[at] = json.dumps(row).encode()
    return Planted("rows.jsonl", b"\n".join(lines) + b"\n", rule, at + 1)


def chats(chance: random.Random) -> Planted:
    """Break one conversation."""
    wrong: list[tuple[str, list[Any]]] = [
        ("role", [{**USER, "role": "human"}, ANSWER]),
        ("role", [{"content": "q"}, ANSWER]),
        ("message", [3, ANSWER]),
        ("content", [{**USER, "content": 7}, ANSWER]),
        ("empty_content", [{**USER, "content": " "}, ANSWER]),
        ("empty_content", [USER, {"role": "assistant"}]),
        ("message_field", [{**USER, "speaker": "x"}, ANSWER]),
        ("last_role", [USER, ANSWER, USER]),
        ("order", [USER, USER, ANSWER]),
        ("no_user", [{**USER, "role": "system"}, ANSWER]),
        ("weight", [{**USER, "weight": 1}, ANSWER]),
        ("weight", [USER, {**ANSWER, "weight": 0.5}]),
        ("nothing_to_learn", [USER, {**ANSWER, "weight": 0}]),
        ("tool", [USER, {**ANSWER, "tool_calls": "x"}]),
        ("tool", [USER, {**ANSWER, "tool_calls": [{"id": "c"}]}]),
        ("tool", [USER, {**ANSWER, "function_call": "x"}]),
    ]
    broken: list[Wrong] = [("messages", {"messages": []}), ("messages", {"messages": "x"})]
    broken += [(rule, {"messages": messages}) for rule, messages in wrong]
    return _in_a_row(chance, {"messages": [USER, ANSWER]}, broken)


def sharegpt(chance: random.Random) -> Planted:
    """Break one row of ShareGPT's."""
    human, gpt = {"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}
    wrong: list[Wrong] = [
        ("message", {"conversations": [{"from": "narrator", "value": "x"}, gpt]}),
        ("tool", {"conversations": [human, {"from": "observation", "value": "x"}, gpt]}),
        ("tool", {"conversations": [human, {"from": "function_call", "value": "f(1)"}, gpt]}),
        ("message", {"conversations": [human, {"from": "gpt", "value": 7}]}),
        ("message", {"conversations": ["x", gpt]}),
        ("messages", {"conversations": []}),
        ("messages", {"conversations": "x"}),
        ("last_role", {"conversations": [human]}),
    ]
    return _in_a_row(chance, {"conversations": [human, gpt]}, wrong)


def alpaca(chance: random.Random) -> Planted:
    """Break one row of Alpaca's."""
    row = {"instruction": "q", "input": "", "output": "a"}
    wrong: list[Wrong] = [
        ("wrong_field_type", {**row, "instruction": 7}),
        ("wrong_field_type", {**row, "history": [["x"]]}),
        ("empty_content", {**row, "output": ""}),
    ]
    return _in_a_row(chance, row, wrong)


def preferences(chance: random.Random) -> Planted:
    """Break one row of two answers."""
    row = {"prompt": "q", "chosen": "a", "rejected": "b"}
    wrong: list[Wrong] = [
        ("missing_field", {"prompt": "q", "chosen": "a"}),
        ("equal_answers", {**row, "rejected": "a"}),
        ("empty_text", {**row, "chosen": " "}),
    ]
    return _in_a_row(chance, row, wrong)


def table(chance: random.Random) -> Planted:
    """Break one row of a table."""
    lines = [b"prompt,completion", *(b'"q%d",a%d' % (number, number) for number in range(ROWS))]
    at = chance.randrange(2, ROWS)
    rule, lines[at] = chance.choice(
        [
            ("cells", b"only one"),
            ("cells", b"one,two,three"),
            ("quotes", b'"not" closed,well'),
            ("empty_text", b"question,"),
            ("encoding", b"caf\xe9,\xc3\xa9"),
        ]
    )
    content = chance.choice([b"\n", b"\r\n"]).join(lines) + b"\n"
    if rule == "encoding":
        return Planted("rows.csv", content, rule, at + 1)
    delimiter = chance.choice([b",", b";", b"\t", b"|"])
    encoding = chance.choice(["utf-8", "utf-8-sig", "utf-16"])
    return Planted("rows.csv", content.replace(b",", delimiter).decode().encode(encoding), rule, at + 1)


def array(chance: random.Random) -> Planted:
    """Break one item of an array that has a line for each."""
    items = [pair(number) for number in range(ROWS)]
    at = chance.randrange(1, ROWS - 1)
    rule, items[at] = chance.choice(
        [
            ("syntax", items[at].replace(b":", b"", 1)),
            ("syntax", items[at].replace(b"}", b"]}")),
            ("syntax", items[at].removesuffix(b"}")),
            ("missing_field", b'{"prompt": "x"}'),
            ("number", b'{"prompt": "x", "completion": "y", "n": %b}' % (b"9" * 400)),
            ("not_an_object", b"12"),
            ("depth", b'{"prompt": "x", "completion": "y", %b}' % DEEP),
        ]
    )
    around = chance.choice([(b"[", b"]"), (b'{"version": 1, "data": [', b"]}")])
    return Planted("rows.json", around[0] + b"\n" + b",\n".join(items) + b"\n" + around[1] + b"\n", rule, at + 2)


def parquet(chance: random.Random) -> Planted:
    """Break one row of a Parquet file, or the file."""
    prompts = [f"q{number}" for number in range(ROWS)]
    answers: list[str | None] = [f"a{number}" for number in range(ROWS)]
    at = chance.randrange(1, ROWS)
    rule, answers[at] = chance.choice([("empty_text", " "), ("wrong_field_type", None)])
    out = io.BytesIO()
    options: dict[str, Any] = chance.choice(
        [{}, {"compression": "zstd"}, {"row_group_size": 3}, {"data_page_version": "2.0"}]
    )
    pq.write_table(pa.table({"prompt": prompts, "completion": answers}), out, **options)
    whole = out.getvalue()
    how = chance.random()
    if how < 0.2:
        return Planted("rows.parquet", whole[: chance.randrange(20, len(whole) - 8)], "unreadable", None)
    if how < 0.4:  # a few bytes flipped: whether that shows is the checksum's matter, but nothing may break by it
        broken = bytearray(whole)
        for _ in range(3):
            broken[chance.randrange(4, len(broken))] ^= chance.randrange(1, 256)
        return Planted("rows.parquet", bytes(broken), "", None)
    return Planted("rows.parquet", whole, rule, at + 1)


def workbook(chance: random.Random) -> Planted:
    """Break one row of a workbook, or the file."""
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["prompt", "completion"])
    for number in range(ROWS):
        book.active.append([f"q{number}", f"a{number}"])
    at = chance.randrange(2, ROWS)
    column, value = chance.choice([(2, None), (1, "  ")])
    book.active.cell(at, column).value = value
    book.save(out)
    whole = out.getvalue()
    if chance.random() < 0.3:
        return Planted("rows.xlsx", whole[: chance.randrange(20, len(whole) - 30)], "", None)
    return Planted("rows.xlsx", whole, "empty_text", at)


def packed(chance: random.Random) -> Planted:
    """Pack a broken file, or break the archive."""
    inside = chance.choice([jsonl, chats, table, array])(chance)
    ways: list[tuple[str, Callable[[bytes], bytes]]] = [
        (".gz", _gzip),
        (".bz2", bz2.compress),
        (".xz", lzma.compress),
        (".zip", _zip),
    ]
    ending, pack = chance.choice(ways)
    whole = pack(inside.content)
    if chance.random() < 0.3:
        return Planted(f"{inside.name}{ending}", whole[: chance.randrange(20, len(whole) - 8)], "unreadable", None)
    return inside._replace(name=f"{inside.name}{ending}", content=whole)


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def _zip(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("rows"), content)
    return out.getvalue()


def foreign(chance: random.Random) -> Planted:
    """Bring what is no file of rows."""
    rule, start = chance.choice(
        [
            ("wrong_type", b"%PDF-1.7\n"),
            ("wrong_type", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
            ("wrong_type", b"\xff\xd8\xff\xe0\0\x10JFIF"),
            ("wrong_type", b"\x7fELF\x02\x01\x01" + b"\0" * 9),
            ("unreadable", b"PAR1"),
            ("unreadable", b"\x1f\x8b\x08\0\0\0\0\0\0\x03"),
        ]
    )
    return Planted(chance.choice(["x", "x.jsonl", "x.csv"]), start + chance.randbytes(200), rule, None)


def noise(chance: random.Random) -> Planted:
    """Write anything at all behind a beginning that promises something."""
    start = chance.choice(
        [b"", b"PAR1", b"PK\x03\x04", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0", b"[{", b"\xff\xfe", b"a,b\n"]
    )
    content = start + chance.randbytes(chance.randrange(200))
    return Planted(chance.choice(["x", "x.csv", "x.json"]), content or b"\n", "", None)


MAKERS: tuple[Maker, ...] = (
    jsonl, chats, sharegpt, alpaca, preferences, table, array, parquet, workbook, packed, foreign, noise,
)  # fmt: skip


def planted(make: Maker, files: int, seed: int = 1) -> Iterator[Planted]:
    """Give so many files of one kind, the same for the same seed."""
    chance = random.Random(f"{make.__name__} {seed}")
    return islice(iter(lambda: make(chance), None), files)
