"""Are the answers a small set of labels?"""

from pathlib import Path

from app.domain.datasets import LabelSummary


def summarise_labels(path: Path) -> LabelSummary | None:
    """Return the labels of a file, None where answers are free text."""
    raise NotImplementedError
