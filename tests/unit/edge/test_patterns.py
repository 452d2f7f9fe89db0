"""The patterns of the API's description say of every character what the rules behind them say."""

import re
from collections.abc import Callable

import pytest

from app.domain.names import NAME_PATTERN, name_problem
from app.http.fields import ANY_TEXT, ONE_LINE, SPACE, VISIBLE_LINE, VISIBLE_TEXT

CHARACTERS = [chr(each) for each in range(0x10000) if not 0xD800 <= each <= 0xDFFF]
FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def is_text(text: str) -> bool:
    return "\0" not in text


def is_line(text: str) -> bool:
    return not FORBIDDEN.search(text)


@pytest.mark.parametrize(
    ("pattern", "holds"),
    [
        (ANY_TEXT, is_text),
        (ONE_LINE, is_line),
        (VISIBLE_TEXT, lambda text: is_text(text) and bool(text.strip())),
        (VISIBLE_LINE, lambda text: is_line(text) and bool(text.strip())),
        (f"^[{SPACE}]*$", lambda text: not text.strip()),
        (NAME_PATTERN, lambda text: name_problem(text, "", "") is None),
    ],
    ids=["any text", "one line", "visible text", "visible line", "nothing", "a name"],
)
def test_a_pattern_lets_through_what_its_rule_does(pattern: str, holds: Callable[[str], bool]) -> None:
    matches = re.compile(pattern).search
    for around in ("{}", "a{}", " {}"):
        differing = [each for each in CHARACTERS if bool(matches(around.format(each))) != holds(around.format(each))]
        # `$` is also before a last line feed in Python, and nowhere else there in ECMA-262.
        assert [hex(ord(each)) for each in differing if each != "\n"] == []
