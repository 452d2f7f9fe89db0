"""What a job will take, as far as that can be known before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.money import CostRange
from app.domain.prices import UNKNOWN, Bill, Charge


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A blocker or a warning: which wizard step it belongs to, what, and how to fix it."""

    step: str
    pointer: str
    message: str
    fix: str = ""


class Verdict(StrEnum):
    """Whether what is needed is there."""

    FITS = "fits"
    TIGHT = "tight"
    DOES_NOT_FIT = "does_not_fit"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceEstimate:
    """What a job needs of the machine's memory or disk, in bytes, and what of it each part takes; None: not known."""

    kind: str  # memory | disk
    verdict: Verdict
    needed_bytes: int | None = None
    available_bytes: int | None = None
    parts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Tokens trained on (all epochs), optimizer steps, seconds, money; None where nothing is known.

    A backend fills in `charges`, what will be billed; `bill` and `cost` are made of them with our prices.
    """

    tokens: int | None = None
    epochs: float | None = None
    steps: int | None = None
    duration_s: float | None = None
    duration_low_s: float | None = None
    duration_high_s: float | None = None
    charges: Sequence[Charge] = ()
    bill: Bill = UNKNOWN
    cost: CostRange | None = None
    basis: str = ""  # where the figures come from, in words
    resources: Sequence[ResourceEstimate] = ()
    blockers: Sequence[Notice] = ()
    warnings: Sequence[Notice] = ()
