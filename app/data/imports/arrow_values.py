"""Columns of Arrow whose type says more than that of what they are stored as: JSON, and ids of 16 bytes."""

from collections.abc import Callable
from typing import Any

import orjson
import pyarrow as pa

from app.data.marked_columns import json_of

_Change = Callable[[Any], Any]


def values(column: Any) -> list[Any]:  # noqa: ANN401 -- pyarrow has no types
    """Return a column's values; what its type says is JSON, nested too, as the value that it is and not as its text."""
    listed: list[Any] = column.to_pylist()
    change = _change(column.type)
    return listed if change is None else [None if each is None else change(each) for each in listed]


def _change(kind: Any) -> _Change | None:  # noqa: ANN401 -- as above
    """Return what is done with the values of a type, None where they stay as they are."""
    if isinstance(kind, pa.JsonType):
        return _json
    if isinstance(kind, pa.BaseExtensionType):
        return _change(kind.storage_type)
    if pa.types.is_map(kind):
        return _in_pairs(_change(kind.item_type))
    if pa.types.is_struct(kind):
        return _in_fields({each.name: change for each in kind if (change := _change(each.type))})
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _in_items(_change(kind.value_type))
    return None


def _json(text: str) -> object:
    """Return a value as it is written, in one line; what is no JSON, whatever the type says, is a text."""
    written = json_of(text.strip()) if text.strip() else None
    return text if written is None else orjson.Fragment(written)


def _in_items(change: _Change | None) -> _Change | None:
    return change and (lambda items: [None if each is None else change(each) for each in items])


def _in_pairs(change: _Change | None) -> _Change | None:
    return change and (lambda pairs: [(key, None if each is None else change(each)) for key, each in pairs])


def _in_fields(changes: dict[str, _Change]) -> _Change | None:
    def changed(value: dict[str, Any]) -> dict[str, Any]:
        made = {name: change(value[name]) for name, change in changes.items() if value[name] is not None}
        return {**value, **made}

    return changed if changes else None
