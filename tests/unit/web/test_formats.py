import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from gettext import NullTranslations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.money import Money
from app.web.views import formats

NOW = datetime(2026, 11, 21, 9, 12, 33, tzinfo=UTC)
EN = NullTranslations()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "now"),
        (4, "4 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (86400, "1 d ago"),
        (-90, "in 1 min"),
    ],
)
def test_ago(seconds: int, words: str) -> None:
    assert formats.ago(EN, NOW - timedelta(seconds=seconds), NOW) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0.4, "0.4 s"),
        (34, "34 s"),
        (125, "2 min 05 s"),
        (4320, "1 h 12 min"),
        (273600, "3 d 4 h"),
        (-3, "0 s"),
        (timedelta(minutes=1), "1 min 00 s"),
    ],
)
def test_duration(seconds: float | timedelta | None, words: str) -> None:
    assert formats.duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "decimals", "words"),
    [
        (None, None, "–"),
        (2340, None, "2,340"),
        (0.0005, None, "0.0005"),
        (0.57143, 3, "0.571"),
        (1e-9, None, "1e-09"),
        (12345.678, None, "12,346"),
        (0.0002, 3, "0.0002"),
        (0.00004, 4, "4e-05"),
        (0.0, 3, "0.000"),
        (1234.0002, 3, "1,234.000"),
    ],
)
def test_number(value: float | None, decimals: int | None, words: str) -> None:
    assert formats.number(value, decimals) == words


@pytest.mark.parametrize(
    ("value", "decimals", "words"),
    [
        (None, 0, "–"),
        (0, 1, "0.0%"),
        (1, 1, "100.0%"),
        (0.938, 1, "93.8%"),
        (2999 / 3000, 1, ">99.9%"),
        (1 / 3000, 1, "<0.1%"),
        (0.997, 0, ">99%"),
        (0.003, 0, "<1%"),
        (0.994, 0, "99%"),
    ],
)
def test_percent(value: float | None, decimals: int, words: str) -> None:
    assert formats.percent(value, decimals) == words


@pytest.mark.parametrize(
    ("value", "words"), [(950, "950"), (4100, "4.1k"), (1_480_000, "1.48M"), (2_000_000_000_000, "2,000B"), (None, "–")]
)
def test_compact(value: float | None, words: str) -> None:
    assert formats.compact(value) == words


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0 B"), (999, "999 B"), (2_950_000, "2.95 MB"), (1_450_000_000, "1.45 GB")]
)
def test_size(value: int, words: str) -> None:
    assert formats.size(value) == words


@pytest.mark.parametrize(
    ("value", "words"), [(-0.067, "−0.067"), (0.021, "+0.021"), (0, "±0.000"), (-0.0002, "−0.0002"), (None, "–")]
)
def test_signed(value: float | None, words: str) -> None:
    assert formats.signed(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "no price known"),
        ({"amount": "1.70", "currency": "USD"}, "$1.70"),
        (Money(amount="1234.5", currency="EUR"), "1,234.50 EUR"),
        (Money(amount="0.0004"), "$0.0004"),
        (Money(amount="what"), "no price known"),
        (Money(amount=str(Decimal(0))), "$0.00"),
    ],
)
def test_money(value: object, words: str) -> None:
    assert formats.money(EN, value) == words


def test_visible_shows_what_would_hide() -> None:
    assert (
        formats.visible("invoice\u202egnp\x00\x1b[1m\u200b\x85 ok\n\t")
        == "invoice⟨U+202E⟩gnp␀␛[1m⟨U+200B⟩⟨U+0085⟩ ok\n\t"
    )


@given(st.text())
def test_visible_leaves_no_control_character_but_line_feed_and_tab(text: str) -> None:
    left = {unicodedata.category(c) for c in formats.visible(text) if c not in "\n\t\u00ad"}
    assert not left & {"Cc", "Cf", "Cs", "Zl", "Zp"}
