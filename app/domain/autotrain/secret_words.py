"""What looks like a secret in a configuration, by its name or by its form."""

import re

HIDDEN = "…"
# What holds a secret by its name; `tokenizer` is no token.
NAMED = r"(?:token(?!iz)|secret|password|passwd|api_?key|credential)"
SECRET_NAME = re.compile(NAMED, re.IGNORECASE)
_HUB_TOKEN = re.compile(r"\b(?:hf|api_org)_[A-Za-z0-9]{6,}")


def without_tokens(text: str) -> str:
    """Return the text without what has the form of a token of the hub."""
    return _HUB_TOKEN.sub(HIDDEN, text)
