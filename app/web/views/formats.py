"""Numbers, times and texts as people read them; every function is pure, and the words go through gettext."""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from gettext import NullTranslations

NOTHING = "–"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_KILO = 1000
_SECONDS_CHARS = len("2026-11-21 09:12:33")


def exact(value: datetime) -> str:
    """The moment in full, in UTC, for a title: `2026-11-21 09:12:33 UTC`."""
    return _in_utc(value).isoformat(" ", "seconds")[:_SECONDS_CHARS] + " UTC"


def iso(value: datetime) -> str:
    """The moment as `<time datetime>` wants it (RFC 3339, UTC)."""
    return _in_utc(value).isoformat("T", "seconds")[:_SECONDS_CHARS] + "Z"


def _in_utc(value: datetime) -> datetime:
    return value if value.tzinfo is UTC else value.astimezone(UTC)  # nearly all are, and the look is a third as dear


def clock_time(value: datetime) -> str:
    """Hours, minutes and seconds in UTC, for logs."""
    return value.astimezone(UTC).strftime("%H:%M:%S")


def ago(tr: NullTranslations, value: datetime, now: datetime) -> str:
    """How long ago (or in how long) `value` lies from `now`, in its largest unit.

    static/js/app.js says the same words again as time passes; a test holds the two together.
    """
    seconds = int((now - value).total_seconds())
    _ = tr.gettext
    amount = abs(seconds)
    if amount < 1:
        return _("now")
    if amount < _MINUTE:
        span = _("%(n)d s") % {"n": amount}
    elif amount < _HOUR:
        span = _("%(n)d min") % {"n": amount // _MINUTE}
    elif amount < _DAY:
        span = _("%(n)d h") % {"n": amount // _HOUR}
    else:
        span = _("%(n)d d") % {"n": amount // _DAY}
    return (_("%(span)s ago") if seconds > 0 else _("in %(span)s")) % {"span": span}


def duration(value: float | timedelta | None) -> str:
    """A span in its two largest units: `0.4 s`, `34 s`, `2 min 05 s`, `1 h 12 min`, `3 d 4 h`; a dash for None."""
    if value is None:
        return NOTHING
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if seconds < 0:
        seconds = 0.0
    if 0 < seconds < 1:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def number(value: float | None, decimals: int | None = None) -> str:
    """Thousands apart by commas; so many decimals, or as many as the value needs (four significant digits)."""
    if value is None:
        return NOTHING
    if decimals is not None:
        return _fixed(value, decimals)
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    if abs(value) >= _KILO:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) >= 1e-4 else f"{value:.3g}"  # noqa: PLR2004 - below that, powers of ten read better


def compact(value: float | None) -> str:
    """Three significant digits and a letter: `950`, `4.1k`, `1.48M`."""
    if value is None:
        return NOTHING
    size = float(value)
    for letter in ("", "k", "M", "B"):
        if abs(size) < _KILO or letter == "B":
            return f"{size:.3g}{letter}" if abs(size) < _KILO else f"{size:,.0f}{letter}"
        size /= _KILO
    raise AssertionError(size)


def signed(value: float | None, decimals: int = 3) -> str:
    """A difference with its sign, a true minus included."""
    if value is None:
        return NOTHING
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    return f"{sign}{_fixed(abs(value), decimals)}"


def _fixed(value: float, decimals: int) -> str:
    """Write a number with so many decimals; one that is not zero is not written as zero (a loss of 0.0002)."""
    written = f"{value:,.{decimals}f}"
    return f"{value:.2g}" if value and not float(written.replace(",", "")) else written


def size(value: int | None) -> str:
    """Bytes in decimal units (kB = 1000), as operating systems and registries print them."""
    if value is None:
        return NOTHING
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < _KILO or unit == "TB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.3g} {unit}"
        amount /= _KILO
    raise AssertionError(amount)


def percent(value: float | None, decimals: int = 0) -> str:
    """A share between 0 and 1 as a percentage; what is not all or nothing is not written so (`>99.9%`, `<1%`)."""
    if value is None:
        return NOTHING
    if 0 < value < 1:
        least = 10**-decimals
        written = float(f"{value * 100:.{decimals}f}")
        if written in {0, 100}:
            return f"<{least:.{decimals}f}%" if written == 0 else f">{100 - least:.{decimals}f}%"
    return f"{value * 100:.{decimals}f}%"


def money(tr: NullTranslations, value: object) -> str:
    """An amount with its currency, or the plain statement that no sourced price is known.

    Accepts None, `{"amount": "1.70", "currency": "USD"}` or any value with these two attributes.
    """
    if value is None:
        return tr.gettext("no price known")
    get = value.get if isinstance(value, Mapping) else lambda name: getattr(value, name)
    try:
        amount = Decimal(str(get("amount")))
    except InvalidOperation:
        return tr.gettext("no price known")
    return amount_text(amount, str(get("currency")))


def amount_text(amount: Decimal, currency: str) -> str:
    """An amount to cents, to a hundredth of a cent below one cent; dollars with their sign."""
    digits = f"{amount:,.2f}" if amount == 0 or abs(amount) >= Decimal("0.01") else f"{amount:,.4f}"
    return f"${digits}" if currency == "USD" else f"{digits} {currency}"


def visible(value: object) -> str:
    """Text with its control and direction-changing characters made visible, so that no data can disguise itself.

    Line feeds and tabs stay. C0 controls become their pictures (U+2400 block); the rest is written as `⟨U+202E⟩`.
    """
    text = str(value)
    if text.isascii() and text.isprintable():
        return text  # almost every text, and a hundred times quicker
    return "".join(_picture(character) for character in text)


def _picture(character: str) -> str:
    if character in "\n\t":
        return character
    code = ord(character)
    if code < 0x20:  # noqa: PLR2004 - C0 controls
        return chr(0x2400 + code)
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and character != "\u00ad":
        return f"⟨U+{code:04X}⟩"
    return character
