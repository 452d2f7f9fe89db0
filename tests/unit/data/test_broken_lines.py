"""Lines that are no JSON: the line, the column, the reason and the remedy."""

from collections.abc import Callable

import pytest

from app.domain.datasets import DatasetReport, DatasetStatus, Finding

Check = Callable[[bytes], DatasetReport]
Only = Callable[[DatasetReport], Finding]


def _with(rows: list[bytes], *lines: tuple[int, bytes]) -> bytes:
    """Put further lines in, each at its number in the result."""
    result = list(rows)
    for number, content in lines:
        result.insert(number - 1, content + b"\n")
    return b"".join(result)


@pytest.mark.parametrize(
    ("line", "rule", "column", "words"),
    [
        (b'{"messages": [}', "syntax", 15, "expected a JSON value"),
        (b"{'messages': []}", "syntax", 2, "expected a string key"),
        (b'{"messages": [],}', "syntax", 16, "trailing comma"),
        (b'{"messages": []},', "syntax", 17, "comma after the object"),
        (b'{"messages": True}', "syntax", 14, "True"),
        (b'{"messages": [', "syntax", 15, "ends before its object is closed"),
        (b"// a comment", "syntax", 1, "expected a JSON value"),
        (b'{"messages": "a\tb"}', "syntax", 16, "U+0009"),
        ('{"é": “a”}'.encode(), "syntax", 7, "expected a JSON value"),
        (b'{"messages": []}{"messages": []}', "several_values", 17, "second object"),
        (b'{"messages": []}\r{"messages": []}', "several_values", 18, "carriage return"),
        (b'{"messages": []} and more', "several_values", 18, "more after"),
        (b'{"messages": NaN}', "not_a_number", 14, "NaN"),
        (b'{"messages": -Infinity}', "not_a_number", 15, "Infinity"),
        (b'{"messages": 1e999}', "number", 14, "too large"),
        (b'{"messages": ' + b"9" * 5000 + b"}", "number", 14, "too large"),
        (b'{"messages": "\\ud800"}', "lone_surrogate", 15, "half a character"),
        (b'{"messages": "\\udc00\\ud800"}', "lone_surrogate", 15, "half a character"),
        (b'{"messages": "a\0b"}', "nul_byte", 16, "NUL"),
        (b'{"messages": "caf\xe9"}', "encoding", 18, '"é"'),
        (b'{"messages": "\xed\xa0\x80"}', "encoding", 15, "0xED"),
        (b'{"messages": "\xc0\xaf"}', "encoding", 15, "0xC0"),
        (b"\xef\xbb\xbf{}", "byte_order_mark_inside", 1, "byte-order mark"),
        (b'{"messages": ' + b"[" * 65 + b"]" * 65 + b"}", "depth", None, "deeper than 64"),
        (b'{"messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "depth", 1038, "deeper than 64"),
        (b"[1, 2]", "not_an_object", None, "a list"),
        (b"null", "not_an_object", None, "null"),
        (b'"text"', "not_an_object", None, "a text"),
        (b"12", "not_an_object", None, "a number"),
    ],
)
def test_broken_line_seven(
    check: Check, twelve: list[bytes], only: Only, line: bytes, rule: str, column: int | None, words: str
) -> None:
    report = check(_with(twelve, (7, line)))
    assert (report.status, report.rows, report.errors) == (DatasetStatus.NEEDS_FIXING, 13, 1)
    finding = only(report)
    assert (finding.line, finding.rule, finding.column) == (7, rule, column)
    assert words in finding.message
    assert finding.fix
    start = sum(map(len, twelve[:6]))
    prefix = line.decode(errors="replace")[: (column or 1) - 1].encode()
    assert finding.offset == start + len(prefix)


def test_all_lines_are_reported_in_one_pass(check: Check, twelve: list[bytes]) -> None:
    report = check(_with(twelve, (3, b"{"), (9, b'{"messages": NaN}')) + b'{"messages": []}\n')
    assert [(one.line, one.rule) for one in report.findings] == [(3, "syntax"), (9, "not_a_number"), (15, "messages")]


def test_cut_last_line(check: Check, twelve: list[bytes], only: Only) -> None:
    report = check(b"".join(twelve)[:-20])
    assert (only(report).line, only(report).rule) == (12, "truncated")


def test_blank_lines_are_warnings(check: Check, twelve: list[bytes]) -> None:
    report = check(_with(twelve, (2, b""), (5, b" \t")))
    assert (report.status, report.warnings, report.rows, report.lines) == (DatasetStatus.READY, 2, 12, 14)
    assert [one.line for one in report.findings] == [2, 5]


def test_keys_that_stand_twice_are_warnings_with_their_path(check: Check, twelve: list[bytes], only: Only) -> None:
    twice = b'{"messages":[{"role":"user","content":"x"},{"role":"user","role":"assistant","content":"y"}]}'
    report = check(_with(twelve, (7, twice)))
    assert (report.status, report.warnings, report.rows) == (DatasetStatus.READY, 1, 13)
    assert (only(report).rule, only(report).path) == ("duplicate_key", "$.messages[1].role")


def test_quotation_marks_in_texts_are_no_second_keys(check: Check, chat_row: Callable[..., bytes]) -> None:
    quoted = [chat_row(f'say "{number}"', 'a "b" \\ "c"') for number in range(10)]
    escaped = b'{"messages":[{"role":"user","content":"\\u0022x\\u0022"},{"role":"assistant","content":"y"}]}\n'
    assert check(b"".join([*quoted, escaped])).findings == ()


NUMBERS = [b"18446744073709551616", b"-9223372036854775809", b"1" * 300, b"0.1", b"-0", b"1e10", b"0." + b"1" * 40]


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_of_any_width(check: Check, twelve: list[bytes], chat_row: Callable[..., bytes], number: bytes) -> None:
    report = check(_with(twelve, (7, chat_row(x="?").strip().replace(b'"?"', number))))
    assert report.errors == 0


def test_line_separators_inside_texts_end_no_line(
    check: Check, twelve: list[bytes], chat_row: Callable[..., bytes]
) -> None:
    report = check(b"".join(twelve) + chat_row("a\u2028b\u0085c"))
    assert (report.rows, report.findings) == (13, ())
