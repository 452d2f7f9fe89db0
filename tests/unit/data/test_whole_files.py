"""Files that are no rows at all are named for what they are."""

import io
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from app.data.lines import BOM
from app.data.validation import validate
from app.domain.datasets import DatasetFormat, DatasetReport, DatasetStatus, Finding, Severity

Check = Callable[[bytes], DatasetReport]
Only = Callable[[DatasetReport], Finding]
ROW = '{"messages": [{"role": "user", "content": "é"}, {"role": "assistant", "content": "b"}]}\n'


def _zip(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "rule", "words"),
    [
        (b"", "empty_file", "empty"),
        (BOM, "empty_file", "empty"),
        (b"\n  \n\r\n", "empty_file", "only blank lines"),
        (_zip("word/document.xml"), "wrong_type", "Word"),
        (b"%PDF-1.7\n", "wrong_type", "PDF"),
        (b"SQLite format 3\0" + bytes(80), "wrong_type", "SQLite"),
        (b"\x80\x04\x95\x10\0\0", "wrong_type", "pickle"),
        (b"\x7fELF\x02\x01", "wrong_type", "program"),
        (b"\x89PNG\r\n\x1a\n", "wrong_type", "PNG"),
        (bytes(range(256)) * 8, "wrong_type", "binary"),
        (b"<!DOCTYPE html><html>\n<p>Sign in</p>", "wrong_type", "HTML"),
        (b"<?xml version='1.0'?>\n<rows/>", "wrong_type", "XML"),
        (b"Just a letter.\nWith two lines.\n", "wrong_type", "plain text"),
    ],
)
def test_file_is_named_for_what_it_is(check: Check, content: bytes, rule: str, words: str) -> None:
    report = check(content)
    assert report.status is DatasetStatus.REJECTED
    [finding] = [one for one in report.findings if one.severity is Severity.ERROR]
    assert finding.rule == rule
    assert words in finding.message
    assert finding.fix
    assert finding.line is None
    assert (report.bytes, report.sha256) == (len(content), sha256(content).hexdigest())
    assert report.rows == 0


@pytest.mark.parametrize(
    ("row", "words", "remedy"),
    [
        (b'{"prompt": "a", "completion": "b", "label": true}\n', "unpaired", "true"),
    ],
)
def test_formats_that_are_not_trained_on_say_how_to_convert(check: Check, row: bytes, words: str, remedy: str) -> None:
    report = check(row * 10)
    assert (report.format, report.status, report.rows) == (DatasetFormat.UNKNOWN, DatasetStatus.REJECTED, 10)
    [finding] = [one for one in report.findings if one.severity is Severity.ERROR]
    assert finding.rule == "convert"
    assert words in finding.message
    assert remedy in finding.fix


def test_unknown_fields_are_listed_and_wait_to_be_mapped(check: Check) -> None:
    report = check(b'{"question": "a", "reply": "b"}\n' * 10)
    assert report.status is DatasetStatus.NEEDS_MAPPING
    [finding] = [one for one in report.findings if one.severity is Severity.ERROR]
    assert finding.rule == "unknown_format"
    assert "question, reply" in finding.message


def test_byte_order_mark_is_tolerated(check: Check, twelve: list[bytes], only: Only) -> None:
    report = check(BOM + b"".join(twelve))
    assert (report.status, report.rows) == (DatasetStatus.READY, 12)
    assert (only(report).rule, only(report).severity) == ("byte_order_mark", Severity.INFO)


def test_one_example_only(check: Check, twelve: list[bytes], only: Only) -> None:
    report = check(twelve[0])
    assert report.status is DatasetStatus.NEEDS_FIXING
    assert only(report).message == "The file has one example only."


def test_few_rows_are_a_warning(check: Check, twelve: list[bytes], only: Only) -> None:
    report = check(b"".join(twelve[:9]))
    assert (report.status, report.warnings) == (DatasetStatus.READY, 1)
    assert only(report).rule == "few_rows"


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_line_ends_of_unix_and_windows_are_both_fine(check: Check, twelve: list[bytes], end: bytes) -> None:
    report = check(b"".join(row.replace(b"\n", end) for row in twelve))
    assert (report.status, report.findings) == (DatasetStatus.READY, ())


def test_last_line_needs_no_line_feed(check: Check, twelve: list[bytes]) -> None:
    report = check(b"".join(twelve).removesuffix(b"\n"))
    assert (report.status, report.rows, report.lines) == (DatasetStatus.READY, 12, 12)


def test_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        validate(tmp_path / "none.jsonl")
