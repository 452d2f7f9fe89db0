"""Dealing rows to training, validation and test: seeded, the same on every machine."""

from collections.abc import Sequence
from pathlib import Path

from app.domain.datasets import DatasetReport
from app.domain.splits import SplitResult, SplitSpec


def plan_split(path: Path, report: DatasetReport, spec: SplitSpec) -> SplitResult:
    """Return which lines go where, and what leaks between the parts.

    Raises:
        Invalid: the wish is wrong, or does not fit the file (a field that rows lack, a part without a row).
    """
    raise NotImplementedError


def write_part(path: Path, lines: Sequence[int], out: Path) -> int:
    """Copy these lines, byte by byte as they stand, to `out`; return the bytes written."""
    raise NotImplementedError
