"""Evaluations and their rows in the database."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, bindparam, case, delete, func, insert, select

from app.domain import intervals
from app.domain.actors import OWNER
from app.domain.evaluations import Evaluation, EvaluationRow, EvaluationStatus
from app.domain.paired import Paired, PairedMean, PairedShare
from app.kit.paging import Page
from app.store import rows, schema
from app.store.database import Reader, Writer
from app.store.mapping import LEASED, Mapper

_T = schema.evaluations
_R = schema.evaluation_rows
# Made once, with the queries around them: an alias is a copy of the table, garbage of hundreds of objects after each.
_BASE, _TUNED = _R.alias("base"), _R.alias("tuned")
_NEWEST = 20  # of those that asked the same
MAPPER = Mapper(Evaluation, _T, spread=["target"], made=LEASED)
_ROWS = Mapper(EvaluationRow, _R)
add, get, many, page, set_goal = MAPPER.add, MAPPER.get, MAPPER.many, MAPPER.page, MAPPER.set_goal


def maker(tx: Reader, identifier: str) -> str:
    """Return the id of who asked for an evaluation; "" for the owner of an installation without accounts."""
    by = tx.scalar(select(_T.c.created_by).where(_T.c.id == identifier)) or ""
    return "" if by == OWNER.id else by


def of_job(tx: Reader, job: str) -> list[Evaluation]:
    """Return the evaluations that judge a job's result, oldest first."""
    return MAPPER.by_age(tx, _T.c.job == job)


def of_models(tx: Reader, models: Sequence[str]) -> list[Evaluation]:
    """Return the evaluations of several models that have figures, oldest first."""
    return MAPPER.by_age(tx, _T.c.model.in_(models), _T.c.status == EvaluationStatus.SUCCEEDED.value)


def open_at(tx: Reader, connection: str) -> list[Evaluation]:
    """Return the evaluations of a connection that are not finished, oldest first."""
    still = (EvaluationStatus.PENDING.value, EvaluationStatus.RUNNING.value)
    return MAPPER.by_age(tx, _T.c.connection == connection, _T.c.status.in_(still))


def same_question(tx: Reader, wanted: Evaluation) -> list[Evaluation]:
    """Return the newest succeeded evaluations of the same target with the same rows, prompt and examples."""
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
    return MAPPER.all(tx, MAPPER.query.where(*equal).order_by(_T.c.created_at.desc(), _T.c.id.desc()).limit(_NEWEST))


def save_rows(tx: Writer, identifier: str, answered: Sequence[EvaluationRow]) -> None:
    """Write an evaluation's rows over those that may be there."""
    tx.execute(delete(_R).where(_R.c.evaluation == identifier))
    if answered:
        tx.execute(insert(_R), [_ROWS.values(row) | {"evaluation": identifier} for row in answered])


def copy_rows(tx: Writer, source: str, target: str) -> None:
    """Give one evaluation the rows of another that asked the same."""
    save_rows(tx, target, _ROWS.all(tx, _ROWS.query.where(_R.c.evaluation == source)))


def row_page(
    tx: Reader, identifier: str, *, wrong_only: bool = False, limit: int, cursor: str | None
) -> Page[EvaluationRow]:
    """Return an evaluation's rows in the order of their lines."""
    query = _ROWS.query.where(_R.c.evaluation == identifier)
    if wrong_only:
        query = query.where(_R.c.correct == 0)
    return rows.numbered_page(tx, query, _R.c.line, _ROWS.make, limit=limit, cursor=cursor)


def _in_pairs(*wanted: Any) -> Select[Any]:  # noqa: ANN401 -- SQL expressions
    """Return a query of the rows that two evaluations, `base` and `tuned`, both answered."""
    return select(*wanted).where(
        _BASE.c.evaluation == bindparam("base"),
        _TUNED.c.evaluation == bindparam("tuned"),
        _BASE.c.line == _TUNED.c.line,
    )


def _counts() -> Select[Any]:
    one, other = _BASE, _TUNED
    liked = (one.c.margin > 0, other.c.margin > 0)
    right = (one.c.correct == 1, other.c.correct == 1)

    def share(mine: Any, theirs: Any) -> list[Any]:  # noqa: ANN401 -- SQL expressions
        return [func.sum(case((each, 1), else_=0)) for each in (mine & theirs, ~mine & theirs, mine & ~theirs)]

    def mean(name: str) -> list[Any]:
        apart = other.c[name] - one.c[name]
        return [func.count(apart), func.avg(one.c[name]), func.sum(apart), func.sum(apart * apart)]

    return _in_pairs(func.count(), *share(*right), *share(*liked), *mean("margin"), *mean("loss"))


_COUNTS = _counts()
_PAIRS = _in_pairs(*(side.c[str(column.key)] for side in (_BASE, _TUNED) for column in _ROWS.query.selected_columns))


def paired(tx: Reader, base: str, tuned: str) -> Paired:
    """Return what the rows that two evaluations both answered prove, counted by the database."""
    rows, *found = tx.execute(_COUNTS, {"base": base, "tuned": tuned}).one()
    margins = found[6]
    return Paired(
        correct=_share(rows, found[:3]),
        preferred=_share(margins, found[3:6]) if margins else None,
        margin=_mean(*found[6:10]),
        loss=_mean(*found[10:14]),
    )


def _share(rows: int, found: Sequence[int | None]) -> PairedShare:
    both, only_tuned, only_base = (each or 0 for each in found)
    return PairedShare(rows=rows, both=both, only_tuned=only_tuned, only_base=only_base)


def _mean(rows: int, base: float | None, total: float | None, squares: float | None) -> PairedMean | None:
    if not rows or base is None or total is None or squares is None:
        return None
    return PairedMean(base=base, difference=intervals.of_sums(rows, total, squares))


def pairs(tx: Reader, left: str, right: str, *, limit: int) -> list[tuple[EvaluationRow, EvaluationRow]]:
    """Return the rows that two evaluations both answered, side by side, in the order of their lines."""
    width = _ROWS.width
    found = tx.execute(_PAIRS.order_by(_BASE.c.line).limit(limit), {"base": left, "tuned": right})
    return [(_ROWS.make(row[:width]), _ROWS.make(row[width:])) for row in found]
