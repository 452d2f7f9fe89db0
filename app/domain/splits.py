"""How rows are split into training, validation and test, and what a split looks like."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite

from app.domain.errors import Problem
from app.domain.jobs import SplitStrategy

MAX_SEED = 2**31 - 1  # the widest seed that every provider takes (OpenAI: 0 to 2147483647)
MAX_KEY_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSpec:
    """The wish: `ratio` is the share of all rows for validation, `test_ratio` that for the test set.

    `key` is a field such as `customer` or `metadata.customer`: rows with the same value stay together (grouped) or
    are shared out evenly (stratified; without a key the answer counts).
    """

    ratio: float = 0.1
    test_ratio: float | None = None
    seed: int = 0
    strategy: SplitStrategy = SplitStrategy.RANDOM
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a split: its line numbers in rising order, and how many rows each label has."""

    lines: Sequence[int] = ()
    labels: Sequence[tuple[str, int]] = ()

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakPair:
    """A held-out row and the training row that gives it away; `similarity` is 1.0 for an equal question."""

    line: int
    training_line: int
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Leakage:
    """How many held-out rows have an equal (`exact`) or nearly equal (`near`) question in training.

    `pairs` are the first of them; `checked` is the number of held-out rows that were compared.
    """

    exact: int = 0
    near: int = 0
    checked: int = 0
    pairs: Sequence[LeakPair] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitResult:
    """The parts of a split, as line numbers of the source, and what leaks between them."""

    training: Part
    validation: Part
    test: Part | None = None
    leakage: Leakage = field(default_factory=Leakage)


def split_problems(spec: SplitSpec, *, pointer: str = "/validation") -> list[Problem]:
    """Return what is wrong with the wish itself, whatever the file; `pointer` is where it stands in the request."""
    problems = [
        Problem(f"{pointer}/{name}", "range", f"The {what} share must lie between 0 and 1, and is {share}.", fix)
        for name, what, share, fix in (
            ("ratio", "validation", spec.ratio, "Write 0.1 to set a tenth of the rows apart."),
            ("test_ratio", "test", spec.test_ratio, "Write 0.1, or leave it empty for no test set."),
        )
        if share is not None and not (isfinite(share) and 0 < share < 1)
    ]
    if not problems and spec.ratio + (spec.test_ratio or 0) >= 1:
        fix = "Make validation and test smaller; together 0.2 is usual."
        problems.append(
            Problem(f"{pointer}/ratio", "sum", "Validation and test together leave no row to train on.", fix)
        )
    if not 0 <= spec.seed <= MAX_SEED:
        fix = "Write any whole number in that range, for example 0."
        problems.append(Problem(f"{pointer}/seed", "range", f"The seed must lie between 0 and {MAX_SEED}.", fix))
    return problems + _key_problems(spec, f"{pointer}/key")


def _key_problems(spec: SplitSpec, pointer: str) -> list[Problem]:
    if spec.strategy is SplitStrategy.GROUPED and not spec.key:
        message = "A grouped split needs a field: rows with the same value of it stay together."
        return [
            Problem(pointer, "missing", message, "Name a field of the rows, for example customer or metadata.customer.")
        ]
    if spec.strategy is SplitStrategy.RANDOM and spec.key:
        return [
            Problem(
                pointer,
                "unused",
                "A random split uses no field.",
                "Leave the field empty, or choose grouped or stratified.",
            )
        ]
    if spec.key and len(spec.key) > MAX_KEY_CHARS:
        return [
            Problem(
                pointer,
                "length",
                f"The field's name is longer than {MAX_KEY_CHARS} characters.",
                "Name a field of the rows.",
            )
        ]
    return []
