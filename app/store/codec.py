"""Frozen domain values to JSON text and back, checked on the way in."""

from threading import Lock
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_decoders: dict[Any, "msgspec.json.Decoder[Any]"] = {}
_making = Lock()


def dump(value: object) -> str:
    """Return a domain value (dataclasses, enums, moments, mappings) as JSON text."""
    return msgspec.json.encode(value).decode()


def load(kind: type[T], text: str) -> T:
    """Return the domain value behind JSON text that `dump` made.

    The first decoding of a dataclass makes msgspec collect its fields, and a second thread that decodes the same class
    meanwhile reads what is not there yet: the process dies (SIGSEGV, msgspec 0.22). So decoders are made one at a time.
    """
    decoder = _decoders.get(kind)
    if decoder is None:
        with _making:
            decoder = _decoders.get(kind)
            if decoder is None:
                decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    value: T = decoder.decode(text)
    return value
