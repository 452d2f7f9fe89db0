"""A job as the provider tells it, whoever made it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.domain.hyperparameters import AUTO, Hyperparameter
from app.domain.lifeboats import PastJob

_METHODS = {"supervised": "sft", "dpo": "dpo"}
_SECONDS = 1 << 40  # later than any moment that is meant


def past_job(body: Mapping[str, Any]) -> PastJob:
    """Return what a job's body says."""
    method = body.get("method")
    kind = str(method.get("type")) if isinstance(method, dict) else "supervised"
    seed = body.get("seed")
    return PastJob(
        id=str(body["id"]),
        name=_text(body, "user_provided_suffix") or _text(body, "suffix"),
        base_model=_text(body, "model"),
        model=_text(body, "fine_tuned_model"),
        word=_text(body, "status"),
        method=_METHODS.get(kind, kind),
        training_file=_text(body, "training_file"),
        validation_file=_text(body, "validation_file"),
        hyperparameters=_hyperparameters(body, method, kind),
        seed=seed if isinstance(seed, int) and not isinstance(seed, bool) else None,
        made_at=moment(body.get("created_at")),
    )


def moment(seconds: object) -> datetime | None:
    """Return the moment that a body gives in seconds since 1970; None where it gives none."""
    is_count = isinstance(seconds, int) and not isinstance(seconds, bool)
    return datetime.fromtimestamp(seconds, UTC) if is_count and 0 < seconds < _SECONDS else None  # type: ignore[operator, arg-type]


def _hyperparameters(body: Mapping[str, Any], method: object, kind: str) -> dict[str, Hyperparameter]:
    """Return the hyperparameters; those inside the method count before those beside it, and -1 is Azure's "auto"."""
    inner = method.get(kind) if isinstance(method, dict) else None
    nested = inner.get("hyperparameters") if isinstance(inner, dict) else None
    found: dict[str, Hyperparameter] = {}
    for given in (body.get("hyperparameters"), nested):
        for name, value in given.items() if isinstance(given, dict) else ():
            if isinstance(value, int | float | str) and not isinstance(value, bool):
                found[str(name)] = AUTO if value == -1 else value
    return found


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return value[:500] if isinstance(value, str) else ""
