"""How many requests were answered, by method, route and status, and how long that took; of this process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_MOST = 2000  # different keys; what more there would be is counted together
OTHER: Final = ("OTHER", "", 0)


@dataclass(slots=True)
class Answered:
    """The requests of one kind: how many took no longer than each bound, the sum of their seconds, and all of them."""

    within: list[int] = field(default_factory=lambda: [0] * len(BOUNDS_S))
    seconds: float = 0.0
    count: int = 0


class RequestStats:
    """Counts in memory. Written by the one thread that answers; a reader may miss what is being counted."""

    def __init__(self) -> None:
        self._answered: dict[tuple[str, str, int], Answered] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer; `route` is the address with names in the place of ids."""
        key = (method, route, status)
        if key not in self._answered and len(self._answered) >= _MOST:
            key = OTHER
        kind = self._answered.setdefault(key, Answered())
        kind.count += 1
        kind.seconds += seconds
        for at, bound in enumerate(BOUNDS_S):
            kind.within[at] += seconds <= bound

    def answered(self) -> Mapping[tuple[str, str, int], Answered]:
        """Return what was counted by now."""
        return dict(self._answered)
