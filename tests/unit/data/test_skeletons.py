"""Rows seen many at once: the report is the one of a check line by line, whatever stands in the lines."""

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.data import rules
from app.data.limits import DEFAULT, Limits
from app.data.rules import Rule
from app.data.validation import validate

Write = Callable[[bytes], Path]
LINE_BY_LINE = replace(DEFAULT, block_bytes=0)
MILD = ("a", "word ", "é", "日本", "¿", r"\n", r"\"", r"\\", r"\t")
WILD = (
    *("a", "word ", " ", "é", "日本", "\u00a0", "\u3000", "\u2028", "“", "¿", "😀", "{", "]", ":", "'", "\x7f"),
    *(r"\n", r"\"", r"\\", r"\\\"", r"\\n", r"\/", r"\t", r"\u00e9", r"\u0022", r"\u0000", r"\u001e", r"\u005c"),
    *(r"\ud83d\ude00", r"\ud800", r"\x", "\\", '"', "\t", "\x00", "\x01", "\x1e", "\r", "\udcff"),
)
mild = st.lists(st.sampled_from(MILD), min_size=1, max_size=9).map("".join)
texts = st.one_of(
    mild, mild, mild, st.lists(st.sampled_from(WILD), max_size=4).map("".join), st.sampled_from(["yes", "no"])
)
CHAT = '{"messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "%s"}]'
FORMS = (
    f"{CHAT}}}",
    '{"messages":[{"role":"user","content":"%s"},{"role":"assistant","content":"%s"}]}',
    CHAT.replace('[{"role": "user"', '[{"role": "system", "content": "%s"}, {"role": "user"') + "}",
    CHAT + ', "source": {"id": "s1"}}',
    CHAT + ', "x": "%s"}',
    CHAT + ', "group": "%s", "label": "%s", "more": [{"text": "%s"}, {"text": "%s"}]}',
    CHAT + ', "messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "%s"}]}',
    '{"x": "%s", "messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "%s"}]}',
    '{"messages": [{"content": "%s", "role": "user"}, {"role": "assistant", "content": "%s"}]}',
    '{"messages": [{"role": "user", "content": "%s", "content": "%s"}, {"role": "assistant", "content": "%s"}]}',
    '{"messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "%s", "weight": 0}]}',
    '{"messages": [{"role": "%s", "content": "%s"}, {"role": "assistant", "content": "%s"}]}',
    CHAT + ', "n": 123456789012345678901}',
    f"{CHAT}}}\r",
    '{"messages": [{"role": "user", "content": "%s"}, {"role": "user", "content": "%s"}]} {',
    CHAT + ', "prompt": "", "completion": ""}',
    '{"prompt": "%s", "completion": "%s"}',
    '{"prompt":"%s","completion":"%s","team":"%s"}',
    '{"completion": "%s", "prompt": "%s"}',
    '{"text": "%s"}',
    '{"text": "%s", "id": 7}',
    '{"text": "%s", "text": "%s"}',
    "%s",
    "",
)  # fmt: skip


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Lines of a few forms, most of them of one, so that forms come again with other texts."""
    usual = draw(st.sampled_from(FORMS))
    forms = draw(st.lists(st.sampled_from(FORMS) | st.just(usual) | st.just(usual), min_size=1, max_size=9))
    lines = [form % tuple(draw(texts) for _ in range(form.count("%s"))) for form in forms]
    content = "\n".join([*lines, *draw(st.lists(st.sampled_from(lines), max_size=4))])
    return content.encode("utf-8", "surrogateescape") + draw(st.sampled_from([b"", b"\n"]))


@given(files(), st.sampled_from([2_000_000, 3, 0]))
@settings(max_examples=150, deadline=None)
def test_report_is_that_of_a_check_line_by_line(content: bytes, compared: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        path.write_bytes(content)
        together, alone = (
            validate(path, limits=replace(limits, duplicate_rows=compared)) for limits in (DEFAULT, LINE_BY_LINE)
        )
    assert together == alone


def test_known_hash_is_reported(write: Write) -> None:
    path = write(b'{"text": "a"}\n')
    assert validate(path, sha256="0" * 64) == replace(validate(path), sha256="0" * 64)


@pytest.mark.parametrize("line_bytes", [60, 200])
def test_line_beyond_the_limit_is_named_although_its_form_is_known(write: Write, line_bytes: int) -> None:
    path = write(b"".join(b'{"text": "%b"}\n' % (b"x" * length) for length in (10, 100, 20, 300)))
    reports = [validate(path, limits=Limits(line_bytes=line_bytes, block_bytes=size)) for size in (0, 1 << 20)]
    assert reports[0] == reports[1]
    assert [each.line for each in reports[1].findings if each.rule == "long_line"] == (
        [2, 4] if line_bytes == 60 else [4]
    )


@given(files(), st.sampled_from([rules.COOKBOOK, {rules.DUPLICATE}, {rules.EMPTY_CONTENT, rules.BLANK}, set()]))
@settings(max_examples=60, deadline=None)
def test_a_check_by_some_rules_finds_what_one_by_all_finds_of_them(content: bytes, wanted: Collection[Rule]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        path.write_bytes(content)
        whole, some = validate(path), validate(path, wanted=wanted)
    names = {rule.id for rule in wanted}
    assert some.findings == tuple(each for each in whole.findings if each.rule in names)
    assert (some.rows, some.lines, some.roles, some.lengths) == (whole.rows, whole.lines, whole.roles, whole.lengths)
