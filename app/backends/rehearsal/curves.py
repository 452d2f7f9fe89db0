"""Made-up training curves: the same for the same tag, step by step."""

import math
from collections.abc import Mapping

from app.backends.rehearsal.faults import Script
from app.domain.metrics import GRAD_NORM, LEARNING_RATE, TOKENS_PER_SECOND, TRAIN_LOSS, VALIDATION_LOSS, Metric

EPOCHS = 3
_START_LOSS = 2.4
_END_LOSS = 0.25


def train_loss(script: Script, tag: str, step: int) -> float:
    """Return the training loss at a step: an exponential fall with a little noise."""
    fall = math.exp(-4 * step / script.steps)
    noise = 0.08 * (script.chance("loss", tag, step) - 0.5)
    return round(_END_LOSS + (_START_LOSS - _END_LOSS) * fall + noise * fall, 6)


def is_epoch_end(script: Script, step: int) -> bool:
    """Tell whether an epoch ends with this step: there is a validation then, and a checkpoint."""
    return step == script.steps or step % max(1, script.steps // EPOCHS) == 0


def metrics_at(script: Script, tag: str, step: int, settings: Mapping[str, object]) -> list[Metric]:
    """Return every series' value at a step, counted from 1."""
    peak = settings.get("learning_rate", 1e-3)
    rate = float(peak) if isinstance(peak, int | float) else 1e-3
    loss = train_loss(script, tag, step)
    values = {
        TRAIN_LOSS: loss,
        LEARNING_RATE: rate * (1 - (step - 1) / script.steps),
        TOKENS_PER_SECOND: 900 + 200 * script.chance("speed", tag, step),
        GRAD_NORM: 0.5 + loss / 2,
    }
    if is_epoch_end(script, step):
        values[VALIDATION_LOSS] = round(loss * 1.08 + 0.02, 6)
    return [Metric(step=step, name=name, value=value) for name, value in values.items()]
