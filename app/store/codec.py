"""Frozen domain values to JSON text and back, checked on the way in."""

from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_decoders: dict[Any, Callable[[str], Any]] = {}
_making = Lock()


def dump(value: object) -> str:
    """Return a domain value (dataclasses, enums, moments, mappings) as JSON text."""
    return msgspec.json.encode(value).decode()


def decoder(kind: Any) -> Callable[[str], Any]:  # noqa: ANN401 -- a type, or what stands for one
    """Return what reads JSON text that `dump` made as a domain value.

    The first decoding of a dataclass makes msgspec collect its fields, and a second thread that decodes the same class
    meanwhile reads what is not there yet: the process dies (SIGSEGV, msgspec 0.22). So decoders are made one at a time.
    """
    made = _decoders.get(kind)
    if made is None:
        with _making:
            made = _decoders.setdefault(kind, _decoders.get(kind) or msgspec.json.Decoder(kind).decode)
    return made


def load(kind: type[T], text: str) -> T:
    """Return the domain value behind JSON text that `dump` made."""
    value: T = decoder(kind)(text)
    return value
