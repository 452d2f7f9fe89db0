"""What models in training answered to held-out prompts, in the database."""

from collections.abc import Sequence

from app.domain.metrics import Sample
from app.store import schema
from app.store.database import Reader, Writer
from app.store.mapping import Mapper

_T = schema.samples
_M = Mapper(Sample, _T)


def add(tx: Writer, job: str, reported: Sequence[Sample]) -> None:
    """Write samples; a step that came before (after a resumption) is overwritten: the last word counts."""
    for each in reported:
        _M.put(tx, each, job=job)


def of_job(tx: Reader, job: str) -> list[Sample]:
    """Return a job's samples, steps rising, then prompts."""
    return _M.all(tx, _M.query.where(_T.c.job == job).order_by(_T.c.step, _T.c.number))
