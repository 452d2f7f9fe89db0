"""One pass over a file of rows: every error with its line, its place, its reason and its remedy."""

from pathlib import Path

from app.data.limits import DEFAULT, Limits
from app.domain.datasets import DatasetReport


def validate(path: Path, *, limits: Limits = DEFAULT) -> DatasetReport:
    """Return what the file is and everything that is wrong with it, in constant memory.

    Raises:
        OSError: the file cannot be read. Nothing that stands in the file raises.
    """
    raise NotImplementedError
