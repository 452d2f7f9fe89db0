"""Adopted files in the database; an adopted job is a row among the jobs."""

from sqlalchemy import delete

from app.domain.adoption import AdoptedFile
from app.store.adoption_schema import adopted_files
from app.store.database import Reader, Writer
from app.store.mapping import Mapper

_T = adopted_files
_M = Mapper(AdoptedFile, _T)


def file(tx: Reader, connection: str, remote_id: str) -> AdoptedFile | None:
    """Return a file of a connection's account, if it was adopted."""
    return _M.first(tx, _M.query.where(_T.c.connection == connection, _T.c.remote_id == remote_id))


def files(tx: Reader, connection: str) -> list[AdoptedFile]:
    """Return the files of a connection's account that were adopted, by their names."""
    return _M.all(tx, _M.query.where(_T.c.connection == connection).order_by(_T.c.name, _T.c.remote_id))


def keep_file(tx: Writer, adopted: AdoptedFile) -> None:
    """Write down which dataset a file is; one that was adopted before is that dataset now."""
    _M.put(tx, adopted)


def forget_file(tx: Writer, connection: str, remote_id: str) -> None:
    """Remove the note of a file that is gone; its dataset stays."""
    tx.execute(delete(_T).where(_T.c.connection == connection, _T.c.remote_id == remote_id))
