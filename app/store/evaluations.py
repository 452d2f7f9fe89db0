"""Evaluations and their rows in the database."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, insert, select

from app.domain.deployments import Target
from app.domain.evaluations import (
    Evaluation,
    EvaluationGoal,
    EvaluationMetrics,
    EvaluationRow,
    EvaluationStatus,
)
from app.domain.jobs import JobReason
from app.kit.paging import Page, decode_cursor, encode_cursor
from app.store import codec, columns, rows, schema
from app.store.database import Reader, Writer

_T = schema.evaluations
_R = schema.evaluation_rows


def _make(row: Row[Any]) -> Evaluation:
    return Evaluation(
        id=row.id,
        target=Target(connection=row.connection, base_model=row.base_model, model=row.model),
        dataset=row.dataset,
        project=row.project,
        job=row.job,
        system_prompt=row.system_prompt,
        few_shot=row.few_shot,
        few_shot_dataset=row.few_shot_dataset,
        selection_biased=bool(row.selection_biased),
        goal=EvaluationGoal(row.goal),
        status=EvaluationStatus(row.status),
        reason=None if row.reason is None else JobReason(row.reason),
        message=row.message,
        note=row.note,
        done_rows=row.done_rows,
        total_rows=row.total_rows,
        metrics=None if row.metrics is None else codec.load(EvaluationMetrics, row.metrics),
        attempts=row.attempts,
        created_at=row.created_at,
        changed_at=row.changed_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        failing_since=row.failing_since,
        next_look_at=columns.from_seconds(row.due_at),
    )


def values(evaluation: Evaluation) -> dict[str, Any]:
    """Return the evaluation as column values, without the engine's own columns."""
    return {
        "id": evaluation.id,
        "connection": evaluation.target.connection,
        "base_model": evaluation.target.base_model,
        "model": evaluation.target.model,
        "dataset": evaluation.dataset,
        "project": evaluation.project,
        "job": evaluation.job,
        "system_prompt": evaluation.system_prompt,
        "few_shot": evaluation.few_shot,
        "few_shot_dataset": evaluation.few_shot_dataset,
        "selection_biased": int(evaluation.selection_biased),
        "goal": evaluation.goal.value,
        "status": evaluation.status.value,
        "reason": None if evaluation.reason is None else evaluation.reason.value,
        "message": evaluation.message,
        "note": evaluation.note,
        "done_rows": evaluation.done_rows,
        "total_rows": evaluation.total_rows,
        "metrics": None if evaluation.metrics is None else codec.dump(evaluation.metrics),
        "attempts": evaluation.attempts,
        "created_at": evaluation.created_at,
        "changed_at": evaluation.changed_at,
        "started_at": evaluation.started_at,
        "ended_at": evaluation.ended_at,
    }


def add(tx: Writer, evaluation: Evaluation, *, due_at: float | None) -> None:
    """Insert an evaluation that the engine looks at from `due_at` (seconds since 1970) on."""
    rows.add(tx, _T, values(evaluation) | {"due_at": due_at})


def set_goal(tx: Writer, identifier: str, goal: EvaluationGoal, *, due_at: float) -> None:
    """Write what people want; the engine does the rest."""
    rows.change(tx, _T, identifier, {"goal": goal.value, "due_at": due_at})


def get(tx: Reader, identifier: str) -> Evaluation | None:
    row = rows.one(tx, _T, identifier)
    return None if row is None else _make(row)


def page(
    tx: Reader,
    *,
    job: str | None = None,
    model: str | None = None,
    project: str | None = None,
    limit: int,
    cursor: str | None,
) -> Page[Evaluation]:
    query = select(_T)
    for column, wanted in ((_T.c.job, job), (_T.c.model, model), (_T.c.project, project)):
        if wanted is not None:
            query = query.where(column == wanted)
    return rows.page(tx, query, _T, _make, limit=limit, cursor=cursor)


def of_job(tx: Reader, job: str) -> list[Evaluation]:
    """Return the evaluations that judge a job's result, oldest first."""
    return [_make(row) for row in tx.execute(select(_T).where(_T.c.job == job).order_by(_T.c.created_at, _T.c.id))]


def open_at(tx: Reader, connection: str) -> list[Evaluation]:
    """Return the evaluations of a connection that are not finished, oldest first."""
    still = (EvaluationStatus.PENDING.value, EvaluationStatus.RUNNING.value)
    query = select(_T).where(_T.c.connection == connection, _T.c.status.in_(still))
    return [_make(row) for row in tx.execute(query.order_by(_T.c.created_at, _T.c.id))]


def same_question(tx: Reader, wanted: Evaluation) -> Evaluation | None:
    """Return the newest succeeded evaluation of the same target with the same rows, prompt and examples."""
    equal = (
        _T.c.connection == wanted.target.connection,
        _T.c.base_model == wanted.target.base_model,
        _T.c.model.is_not_distinct_from(wanted.target.model),
        _T.c.dataset == wanted.dataset,
        _T.c.system_prompt.is_not_distinct_from(wanted.system_prompt),
        _T.c.few_shot == wanted.few_shot,
        _T.c.few_shot_dataset.is_not_distinct_from(wanted.few_shot_dataset),
        _T.c.status == EvaluationStatus.SUCCEEDED.value,
    )
    row = tx.execute(select(_T).where(*equal).order_by(_T.c.created_at.desc()).limit(1)).first()
    return None if row is None else _make(row)


def save_rows(tx: Writer, identifier: str, answered: Sequence[EvaluationRow]) -> None:
    """Write an evaluation's rows over those that may be there."""
    tx.execute(delete(_R).where(_R.c.evaluation == identifier))
    if answered:
        columns = ("line", "prompt", "expected", "answer", "loss")
        tx.execute(
            insert(_R),
            [
                {"evaluation": identifier, "correct": int(row.correct)} | {name: getattr(row, name) for name in columns}
                for row in answered
            ],
        )


def copy_rows(tx: Writer, source: str, target: str) -> None:
    """Give one evaluation the rows of another that asked the same."""
    save_rows(tx, target, [_row(row) for row in tx.execute(select(_R).where(_R.c.evaluation == source))])


def _row(row: Row[Any]) -> EvaluationRow:
    return EvaluationRow(
        line=row.line,
        prompt=row.prompt,
        expected=row.expected,
        answer=row.answer,
        correct=bool(row.correct),
        loss=row.loss,
    )


def row_page(
    tx: Reader, identifier: str, *, wrong_only: bool = False, limit: int, cursor: str | None
) -> Page[EvaluationRow]:
    """Return an evaluation's rows in the order of their lines."""
    query = select(_R).where(_R.c.evaluation == identifier)
    if wrong_only:
        query = query.where(_R.c.correct == 0)
    position = decode_cursor(cursor, int)
    if position is not None:
        query = query.where(_R.c.line > position[0])
    found = tx.execute(query.order_by(_R.c.line).limit(limit + 1)).all()
    items = [_row(row) for row in found[:limit]]
    return Page(items, encode_cursor(items[-1].line) if len(found) > limit else None)


def pairs(tx: Reader, left: str, right: str, *, limit: int) -> list[tuple[EvaluationRow, EvaluationRow]]:
    """Return the rows that two evaluations both answered, side by side, in the order of their lines."""
    lefts = tx.execute(select(_R).where(_R.c.evaluation == left).order_by(_R.c.line).limit(limit))
    rights = {row.line: row for row in tx.execute(select(_R).where(_R.c.evaluation == right))}
    return [(_row(row), _row(rights[row.line])) for row in lefts if row.line in rights]
