"""The figures of an evaluation as this backend's children count them: the domain's own."""

from app.domain.scoring import (
    confusion,
    exact_match,
    find_labels,
    macro_f1,
    normalise,
    token_f1,
)

__all__ = ["confusion", "exact_match", "find_labels", "macro_f1", "normalise", "token_f1"]
