"""Lists and objects of one field, looked at for a type that holds all of them: flat ones have a type, others none."""

from collections.abc import Sequence
from dataclasses import dataclass, field

_MOST = 500  # kinds of objects in one field
_MOST_FIELDS = 32
_INT64 = range(-(2**63), 2**63)
_LEAVES = {str: "text", int: "whole", bool: "flag", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Leaf:
    """A field of flat objects: its kind, and whether some of them do not have it."""

    name: str
    kind: str  # text, whole or flag
    absent: bool


@dataclass(slots=True)
class Nested:
    """What a field's lists and objects are: `shapes` among objects, texts (lists of those), object."""

    shapes: set[str] = field(default_factory=set)
    seen: set[tuple[tuple[str, type], ...]] = field(default_factory=set)

    def take(self, value: object, *, exact: bool) -> None:
        """Add a list or an object; its whole numbers are written as they are read, if it is `exact`."""
        if "other" in self.shapes:
            return
        if type(value) is dict:
            self._object("object", value, exact)
        elif not isinstance(value, list):
            self.shapes.add("other")
        elif value and all(type(item) is dict for item in value):
            for item in value:
                self._object("objects", item, exact)
        elif all(type(item) is str for item in value):
            self.shapes.add("texts" if value else "empty")
        else:
            self.shapes.add("other")

    def _object(self, shape: str, value: dict[str, object], exact: bool) -> None:  # noqa: FBT001 - as it was given
        kinds = tuple(map(type, value.values()))
        self.shapes.add(shape)
        self.seen.add(tuple(zip(value, kinds, strict=True)))
        sound = len(self.seen) <= _MOST and all(kind in _LEAVES for kind in kinds)
        if int in kinds:
            sound = sound and exact and all(item in _INT64 for item in value.values() if type(item) is int)
        if not sound:
            self.shapes.add("other")

    def shape(self) -> str:
        """Return which of the shapes all values have, nothing where they have no one type."""
        found = self.shapes - {"empty"}
        if len(found) != 1 or not found <= {"objects", "texts", "object"}:
            return ""
        [shape] = found
        if shape == "object" and "empty" in self.shapes:
            return ""
        return shape if shape == "texts" or self.leaves() else ""

    def leaves(self) -> Sequence[Leaf]:
        """Return the fields of the objects, none where one of them has no one kind."""
        kinds: dict[str, set[str]] = {}
        for signature in self.seen:
            for name, kind in signature:
                kinds.setdefault(name, set()).add(_LEAVES.get(kind, "other"))
        made = list[Leaf]()
        for name, found in kinds.items():
            absent = any(name not in dict(signature) for signature in self.seen)
            known = found - {"null"}
            if len(known) != 1 or (absent and "null" in found):
                return []
            [only] = known
            made.append(Leaf(name, only, absent))
        return made if len(made) <= _MOST_FIELDS else []
