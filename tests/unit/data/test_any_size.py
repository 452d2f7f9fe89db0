"""Files of any size and any content: bounded memory, bounded findings, never an exception."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.data.convert import write_canonical
from app.data.index import build_index
from app.data.limits import Limits
from app.data.rows import read_rows
from app.data.validation import validate
from app.domain import canonical
from app.domain.datasets import DatasetReport, DatasetStatus
from tests.support.leaks import leaks_between

Check = Callable[[bytes], DatasetReport]
MEASURE = "import resource, sys; from pathlib import Path; from app.data.validation import validate; \
a = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; r = validate(Path(sys.argv[1])); \
print(r.rows, r.errors, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - a) // 1024)"


def test_twenty_megabyte_line_is_skipped_and_the_next_lines_are_read(check: Check, twelve: list[bytes]) -> None:
    long = b'{"messages": "' + b"x" * (20 << 20) + b'"}\n'
    report = check(b"".join([*twelve[:6], long, *twelve[6:], b"{\n"]))
    assert [(one.line, one.rule) for one in report.findings] == [(7, "long_line"), (14, "syntax")]
    assert "20.0 MiB" in report.findings[0].message
    assert report.findings[1].offset == sum(map(len, twelve)) + len(long) + 1
    assert (report.rows, report.lines) == (14, 14)
    assert report.longest_line == len(long) - 1


@pytest.mark.parametrize("tail", [b"", b"\n"])
def test_long_line_at_the_end(check: Check, twelve: list[bytes], tail: bytes) -> None:
    report = check(b"".join(twelve) + b"x" * (9 << 20) + tail)
    assert [(one.line, one.rule) for one in report.findings] == [(13, "long_line")]
    assert report.lines == 13


def test_memory_stays_flat_for_long_lines_and_many_rows(tmp_path: Path, chat_row: Callable[..., bytes]) -> None:
    path = tmp_path / "big.jsonl"
    with path.open("wb") as file:
        file.write(b'{"messages": "' + b"x" * (100 << 20) + b'"}\n')
        block = b"".join(chat_row(f"{number} " + "word " * 200, "answer") for number in range(1000))
        for _ in range(40):
            file.write(block)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True, env=os.environ
    )
    rows, errors, megabytes = map(int, done.stdout.split())
    assert (rows, errors) == (40_001, 1)
    assert megabytes < 60, f"{megabytes} MB for a file of 140 MB"


def test_findings_are_bounded_and_counts_are_exact(write: Callable[[bytes], Path], twelve: list[bytes]) -> None:
    path = write(b"".join(twelve) + b'{"messages": []}\n' * 500 + b"{\n" * 300 + b"\n" * 7)
    report = validate(path, limits=Limits(findings=100, findings_per_rule=5))
    assert len(report.findings) == 100 + 5 + 5
    assert sum(each.count for each in report.rules) - len(report.findings) == 500 + 300 + 7 - 110
    assert [(one.rule, one.count) for one in report.rules] == [("messages", 500), ("syntax", 300), ("blank_line", 7)]
    assert (report.errors, report.warnings) == (800, 7)


def test_equal_rows_are_looked_for_among_the_first_ones(write: Callable[[bytes], Path], twelve: list[bytes]) -> None:
    report = validate(write(b"".join(twelve * 2)), limits=Limits(duplicate_rows=13))
    assert [one.rule for one in report.findings] == ["duplicates_unchecked", "duplicate_row"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "messages",
                    "role",
                    "content",
                    "weight",
                    "tool_calls",
                    "prompt",
                    "completion",
                    "text",
                    "chosen",
                    "rejected",
                    "x",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
messages = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant", "system", "tool", "robot"]) | json_values,
            "content": st.text(max_size=5) | json_values,
        },
        optional={"weight": json_values, "tool_calls": json_values, "name": json_values},
    )
    | json_values,
    max_size=4,
)
rows = st.one_of(
    json_values, st.fixed_dictionaries({"messages": messages}, optional={"prompt": json_values, "x": json_values})
)


@st.composite
def dirty_files(draw: st.DrawFn) -> bytes:
    """JSON lines of all shapes, some of them damaged."""
    lines = []
    for row in draw(st.lists(rows, max_size=6)):
        line = bytearray(_dump(row))
        if line and draw(st.booleans()):
            position = draw(st.integers(0, len(line) - 1))
            line[position : position + draw(st.integers(0, 2))] = draw(st.binary(max_size=3))
        lines.append(bytes(line))
    return draw(st.sampled_from([b"\n", b"\r\n", b"\r", b""])).join(lines)


def _dump(row: object) -> bytes:
    try:
        return orjson.dumps(row)
    except TypeError:  # an integer of more than 64 bits
        return repr(row).replace("'", '"').encode()


def _holds(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        path.write_bytes(content)
        report = validate(path)
        index = build_index(path)
        shown = read_rows(path, index, 1, 50)
        leaks_between(path, range(1, 4), range(3, 9))
        if report.status is DatasetStatus.READY:
            assert write_canonical(path, Path(folder) / "out") == report.rows
            with (Path(folder) / "out").open("rb") as made:
                assert {row.line for row in canonical.read(made)} >= {row.line for row in shown}
    assert report.bytes == len(content)
    assert report.errors == sum(one.count for one in report.rules if one.severity == "error")
    assert (report.status is DatasetStatus.READY) == (report.errors == 0)
    assert all(one.message and one.fix for one in report.findings)
    for one in report.findings:
        f"{one.message}{one.fix}{one.path}".encode()  # no lone surrogate can reach a page or the database
    if report.status is DatasetStatus.READY:
        assert all(row.messages for row in shown)


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_random_bytes_never_raise(content: bytes) -> None:
    _holds(content)


@given(dirty_files())
@settings(max_examples=200, deadline=None)
def test_damaged_rows_never_raise(content: bytes) -> None:
    _holds(content)
