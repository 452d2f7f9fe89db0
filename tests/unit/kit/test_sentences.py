"""A sentence has one full stop, whatever its last word brings along."""

import pytest

from app.kit.sentences import ended


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("Rows also have the fields: Datum", "Rows also have the fields: Datum."),
        ("Rows also have the fields: Nr.", "Rows also have the fields: Nr."),
        ("It says: Is it there?", "It says: Is it there?"),
        ("Left out: notes…", "Left out: notes…"),
        ("", "."),
    ],
)
def test_a_sentence_has_one_end(text: str, whole: str) -> None:
    assert ended(text) == whole
