"""What was ever trained at the provider, read: jobs, files of rows, curves, and answers of models."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from app.backends.openai_wire.serving.by_name import CHAT
from app.backends.openai_wire.serving.chat import ask
from app.backends.openai_wire.training.jobs import JOBS, Wire
from app.backends.openai_wire.training.observation import observe
from app.domain.backend import ChatRequest
from app.domain.backend_abilities import TellsHistory
from app.domain.hyperparameters import AUTO, Hyperparameter
from app.domain.lifeboats import PastJob, PastPage
from app.domain.metrics import Metric

_PAGE = "50"
_METHODS = {"supervised": "sft", "dpo": "dpo"}


class TellsPast(TellsHistory):
    """To tell what was trained there, by whomever."""

    wire: Wire

    def past_jobs(self, after: str | None) -> PastPage:
        """Return a page of the jobs, the newest first."""
        query = [("limit", _PAGE), *([("after", after)] if after else [])]
        body = self.wire.plane.get(JOBS, query)
        found = [each for each in body.get("data") or () if isinstance(each, dict) and each.get("id")]
        more = bool(body.get("has_more")) and bool(found)
        last = str(found[-1]["id"]) if found else None
        return PastPage(jobs=[_job(each) for each in found], after=last if more and last != after else None)

    def past_file(self, identifier: str) -> bytes:
        """Return a file of rows, as it was uploaded."""
        return self.wire.plane.content(f"files/{identifier}/content")

    def past_curves(self, job: str) -> Sequence[Metric]:
        """Return what was measured: by its events and its result files, each figure once."""
        seen = observe(self.wire.plane, job, since=None, now=self.wire.clock.now(), estimates=False)
        figures = {(each.name, each.step): each for each in seen.metrics}
        return [figures[key] for key in sorted(figures)]

    def past_answer(self, model: str, request: ChatRequest) -> str:
        """Return what a model answers, whole."""
        return "".join(each.text for each in ask(self.wire.plane, CHAT, model, request))


def _job(body: Mapping[str, Any]) -> PastJob:
    method = body.get("method")
    kind = str(method.get("type")) if isinstance(method, dict) else "supervised"
    seed, made = body.get("seed"), body.get("created_at")
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
        made_at=datetime.fromtimestamp(made, UTC) if isinstance(made, int) and 0 <= made < 1 << 40 else None,
    )


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
