"""What programs asked for below `/v1`, in the database."""

from collections.abc import Sequence

from sqlalchemy import insert, select

from app.domain.openai_requests import KeptRequest
from app.store import codec, schema
from app.store.database import Reader, Writer

_T = schema.openai_requests


def add(tx: Writer, job: str, asked: KeptRequest) -> None:
    """Keep what was asked for with a job."""
    tx.execute(insert(_T).values(job=job, body=codec.dump(asked)))


def many(tx: Reader, jobs: Sequence[str]) -> dict[str, KeptRequest]:
    """Return what was asked for, by job; jobs that were made otherwise are left out."""
    rows = tx.execute(select(_T.c.job, _T.c.body).where(_T.c.job.in_(jobs)))
    return {row.job: codec.load(KeptRequest, row.body) for row in rows}
