"""What models in training answered to held-out prompts, in the database."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from app.domain.metrics import Sample
from app.store import schema
from app.store.database import Reader, Writer

_T = schema.samples


def add(tx: Writer, job: str, reported: Sequence[Sample]) -> None:
    """Write samples; a step that came before (after a resumption) is overwritten: the last word counts."""
    for each in reported:
        texts = {"prompt": each.prompt, "expected": each.expected, "answer": each.answer}
        statement = insert(_T).values(job=job, step=each.step, number=each.number, **texts)
        tx.execute(statement.on_conflict_do_update(index_elements=["job", "step", "number"], set_=texts))


def of_job(tx: Reader, job: str) -> list[Sample]:
    """Return a job's samples, steps rising, then prompts."""
    query = select(_T).where(_T.c.job == job).order_by(_T.c.step, _T.c.number)
    return [
        Sample(step=row.step, number=row.number, prompt=row.prompt, expected=row.expected, answer=row.answer)
        for row in tx.execute(query)
    ]
