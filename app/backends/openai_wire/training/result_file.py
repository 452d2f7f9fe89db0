"""A job's result file as metrics: OpenAI gives base64 of a CSV, Azure the CSV itself, with other names of columns."""

import base64
import binascii
import csv
import io
import math
from collections.abc import Mapping, Sequence

from app.domain.metrics import TRAIN_LOSS, VALIDATION_LOSS, Metric

# By the names in events' data and checkpoints, OpenAI's CSV and Azure's. What is not here keeps its own name.
SERIES: Mapping[str, str] = {
    "train_loss": TRAIN_LOSS,
    "valid_loss": VALIDATION_LOSS,
    "train_mean_token_accuracy": "train_token_accuracy",
    "train_accuracy": "train_token_accuracy",
    "valid_mean_token_accuracy": "validation_token_accuracy",
    "validation_mean_token_accuracy": "validation_token_accuracy",
}
_STEP = "step"
_HEAD = b"step,"
_LONGEST_NAME = 60


def read_results(content: bytes) -> Sequence[Metric] | None:
    """Return the file's figures; None for what is no such file. Empty cells are usual: not every step is validated."""
    text = content.removeprefix(b"\xef\xbb\xbf")
    if not text.startswith(_HEAD):
        try:
            text = base64.b64decode(b"".join(content.split()), validate=True).removeprefix(b"\xef\xbb\xbf")
        except (binascii.Error, ValueError):
            return None
    if not text.startswith(_HEAD):
        return None
    try:
        rows = list(csv.DictReader(io.StringIO(text.decode())))
    except (UnicodeDecodeError, csv.Error):
        return None
    return [metric for row in rows for metric in metrics_of(row)]


def metrics_of(figures: Mapping[str, object]) -> Sequence[Metric]:
    """Return the series' values in one step's figures, of a row or of an event; without a step, none."""
    step = _number(figures.get(_STEP))
    if step is None or step < 0 or step != int(step):
        return ()
    found = {str(name): _number(value) for name, value in figures.items() if name not in {_STEP, "total_steps"}}
    return [
        Metric(step=int(step), name=SERIES.get(name, name), value=value)
        for name, value in found.items()
        if len(name) <= _LONGEST_NAME and value is not None
    ]


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
