"""The result of the main job as a table, and what it means in plain words."""

import math
from collections.abc import Mapping, Sequence

from app.demo.client import Answer
from app.demo.steps import Asked

_FIGURES = (
    ("accuracy", "accuracy"),
    ("macro_f1", "macro-F1"),
    ("forced_choice_accuracy", "accuracy, forced to choose"),
    ("token_f1", "token F1"),
    ("loss", "loss (nats per answer token)"),
    ("perplexity", "perplexity"),
    ("token_accuracy", "token accuracy"),
)
_LARGE = 1000
_Z = 1.96  # of a 95 % interval


def figures(evaluated: Mapping[str, Answer]) -> str:
    """Return a table: one column per evaluation, by its name, one line per figure."""
    metrics = {name: evaluation["metrics"] for name, evaluation in evaluated.items()}
    rows = [["", *metrics]]
    rows += [[label, *(number(each[name]) for each in metrics.values())] for name, label in _FIGURES]
    return table(rows)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as aligned columns, the first row as their heads."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def number(value: float | None) -> str:
    """Return a figure with as many digits as it deserves."""
    if value is None:
        return "–"
    return f"{value:.3f}" if value < _LARGE else f"{value:.3g}"


def interval(hits: int, rows: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (E. B. Wilson, 1927, JASA 22:209): what the rows alone leave open."""
    share, square = hits / rows, _Z * _Z
    middle = (share + square / (2 * rows)) / (1 + square / rows)
    half = _Z / (1 + square / rows) * math.sqrt(share * (1 - share) / rows + square / (4 * rows * rows))
    return max(0.0, middle - half), min(1.0, middle + half)


def meaning(base: Answer, tuned: Answer, asked: Sequence[Asked]) -> str:
    """Return what the figures say, and what they do not."""
    rows = tuned["metrics"]["rows"]
    right, before, forced = (
        round((value or 0) * rows)
        for value in (
            tuned["metrics"]["accuracy"],
            base["metrics"]["accuracy"],
            base["metrics"]["forced_choice_accuracy"],
        )
    )
    low, high = interval(right, rows)
    same = sum(each.same for each in asked)
    paragraphs = [
        f"""Of {rows} messages that neither the training nor the choice of the checkpoint has seen, the tuned model
        sends {right} to the right queue. So few rows leave {low:.0%} to {high:.0%} open (95 % interval).""",
        f"""The base model names the right queue {before} times as it answers, and {forced} times when it may only
        choose among the queues: the first is mostly a matter of form, the second is the fair comparison.""",
        f"""{same} of {len(asked)} test messages through the deployment were answered word for word as the evaluation
        recorded.""",
        """It is a toy for plain, short messages: even on these, word counts with logistic regression do better
        (docs/sample.md says by how much).""",
    ]
    return "\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
