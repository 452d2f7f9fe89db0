"""One SQLite file taken seriously: two engines, one writer at a time, every commit on the disk.

Guarantees on which the other rooms build:
  - a `Writer` holds the write lock from its first statement on (BEGIN IMMEDIATE): between its reads and its writes
    nobody else writes. With the driver's own deferred BEGIN, 75-80 % of concurrent read-modify-writes were lost.
  - a commit is on the disk when it returns (WAL, synchronous=FULL).
  - a `Reader` sees one moment and can write nothing.
Whoever may not see everything reads and writes through engines of their own (`store.sight`), so that no query has to
remember whom it is for. Every transaction knows who acts (`BY`).
A full disk is told as `StorageFull`, a file that is damaged, gone or held as `StorageUnusable`; the transaction is
rolled back and reading goes on.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from itertools import count
from typing import NewType

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from app.domain.errors import DomainError, StorageFull, StorageUnusable
from app.store import sight
from app.store.prepared import Cells, Prepared
from app.store.sight import Sight

Reader = Connection
Writer = NewType("Writer", Connection)

BUSY_TIMEOUT_MS = 30_000
_KEPT_READERS = 3
_CACHE_KIB = 512  # of pages, for each reader; what is not there is in the system's own cache of the file
_OF_ALL = (f"busy_timeout={BUSY_TIMEOUT_MS}", "foreign_keys=ON")
_OF_READERS = (f"cache_size=-{_CACHE_KIB}", "query_only=ON")
_OF_WRITERS = ("journal_mode=WAL", "synchronous=FULL")
BY = "by"  # the execution option that names the actor
_COPY = "Stop TuneDesk and put back a copy from before; python3 -m app doctor looks at the file."
# What SQLite's result codes (https://sqlite.org/rescode.html) mean to people.
_UNUSABLE = {
    sqlite3.SQLITE_CORRUPT: ("is damaged", _COPY),
    sqlite3.SQLITE_NOTADB: ("is no database any more", _COPY),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened any more", "See whether the data folder is still there."),
    sqlite3.SQLITE_BUSY: ("is locked by another program", "Close what else has the file open, then try again."),
    sqlite3.SQLITE_READONLY: ("may not be written any more", "Give TuneDesk the right to write in its data folder."),
}


class Database:
    """The store's front door."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self.writers = _engine(url, read_only=False)
        self.readers = _engine(url, read_only=True)
        self.commits = 0  # of this process; who reads after seeing a number sees all commits up to it
        self._numbers = count(1)

    @cached_property
    def _limited_readers(self) -> Engine:
        return sight.limited(_engine(self.url, read_only=True), writes=False)

    @cached_property
    def _limited_writers(self) -> Engine:
        return sight.limited(_engine(self.url, read_only=False), writes=True)

    @contextmanager
    def reading(self, seen: Sight | None = None) -> Iterator[Reader]:
        """Give a read-only connection that sees one moment; with `seen`, as much of it as that lets through."""
        readers = self.readers if seen is None else self._limited_readers
        with readers.connect() as connection, sight.through(connection, seen):
            yield connection

    def ask(self, query: Prepared, **given: object) -> Cells:
        """Return what a query finds: one statement, which sees one moment without a transaction around it."""
        connection = self.readers.raw_connection()
        try:
            with _in_words():
                return tuple(connection.cursor().execute(query.text, [given[name] for name in query.names]).fetchall())
        finally:
            connection.close()

    @contextmanager
    def writing(self, by: str = "", seen: Sight | None = None) -> Iterator[Writer]:
        """Give the one writing transaction, in which `by` acts; commit at the end, roll back if anything is raised."""
        with ExitStack() as stack:
            if seen is None:
                connection = stack.enter_context(self.writers.begin())
            else:
                stack.enter_context(self.writers.connect())  # held, unused: one queue for all who write
                connection = stack.enter_context(self._limited_writers.begin())
                stack.enter_context(sight.through(connection, seen))
            yield Writer(connection.execution_options(**{BY: by}))
        self.commits = next(self._numbers)

    def close_idle(self) -> None:
        """Close the connections that nobody reads by just now; whoever reads next opens one.

        Each keeps a copy of the schema, pages and prepared statements, 3 MB once it is full: as many of them as ever
        were open at the same time would stay.
        """
        for name in ("readers", "_limited_readers"):
            readers: Engine | None = vars(self).get(name)
            if readers is not None and isinstance(readers.pool, QueuePool) and not readers.pool.checkedout():
                readers.dispose()

    def ping(self) -> None:
        """Return if the database answers."""
        with self.reading() as reader:
            reader.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close every connection."""
        for name in ("_limited_readers", "_limited_writers"):
            if name in vars(self):
                vars(self)[name].dispose()
        self.readers.dispose()
        self.writers.dispose()


def _engine(url: str, *, read_only: bool) -> Engine:
    sqlite = make_url(url).get_backend_name() == "sqlite"
    # Writers queue here, in the pool, rather than in SQLite's busy loop, which polls and is not fair.
    # Of readers few are kept: each holds what it has read and prepared, and one more is made in 4 to 8 ms.
    size, overflow = (_KEPT_READERS, 48 - _KEPT_READERS) if read_only or not sqlite else (1, 0)
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=overflow,
        pool_timeout=60,
        pool_use_lifo=True,  # a quiet hour takes one connection, not all of them in turn, each with what it keeps
    )
    if sqlite:
        _prepare_sqlite(engine, read_only=read_only)
    return engine


def _prepare_sqlite(engine: Engine, *, read_only: bool) -> None:
    def connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # sqlite3's own: we say BEGIN ourselves
        cursor = connection.cursor()
        with _in_words():  # some of these read the file
            for pragma in (*_OF_ALL, *(_OF_READERS if read_only else _OF_WRITERS)):
                cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    def tell(context: ExceptionContext) -> None:
        error = in_words(context.original_exception)
        if error is not None and not (read_only and _code(context.original_exception) == sqlite3.SQLITE_READONLY):
            raise error from context.original_exception

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", begin)
    event.listen(engine, "handle_error", tell)


def _code(error: BaseException) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code; the rest says where it happened


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if (unusable := in_words(error)) is None:
            raise
        raise unusable from error


def in_words(error: BaseException) -> DomainError | None:
    """Return what an error of SQLite means that is the file's or the disk's fault; None for one of the statement's."""
    code = _code(error)
    # Under a limit on the size of files, what a full disk would be is an I/O error.
    if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
        return StorageFull(
            "The disk that holds TuneDesk's data is full; nothing was changed.",
            fix="Free some space in the data folder's file system, then try again.",
        )
    if code not in _UNUSABLE:
        return None
    what, fix = _UNUSABLE[code]
    return StorageUnusable(f"The database {what} ({error}); nothing was changed.", fix=fix)
