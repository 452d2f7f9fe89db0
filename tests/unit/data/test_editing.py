"""Rows changed into a new file: fixes, dropped lines, and every other byte as it was."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.data.editing import SHOWN_CHANGES, Edited, edit, write_head
from app.data.fixes import BY_NAME, FIXES, indented, mended, on_one_line
from app.data.imports.positions import Positions
from app.data.limits import DEFAULT
from app.data.lines import BOM
from app.data.validation import Background, validate
from app.domain.datasets import Severity
from app.domain.edits import DatasetEdit

Write = Callable[[bytes], Path]
Row = Callable[..., bytes]


def edited(path: Path, wanted: DatasetEdit) -> tuple[bytes, Edited]:
    """The new file's bytes, and what was done; nothing else is left behind."""
    names = iter(range(9))

    def scratch() -> Path:
        made = path.with_name(f"made-{next(names)}")
        made.touch()
        return made

    out, done = edit(path, wanted, Background(), scratch)
    made = out.read_bytes()
    out.unlink()
    assert [each.name for each in path.parent.glob("made-*")] == []
    return made, done


def test_bad_lines_are_dropped_and_all_others_kept_byte_by_byte(write: Write, chat_row: Row) -> None:
    rows = [chat_row(f"question {n} " + "x" * (n % 700)) for n in range(3000)]
    bad = {5: b"{oops\n", 1000: b'{"messages": []}\n', 2999: b'"text"\n'}
    path = write(b"".join(bad.get(n, row) for n, row in enumerate(rows)))
    made, done = edited(path, DatasetEdit(drop_errors=True))
    assert made == b"".join(row for n, row in enumerate(rows) if n not in bad)
    assert (list(done.removed), done.dropped, done.changed, done.errors) == ([6, 1001, 3000], 3, 0, 0)
    assert [(each.line, each.after) for each in done.changes] == [(6, None), (1001, None), (3000, None)]
    assert all(each.reason for each in done.changes)


HUMAN = b'{"messages":[{"role":"human","content":"a"}]'
USER = b'{"messages":[{"role":"user","content":"a"}]'


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("encoding", '{"prompt": "Grüße"}'.encode("cp1252"), '{"prompt": "Grüße"}'.encode()),
        ("encoding", b'{"prompt": "\x81"}', None),
        ("characters", b'{"prompt": "a\\u0000b"}', b'{"prompt": "ab"}'),
        ("characters", BOM + b'{"prompt": "a\0b"}', b'{"prompt": "ab"}'),
        ("syntax", b'{"prompt": "a"},', b'{"prompt": "a"}'),
        ("syntax", b'{"prompt": "a\tb", "n": "\\t"}', b'{"prompt": "a\\tb", "n": "\\t"}'),
        (
            "syntax",
            b'{"t": "NaN, \\"Infinity", "n": NaN, "m":-Infinity}',
            b'{"t": "NaN, \\"Infinity", "n": null, "m":null}',
        ),
        ("syntax", b"{'prompt': 'it is', 'n': None, 'ok': True}", b'{"prompt": "it is", "n": null, "ok": true}'),
        ("syntax", b"{'prompt': open('x')}", None),
        ("syntax", b"{'a', 'b'}", None),
        ("syntax", b'{"prompt": "cut', None),
        ("roles", HUMAN + b',"id":007}', None),
        ("roles", HUMAN + b',"n":0.1234567890123456789}', None),
        ("roles", HUMAN + b',"n":1,"n":2}', None),
        ("roles", HUMAN + b',"id":99999999999999999999999}', USER + b',"id":99999999999999999999999}'),
        ("roles", HUMAN + b',"t":"\\u00e4"}', USER + b',"t":"\\u00e4"}'),
        ("roles", HUMAN + ',"t":"ä"}'.encode(), USER + ',"t":"ä"}'.encode()),
        ("roles", b'{"messages": [{"role": "Bot"}]}', b'{"messages": [{"role": "assistant"}]}'),
        ("roles", b'{"prompt":[{"role":"Human "}]}', b'{"prompt":[{"role":"user"}]}'),
        ("roles", b'{"messages":[{"role":"narrator"}]}', None),
        ("weights", b'{"messages":[{"role":"user","weight":1}]}', b'{"messages":[{"role":"user"}]}'),
        (
            "weights",
            b'{"messages":[{"role":"assistant","weight":true}]}',
            b'{"messages":[{"role":"assistant","weight":1}]}',
        ),
        ("weights", b'{"messages":[{"role":"assistant","weight":0.5}]}', None),
        ("fields", USER.replace(b"}", b',"ts":3}') + b',"ts":3}', USER + b',"ts":3}'),
        ("endings", b'{"messages":[{"role":"assistant"},{"role":"user"}]}', b'{"messages":[{"role":"assistant"}]}'),
        ("endings", USER + b"}", None),
    ],
)
def test_a_fix_mends_what_it_names_or_leaves_the_line_alone(name: str, before: bytes, after: bytes | None) -> None:
    assert mended(before, [BY_NAME[name]]) == (before if after is None else after)


