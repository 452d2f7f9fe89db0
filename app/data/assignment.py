"""Dealing rows to parts: in order, by whole groups, or label by label."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

TRAINING, VALIDATION, TEST = range(3)
_DIGEST_BYTES = 8


@dataclass(frozen=True, slots=True, eq=False)
class AssignableRows:
    """The rows of a file to deal, by their index.

    Rows with one question have one number among `ranks`, by which rows are ordered; `groups` are the numbers of
    `names`, a row's being the key's value or the answer.
    """

    lines: "Numbers"
    ranks: "NDArray[np.uint64]"
    groups: "Numbers"
    names: Sequence[str]


def digest(data: bytes) -> bytes:
    """Return eight bytes that are the same on every machine and Python, and look like chance."""
    return blake2b(data, digest_size=_DIGEST_BYTES).digest()


def number(data: bytes) -> int:
    """Return the same as a number, in whose order the bytes are."""
    return int.from_bytes(blake2b(data, digest_size=_DIGEST_BYTES).digest(), "big")


def in_order(rows: AssignableRows, second: "Callable[[Numbers], NDArray[np.uint64]]") -> "Numbers":
    """Return the rows ordered by rank, those of one rank by what `second` gives for them, and then by line."""
    import numpy as np

    order = np.argsort(rows.ranks, kind="stable")
    ranks = rows.ranks[order]
    same = np.append(False, ranks[1:] == ranks[:-1])
    tied = np.flatnonzero(same | np.append(same[1:], False))
    if len(tied):
        some = np.sort(order[tied])
        order[tied] = some[np.lexsort((some, second(some), rows.ranks[some]))]
    return order


def assign_in_order(order: "Numbers", wanted: tuple[int, int]) -> "list[Numbers]":
    """Deal the first rows to validation, the next to the test set, the others to training."""
    validation, test = wanted
    return [order[validation + test :], order[:validation], order[validation : validation + test]]


def assign_groups(rows: AssignableRows, wanted: tuple[int, int], seed: int) -> "list[Numbers]":
    """Deal whole groups in seeded order, each to the held-out part that it brings nearer to its number."""
    import numpy as np

    sizes = np.bincount(rows.groups, minlength=len(rows.names)).tolist()
    part_of = np.zeros(len(rows.names), np.int8)
    filled = [0, 0, 0]
    names = rows.names
    for group in sorted(
        range(len(names)), key=lambda each: (digest(f"{seed}\0{names[each]}".encode(errors="replace")), names[each])
    ):
        size = sizes[group]
        open_parts = [
            part
            for part, target in ((VALIDATION, wanted[0]), (TEST, wanted[1]))
            if abs(target - filled[part] - size) < abs(target - filled[part])
        ]
        part = open_parts[0] if open_parts else TRAINING
        part_of[group] = part
        filled[part] += size
    part_of_row = part_of[rows.groups]
    return [np.flatnonzero(part_of_row == part) for part in (TRAINING, VALIDATION, TEST)]


def assign_strata(rows: AssignableRows, order: "Numbers", wanted: tuple[int, int]) -> "list[Numbers]":
    """Deal each group's rows in the same proportions, the sums exactly as wanted."""
    import numpy as np

    counts = np.bincount(rows.groups, minlength=len(rows.names)).tolist()
    sizes = dict(zip(rows.names, counts, strict=True))
    validation = apportion(sizes, wanted[0])
    test = apportion({name: size - validation[name] for name, size in sizes.items()}, wanted[1])
    strata = np.split(order[np.argsort(rows.groups[order], kind="stable")], np.cumsum(counts)[:-1])
    parts: list[list[Numbers]] = [[], [], []]
    for name, stratum in zip(rows.names, strata, strict=True):
        for part, some in zip(parts, assign_in_order(stratum, (validation[name], test[name])), strict=True):
            part.append(some)
    return [np.concatenate(part) for part in parts]


def apportion(sizes: Mapping[str, int], seats: int) -> dict[str, int]:
    """Return how many of `seats` each name gets: shares rounded down, the rest by largest remainder (Hamilton)."""
    total = sum(sizes.values()) or 1
    shares = {name: seats * size // total for name, size in sizes.items()}
    left = seats - sum(shares.values())
    by_remainder = sorted(sizes, key=lambda name: (-(seats * sizes[name] % total), name))
    for name in by_remainder[:left]:
        shares[name] += 1
    return shares
