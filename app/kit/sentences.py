"""Sentences that end in words from outside: a name, a provider's message, an exception's text."""

_ENDS = (".", "!", "?", "…")


def ended(text: str) -> str:
    """Return a sentence with a full stop, unless its last word brought one along: a column may be called `Nr.`."""
    return text if text.endswith(_ENDS) else f"{text}."
