"""Evaluating: one child per evaluation; its rows and figures are read once, when it is done."""

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from app.backends.local.context import LocalContext
from app.backends.local.errors import in_backend_words, reason_of, sentence, untyped
from app.backends.local.runs import Look
from app.domain.backend import Evaluates, EvaluationObservation, EvaluationRequest, NotFound
from app.domain.backend_abilities import Identifies
from app.domain.evaluations import EvaluationMetrics, EvaluationRow, EvaluationStatus, Identity
from app.domain.jobs import JobReason
from app.training.identity import HASHES, RENDERING_VERSION, Hashes, folders_of

_ROW_FIELDS = ("line", "prompt", "expected", "answer", "correct", "loss", "ended", "margin")
_SOON = timedelta(seconds=1)


class LocalEvaluation(Evaluates, Identifies):
    """To let a base or tuned model answer held-out rows, and to count."""

    context: LocalContext

    @in_backend_words
    def identity(self, base_model: str, model: str | None) -> Identity | None:
        """Return what would answer now: by the hashes that an evaluation left behind, where no file has changed."""
        folders = folders_of(self.context.target(base_model, model), self.context.models.hub_cache)
        found = self._hashes.of_model(folders, reading=False) if folders else None
        return None if found is None else Identity(rendering=RENDERING_VERSION, model=found)

    @property
    def _hashes(self) -> Hashes:
        return Hashes(self.context.runs.root / HASHES)

    @in_backend_words
    def start_evaluation(self, request: EvaluationRequest) -> None:
        """Begin; a repeat finds what the first call made."""
        if not request.rows.is_file():
            raise NotFound("The file with the test rows is gone.", fix="Upload the dataset again.")
        target = self.context.target(request.base_model, request.model)
        spec = {
            "kind": "evaluate",
            "target": target,
            "rows": str(request.rows),
            "system_prompt": request.system_prompt,
            "few_shot": [dict(example) for example in request.few_shot],
            "labels": list(request.labels),
            "batch_size": self.context.batch_for(request.base_model),
            "hashes": {"file": str(self._hashes.file), "hub": str(self.context.models.hub_cache)},
            **self.context.machine(target["base"]["hub"]),
        }
        self.context.runs.start(request.tag, spec)

    @in_backend_words
    def observe_evaluation(self, tag: str) -> EvaluationObservation:
        """Look at an evaluation. One that was stopped from outside begins anew: it has nothing to lose."""
        runs = self.context.runs
        look = runs.look(tag)
        if not look.exists:
            raise NotFound(f"The folder of evaluation {tag} is gone.", fix="Start the evaluation again.")
        if look.state == "succeeded":
            return _finished(runs.folder(tag))
        if look.alive:
            if look.stopping:
                runs.stop(tag)
            done, total = self._progress(tag)
            return EvaluationObservation(
                status=EvaluationStatus.RUNNING, done_rows=done, total_rows=total, next_look=_SOON
            )
        if look.stopping:
            return EvaluationObservation(status=EvaluationStatus.CANCELLED, reason=JobReason.REQUESTED)
        if look.state == "stopped" or (look.died and look.rebooted):
            runs.restart(tag)
        elif look.state == "failed" or look.died:
            return self._failed(tag, look)
        return EvaluationObservation(status=EvaluationStatus.RUNNING, next_look=_SOON)

    @in_backend_words
    def cancel_evaluation(self, tag: str) -> None:
        """Stop it; nothing is kept."""
        self.context.runs.stop(tag)

    def _failed(self, tag: str, look: Look) -> EvaluationObservation:
        code, message = (
            str(look.reported.get("code", "")),
            sentence(str(look.reported.get("message")), str(look.reported.get("fix"))),
        )
        if look.state != "failed":
            code, message = self.context.runs.cause_of_death(tag, look)
        return EvaluationObservation(status=EvaluationStatus.FAILED, message=message, reason=reason_of(code))

    def _progress(self, tag: str) -> tuple[int, int | None]:
        news, _ = self.context.runs.news(tag, None)
        reported = [event for _, event in news if event.get("kind") == "progress"]
        return (int(reported[-1]["done"]), int(reported[-1]["total"])) if reported else (0, None)


def _finished(folder: Path) -> EvaluationObservation:
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    rows = _rows(folder / "rows.jsonl")
    skipped, answering = int(result.get("skipped", 0)), untyped(result.get("identity"))
    return EvaluationObservation(
        status=EvaluationStatus.SUCCEEDED,
        message=f"{skipped} rows are longer than the model's context and were left out." if skipped else "",
        done_rows=len(rows),
        total_rows=len(rows),
        metrics=EvaluationMetrics.of(untyped(result.get("metrics"))),
        rows=rows,
        identity=Identity(rendering=answering["rendering"], model=answering["model"]) if answering else None,
    )


def _rows(path: Path) -> Sequence[EvaluationRow]:
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [EvaluationRow(**{name: row.get(name) for name in _ROW_FIELDS}) for row in rows]
