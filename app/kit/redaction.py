"""Secrets taken out of text that is about to be written down: by value, by form, and by the name before them.

No single way is enough: a value may be one that nobody has read yet, a form may be nobody's, a name may be far away.
"""

import re
from threading import Lock
from typing import Final

HIDDEN: Final = "[hidden]"
_SHORTEST = 8  # characters; shorter values stand everywhere
# What is known as a secret by its form: keys of OpenAI and the hub, our own, webhooks', JSON Web Tokens, PEM blocks,
# Azure's signed addresses and storage keys, and a password within an address.
_FORMS = re.compile(
    r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}"
    r"|\bhf_[A-Za-z0-9]{16,}"
    r"|\b(?:tdk-|tds_|tdt_|tdp_|ftd_)[A-Za-z0-9_-]{16,}"
    r"|\bwhsec_[A-Za-z0-9+/=_-]{16,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?<=[?&;]sig=)[^&\s\"']+"
    r"|(?<=AccountKey=)[A-Za-z0-9+/=]+"
    r"|(?<=SharedAccessSignature=)[^;\s\"']+"
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)",
    re.DOTALL,
)
_NAMES = (
    r"(?:proxy-)?authorization|set-cookie|cookie|(?:api|client|access|account|master|subscription)[-_ ]?key"
    r"|x-api-key|passw(?:or)?d|passphrase|secret(?:[-_](?:key|value))?|client[-_]secret"
    r"|(?:access|refresh|id|bearer|session|auth|api)[-_]token|token|credentials?|sealed|webhook-signature"
)
# `name: value`, `name=value`, `"name": "value"`; of a header, the scheme may stand before the value.
_NAMED = re.compile(
    rf"(?i)(?P<before>(?<![\w])[\"']?(?:{_NAMES})[\"']?\s*[:=]\s*)"
    r"(?P<value>b?\"[^\"]*\"|b?'[^']*'|(?:bearer|basic|digest|apikey)\s+[^\s,;]+|[^\s,;&}\])]+)"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")

_known: set[str] = set()
_lock = Lock()


def know(*values: str) -> None:
    """Remember values that must not be written down; line by line, where they have several lines."""
    parts = {part.strip() for value in values for part in (value, *value.splitlines())}
    fresh = {each for each in parts if len(each) >= _SHORTEST} - _known
    if fresh:
        with _lock:
            _known.update(fresh)


def redacted(text: str) -> str:
    """Return the text without what is, or looks like, a secret."""
    for value in sorted(_known, key=len, reverse=True) if _known else ():
        if value in text:
            text = text.replace(value, HIDDEN)
    text = _FORMS.sub(HIDDEN, text)
    text = _NAMED.sub(lambda found: f"{found['before']}{HIDDEN}", text)
    return _BEARER.sub(rf"\1 {HIDDEN}", text)
