"""Estimating tokens where there is no tokenizer at hand."""

BYTES_PER_TOKEN = 4
MESSAGE_TOKENS = 3  # the marks around a message, and around a row; as in OpenAI's cookbook "How to count tokens"


def text_bytes(text: str) -> int:
    """Return the length of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode(errors="replace"))


def estimate_tokens(text: str, messages: int = 0) -> int:
    """Return about how many tokens a row of this text and this number of messages has."""
    return -(-text_bytes(text) // BYTES_PER_TOKEN) + (messages + 1) * MESSAGE_TOKENS
