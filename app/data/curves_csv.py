"""A training's curves in the columns of OpenAI's result file.

Source of the names: openai.com's own files, which differ from those of its checkpoints
(https://platform.openai.com/docs/guides/fine-tuning, "Analyzing your fine-tuned model").
"""

from collections.abc import Iterator, Sequence

from app.domain.metrics import TRAIN_LOSS, VALIDATION_LOSS, MetricSeries

TRAIN_ACCURACY, VALIDATION_ACCURACY = "train_token_accuracy", "validation_token_accuracy"
_COLUMNS = {
    "train_loss": TRAIN_LOSS,
    "train_accuracy": TRAIN_ACCURACY,
    "valid_loss": VALIDATION_LOSS,
    "valid_mean_token_accuracy": VALIDATION_ACCURACY,
}


def by_step(series: Sequence[MetricSeries]) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield the steps at which a loss was measured, rising, each with the finite values of losses and accuracies."""
    steps: dict[int, dict[str, float]] = {}
    for each in series:
        if each.name in _COLUMNS.values():
            for step, value in zip(each.steps, each.values, strict=True):
                if value is not None:
                    steps.setdefault(step, {})[each.name] = value
    for step in sorted(steps):
        if TRAIN_LOSS in steps[step] or VALIDATION_LOSS in steps[step]:
            yield step, steps[step]


def openai_csv(series: Sequence[MetricSeries]) -> str:
    """Return the table."""
    lines = [",".join(["step", *_COLUMNS])]
    for step, values in by_step(series):
        cells = (values.get(name) for name in _COLUMNS.values())
        lines.append(",".join([str(step), *("" if value is None else f"{value:.5f}" for value in cells)]))
    return "\n".join(lines) + "\n"
