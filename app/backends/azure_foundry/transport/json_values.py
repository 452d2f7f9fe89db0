"""Reading what a stranger sends: a value of the expected shape, or nothing; never an exception."""

from collections.abc import Mapping
from typing import Any

Body = Mapping[str, Any]


def text(thing: object, *path: str) -> str:
    """Return the text at a path of names; a number as text; "" where there is neither."""
    found = _at(thing, path)
    if isinstance(found, int | float) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) else ""


def part(thing: object, *path: str) -> Body:
    """Return the object at a path of names; an empty one where there is none."""
    found = _at(thing, path)
    return found if isinstance(found, Mapping) else {}


def parts(thing: object, *path: str) -> list[Body]:
    """Return the objects in the list at a path of names; none where there is no list."""
    found = _at(thing, path)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def number(value: object) -> float | None:
    """Return what came as a number (NaN comes as text); None for what is none."""
    if isinstance(value, bool):
        return None
    try:
        return float(value)  # type: ignore[arg-type]  # whatever came: NaN comes as text
    except (TypeError, ValueError, OverflowError):
        return None


def _at(thing: object, path: tuple[str, ...]) -> object:
    for name in path:
        thing = thing.get(name) if isinstance(thing, Mapping) else None
    return thing
