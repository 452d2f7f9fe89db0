"""Rehearsed evaluations: a base model that is often wrong, a tuned one that seldom is, decided line by line."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from app.backends.rehearsal.faults import FaultKind
from app.backends.rehearsal.state import LABEL, RehearsalState
from app.domain import canonical, scoring
from app.domain.backend import DataRejected, Evaluates, EvaluationObservation, EvaluationRequest
from app.domain.evaluations import EvaluationMetrics, EvaluationRow
from app.domain.evaluations import EvaluationStatus as Status
from app.domain.jobs import JobReason

_RIGHT = {True: 0.9, False: 0.35}  # the share of right answers, tuned and base
_LOSS = {True: 0.31, False: 2.17}
_OTHER = f"[{LABEL}] something else"


class RehearsalEvaluation(RehearsalState, Evaluates):
    """Evaluations."""

    def start_evaluation(self, request: EvaluationRequest) -> None:
        """Note what is to be judged; a repeat finds it."""
        self.take_time()
        self.stumble("start_evaluation", request.tag)
        with self.ledger.locked():
            if not self.made("start_evaluation", request.tag):
                self.write(
                    "start_evaluation",
                    request.tag,
                    id=f"reh-{request.tag}",
                    rows=str(request.rows),
                    tuned=request.model is not None,
                    labels=list(request.labels),
                    help=len(request.few_shot),
                )

    def observe_evaluation(self, tag: str) -> EvaluationObservation:
        """Look at an evaluation; rows and figures come with the last look."""
        self.stumble("observe_evaluation", tag)
        entries = self.ledger.of(tag)
        started = next((e for e in entries if e.call == "start_evaluation" and e.id is not None), None)
        if started is None:
            raise self.missing("evaluation", tag)
        look = timedelta(seconds=self.script.look_s)
        if any(entry.call == "cancel_evaluation" and entry.id is not None for entry in entries):
            return EvaluationObservation(status=Status.CANCELLED, next_look=look)
        rows = list(answered(Path(started.data["rows"]), started.data, self.script.chance))
        age = self.now() - started.at
        if age < self.script.evaluate_s:
            done = int(len(rows) * age / self.script.evaluate_s)
            return EvaluationObservation(status=Status.RUNNING, done_rows=done, total_rows=len(rows), next_look=look)
        fate = self.script.fault("judge", tag, self.number(tag), turn=0, spent=0)
        if fate is not None and fate.kind is FaultKind.FAILS:
            message = f"{LABEL}: the evaluation came to a bad end, on request."
            return EvaluationObservation(status=Status.FAILED, reason=JobReason.BACKEND_ERROR, message=message)
        return EvaluationObservation(
            status=Status.SUCCEEDED,
            done_rows=len(rows),
            total_rows=len(rows),
            metrics=figures(rows, started.data["labels"], tuned=started.data["tuned"]),
            rows=rows,
        )

    def cancel_evaluation(self, tag: str) -> None:
        """Stop an evaluation."""
        self.stumble("cancel_evaluation", tag)
        if self.made("start_evaluation", tag) and not self.made("cancel_evaluation", tag):
            self.write("cancel_evaluation", tag, id=f"reh-{tag}")


def answered(path: Path, data: Mapping[str, Any], chance: Any) -> Iterator[EvaluationRow]:  # noqa: ANN401 -- Script.chance
    """Yield each row of a file with its made-up answer.

    Raises:
        DataRejected: a line is not a row.
    """
    labels: Sequence[str] = data["labels"]
    tuned = bool(data["tuned"])
    share = _RIGHT[tuned] + (0.1 if data["help"] and not tuned else 0.0)
    try:
        with path.open("rb") as file:
            questions = [canonical.question(row) for row in canonical.read(file)]
    except canonical.BadRow as problem:
        raise DataRejected(f"{LABEL}: line {problem.line} {problem.reason}.", fix="Fix the line.") from problem
    for each in questions:
        line, expected = each.line, each.expected
        correct = chance("answer", tuned, line, expected) < share
        answer = expected if correct else _wrong(expected, labels, line)
        loss = round(_LOSS[tuned] * (0.5 + chance("loss", tuned, line)), 6)
        yield EvaluationRow(
            line=line, prompt=each.shown, expected=expected, answer=answer, correct=correct, loss=loss, ended=True
        )


def _wrong(expected: str, labels: Sequence[str], line: int) -> str:
    others = [label for label in labels if label != expected]
    return others[line % len(others)] if others else _OTHER


def figures(rows: Sequence[EvaluationRow], labels: Sequence[str], *, tuned: bool) -> EvaluationMetrics:
    """Count the rows; the loss alone is made up."""
    if not rows:
        return EvaluationMetrics(missing={"loss": "There are no rows."})
    found = scoring.figures([(row.answer, row.expected) for row in rows], labels)
    found |= scoring.endings([(row.answer, bool(row.ended)) for row in rows])
    right, loss = found["exact_match"], sum(row.loss or 0.0 for row in rows) / len(rows)
    made_up = {"loss": loss, "perplexity": math.exp(loss), "token_accuracy": 0.5 + right / 2 if tuned else right / 2}
    missing = {**found["missing"], "forced_choice_accuracy": f"{LABEL}: nothing is scored."}
    return EvaluationMetrics.of({**found, **made_up, "rows": len(rows), "missing": missing})
