"""Rehearsed evaluations: a base model that is often wrong, a tuned one that seldom is, decided line by line."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from app.backends.rehearsal.faults import FaultKind
from app.backends.rehearsal.state import LABEL, RehearsalState
from app.domain.backend import DataRejected, Evaluates, EvaluationObservation, EvaluationRequest
from app.domain.evaluations import Confusion, EvaluationMetrics, EvaluationRow
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
    for line, text in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not text.strip():
            continue
        prompt, expected = _question(text, line)
        correct = chance("answer", tuned, line, expected) < share
        answer = expected if correct else _wrong(expected, labels, line)
        loss = round(_LOSS[tuned] * (0.5 + chance("loss", tuned, line)), 6)
        yield EvaluationRow(line=line, prompt=prompt, expected=expected, answer=answer, correct=correct, loss=loss)


def _question(text: bytes, line: int) -> tuple[str, str]:
    try:
        row = msgspec.json.decode(text)
    except msgspec.DecodeError as problem:
        raise DataRejected(f"{LABEL}: line {line} is not JSON.", fix="Mend the line.") from problem
    messages = row.get("messages") if isinstance(row, dict) else None
    if isinstance(messages, list) and messages:
        *asked, answer = (str(message.get("content", "")) for message in messages)
        return (asked[-1] if asked else "", answer)
    if isinstance(row, dict) and "completion" in row:
        return str(row.get("prompt", "")), str(row["completion"])
    if isinstance(row, dict) and "text" in row:
        return "", str(row["text"])
    raise DataRejected(f"{LABEL}: line {line} has no messages.", fix="Give the row a list `messages`.")


def _wrong(expected: str, labels: Sequence[str], line: int) -> str:
    others = [label for label in labels if label != expected]
    return others[line % len(others)] if others else _OTHER


def figures(rows: Sequence[EvaluationRow], labels: Sequence[str], *, tuned: bool) -> EvaluationMetrics:
    """Count the rows; the loss alone is made up."""
    if not rows:
        return EvaluationMetrics(missing={"loss": "There are no rows."})
    right = sum(row.correct for row in rows) / len(rows)
    loss = sum(row.loss or 0.0 for row in rows) / len(rows)
    named = bool(labels)
    return EvaluationMetrics(
        rows=len(rows),
        loss=loss,
        perplexity=math.exp(loss),
        token_accuracy=0.5 + right / 2 if tuned else right / 2,
        exact_match=right,
        token_f1=right,
        accuracy=right if named else None,
        macro_f1=macro_f1(rows, labels) if named else None,
        confusion=confusion(rows, labels) if named else None,
        missing={"forced_choice_accuracy": f"{LABEL}: nothing is scored."},
    )


def macro_f1(rows: Sequence[EvaluationRow], labels: Sequence[str]) -> float:
    """Return the mean over labels of 2·hits / (expected + answered), 0 where a label never occurs."""
    hits = Counter(row.expected for row in rows if row.correct)
    expected, reported = Counter(row.expected for row in rows), Counter(row.answer for row in rows)
    scores = [2 * hits[label] / max(1, expected[label] + reported[label]) for label in labels]
    return sum(scores) / len(scores)


def confusion(rows: Sequence[EvaluationRow], labels: Sequence[str]) -> Confusion:
    """Return the table: expected by answered, with a last column for everything else."""
    pairs = Counter((row.expected, row.answer if row.answer in labels else None) for row in rows)
    columns = [*labels, None]
    return Confusion(labels=list(labels), counts=[[pairs[label, reported] for reported in columns] for label in labels])