def test_fixes_come_before_dropping_and_what_is_still_wrong_goes(write: Write, chat_row: Row) -> None:
    human = chat_row("from a person").replace(b'"user"', b'"human"')
    both = b"{'messages': [{'role': 'human', 'content': 'q'}, {'role': 'bot', 'content': 'a'}]}\n"
    hopeless = human.replace(b'"assistant"', b'"narrator"')
    rows = [chat_row(f"{n}") for n in range(20)] + [human, b"\n", both, hopeless, chat_row("3")]
    fixes = ("blank_lines", "duplicates", "roles", "syntax")
    made, done = edited(write(b"".join(rows)), DatasetEdit(fixes=fixes, drop_errors=True))
    assert made.splitlines()[:20] == b"".join(rows[:20]).splitlines()
    assert [json.loads(line)["messages"][0]["content"] for line in made.splitlines()[20:]] == ["from a person", "q"]
    assert (list(done.removed), done.changed, done.dropped, done.errors) == ([22, 24, 25], 2, 2, 0)
    assert [(each.line, each.after is None) for each in done.changes] == [
        (21, False), (22, True), (23, False), (24, True), (25, True)
    ]  # fmt: skip
    assert done.changes[3].before == hopeless.decode().rstrip("\n")


def test_without_dropping_errors_stay_and_are_counted(write: Write, chat_row: Row) -> None:
    path = write(chat_row("a") * 3 + b'{"messages": []}\n{"messages": []},\n')
    made, done = edited(path, DatasetEdit(fixes=("syntax",)))
    assert made.endswith(b'{"messages": []}\n{"messages": []}\n')
    assert (done.changed, done.dropped, done.errors) == (1, 0, 2)
    _, without = edited(path, DatasetEdit(fixes=("syntax",), exclude=(4,)))
    assert without.errors == 1


def test_rows_are_written_anew_and_left_out_by_line(write: Write, chat_row: Row) -> None:
    rows = [chat_row(f"{n}") for n in range(5000)]
    new = chat_row("new").decode().rstrip("\n")
    made, done = edited(write(BOM + b"".join(rows)[:-1]), DatasetEdit(replace={1: new, 5000: new}, exclude=(2, 4999)))
    whole = new.encode() + b"\n"
    assert made == b"".join([whole, *rows[2:4998], whole])
    assert (done.changed, done.dropped) == (2, 2)


def test_only_the_first_changes_are_shown_and_all_are_counted(write: Write, chat_row: Row) -> None:
    path = write(chat_row("x").replace(b'"user"', b'"human"') * 200 + b"{\n" * 300)
    _, done = edited(path, DatasetEdit(fixes=("roles",), drop_errors=True))
    assert (done.changed, done.dropped, len(done.changes)) == (200, 300, 2 * SHOWN_CHANGES)


def test_a_line_longer_than_allowed_is_kept_or_dropped_whole(write: Write, chat_row: Row) -> None:
    long = chat_row("x" * DEFAULT.line_bytes)
    content = chat_row("a") + long + chat_row("b") + long
    path = write(content + b"{\n")
    assert edited(path, DatasetEdit(exclude=(5,)))[0] == content
    made, done = edited(path, DatasetEdit(drop_errors=True))
    assert made == chat_row("a") + chat_row("b")
    assert list(done.removed) == [2, 4, 5]
    assert max(len(each.before) for each in done.changes) < 5000


LINES = [b"", b" ", b"{", b'{"text": "a"}', b'{"text": ""}', b"\xff", b'{"text": "b"},']


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(st.sampled_from(LINES), max_size=40),
    fixes=st.sets(st.sampled_from([fix.name for fix in FIXES])),
    drop=st.booleans(),
)
def test_what_is_dropped_leaves_no_error_and_a_second_edit_finds_nothing(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], fixes: set[str], drop: bool
) -> None:
    path = tmp_path_factory.mktemp("edit") / "rows.jsonl"
    path.write_bytes(b"\n".join([b'{"text": "t"}'] * 3 + lines))
    wanted = DatasetEdit(fixes=tuple(sorted(fixes)), drop_errors=drop)
    made, done = edited(path, wanted)
    path.write_bytes(made)
    heard: list[Severity] = []
    validate(path, heard=lambda _line, issue: heard.append(issue.rule.severity))
    errors = heard.count(Severity.ERROR)
    assert done.errors is None or done.errors == errors
    assert not (drop and errors)
    again, nothing = edited(path, wanted)
    assert (again, nothing.changed, list(nothing.removed)) == (made, 0, [])


def test_the_head_of_a_file_is_whole_lines(write: Write, chat_row: Row) -> None:
    path = write(chat_row("a") * 10)
    out = path.with_name("head")
    assert write_head(path, out, len(chat_row("a")) * 3 + 5) == 3
    assert out.read_bytes() == chat_row("a") * 3
    assert write_head(path, out, 1) == 1


@given(st.sets(st.integers(1, 60)), st.lists(st.integers(1, 5), min_size=1, max_size=60))
def test_positions_of_the_rows_that_are_left(removed: set[int], steps: list[int]) -> None:
    found, position, of = Positions(), 0, list[int]()
    for number, step in enumerate(steps, 1):
        position += step
        of.append(position)
        found.add(number, [position])
    left = [each for number, each in enumerate(of, 1) if number not in removed]
    made = found.without(sorted(removed))
    assert [made.of(number) for number in range(1, len(left) + 1)] == left


def test_a_row_is_edited_over_lines_and_written_in_the_manner_of_the_old_one() -> None:
    text = '{"id":12345678901234567890123,"messages":[{"role":"user","content":"a\\nü"}]}'
    shown = indented(text)
    assert shown.count("\n") > 5
    assert on_one_line(shown.replace("\n", "\r\n"), text) == text
    assert on_one_line(indented('{"a": "\\u00fc"}'), '{"a": "\\u00fc"}') == '{"a": "\\u00fc"}'
    assert indented('{"n":0.12345678901234567890}') == '{"n":0.12345678901234567890}'
    assert on_one_line('{"n":\n0.12345678901234567890}\n', text) == '{"n": 0.12345678901234567890}'
    assert on_one_line("{oops\n}", text) == "{oops }"
