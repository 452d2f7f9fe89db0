"""Dealing rows to parts: in order, by whole groups, or label by label."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

PARTS = 3  # training, validation, test: the numbers 0, 1, 2 below


@dataclass(frozen=True, slots=True)
class AssignableRow:
    """One row to deal: rows with one question lie side by side by `rank`; `group` is the key's value or the answer."""

    line: int
    rank: bytes
    group: str


def digest(data: bytes) -> bytes:
    """Return eight bytes that are the same on every machine and Python, and look like chance."""
    return blake2b(data, digest_size=8).digest()


def assign_in_order(rows: list[AssignableRow], wanted: tuple[int, int]) -> list[list[AssignableRow]]:
    """Deal the first rows to validation, the next to the test set, the others to training."""
    validation, test = wanted
    return [rows[validation + test :], rows[:validation], rows[validation : validation + test]]


def by_rank(row: AssignableRow) -> tuple[bytes, int]:
    """Order rows by seed and question; equal rows by line."""
    return row.rank, row.line


def assign_groups(rows: list[AssignableRow], wanted: tuple[int, int], seed: int) -> list[list[AssignableRow]]:
    """Deal whole groups in seeded order, each to the held-out part that it brings nearer to its number."""
    groups: dict[str, list[AssignableRow]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    parts: list[list[AssignableRow]] = [[] for _ in range(PARTS)]
    for name in sorted(groups, key=lambda name: (digest(f"{seed}\0{name}".encode(errors="replace")), name)):
        group = groups[name]
        open_parts = [
            part
            for part, target in ((1, wanted[0]), (2, wanted[1]))
            if abs(target - len(parts[part]) - len(group)) < abs(target - len(parts[part]))
        ]
        parts[open_parts[0] if open_parts else 0].extend(group)
    return parts


def assign_strata(rows: list[AssignableRow], wanted: tuple[int, int]) -> list[list[AssignableRow]]:
    """Deal each group's rows in the same proportions, the sums exactly as wanted."""
    strata: dict[str, list[AssignableRow]] = defaultdict(list)
    for row in sorted(rows, key=by_rank):
        strata[row.group].append(row)
    sizes = {name: len(stratum) for name, stratum in strata.items()}
    validation = apportion(sizes, wanted[0])
    test = apportion({name: size - validation[name] for name, size in sizes.items()}, wanted[1])
    parts: list[list[AssignableRow]] = [[] for _ in range(PARTS)]
    for name, stratum in strata.items():
        for part, assigned in zip(parts, assign_in_order(stratum, (validation[name], test[name])), strict=True):
            part.extend(assigned)
    return parts


def apportion(sizes: Mapping[str, int], seats: int) -> dict[str, int]:
    """Return how many of `seats` each name gets: shares rounded down, the rest by largest remainder (Hamilton)."""
    total = sum(sizes.values()) or 1
    shares = {name: seats * size // total for name, size in sizes.items()}
    left = seats - sum(shares.values())
    by_remainder = sorted(sizes, key=lambda name: (-(seats * sizes[name] % total), name))
    for name in by_remainder[:left]:
        shares[name] += 1
    return shares
