"""Making hidden characters visible, so that what a page shows is what the row holds."""

import re

# C0 and C1 controls but for tab and line feed, zero-width space, word joiner, byte-order mark, line and paragraph
# separators, all bidirectional marks and overrides (Unicode UAX 9), tag characters, and halves of characters.
# The zero-width joiner and non-joiner stay: emoji and Persian need them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)
_PICTURES = 0x2400  # U+2400 and on: pictures of the C0 controls
_SPACE = 0x20


def visible(text: str) -> str:
    """Return the text with control, bidirectional and other hidden characters shown as signs such as ␀ or ⟦U+202E⟧."""
    return _HIDDEN.sub(_sign, text)


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    return chr(_PICTURES + code) if code < _SPACE else f"⟦U+{code:04X}⟧"
