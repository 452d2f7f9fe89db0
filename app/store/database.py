"""One SQLite file taken seriously: two engines, one writer at a time, every commit on the disk.

Guarantees on which the other rooms build:
  - a `Writer` holds the write lock from its first statement on (BEGIN IMMEDIATE): between its reads and its writes
    nobody else writes. With the driver's own deferred BEGIN, 75-80 % of concurrent read-modify-writes were lost.
  - a commit is on the disk when it returns (WAL, synchronous=FULL).
  - a `Reader` sees one moment and can write nothing.
A full disk is told as `StorageFull`; the transaction is rolled back and reading goes on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NewType

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from app.domain.errors import StorageFull

Reader = Connection
Writer = NewType("Writer", Connection)

BUSY_TIMEOUT_MS = 30_000
_FULL_SIGNS = ("database or disk is full", "disk I/O error")


class Database:
    """The store's front door."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self.writers = _engine(url, read_only=False)
        self.readers = _engine(url, read_only=True)

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Give a read-only connection that sees one moment."""
        with self.readers.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Give the one writing transaction; commit at the end, roll back if anything is raised."""
        with self.writers.begin() as connection:
            yield Writer(connection)

    def ping(self) -> None:
        """Return if the database answers."""
        with self.reading() as reader:
            reader.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close every connection."""
        self.readers.dispose()
        self.writers.dispose()


def _engine(url: str, *, read_only: bool) -> Engine:
    sqlite = make_url(url).get_backend_name() == "sqlite"
    # Writers queue here, in the pool, rather than in SQLite's busy loop, which polls and is not fair.
    size, overflow = (8, 40) if read_only or not sqlite else (1, 0)
    engine = create_engine(url, poolclass=QueuePool, pool_size=size, max_overflow=overflow, pool_timeout=60)
    if sqlite:
        _prepare_sqlite(engine, read_only=read_only)
    return engine


def _prepare_sqlite(engine: Engine, *, read_only: bool) -> None:
    def connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # sqlite3's own: we say BEGIN ourselves
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA foreign_keys=ON")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        else:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", begin)
    event.listen(engine, "handle_error", _tell_full_disk)


def _tell_full_disk(context: ExceptionContext) -> None:
    if any(sign in str(context.original_exception) for sign in _FULL_SIGNS):
        raise StorageFull(
            "The disk that holds TuneDesk's data is full; nothing was changed.",
            fix="Free some space in the data folder's file system, then try again.",
        ) from context.original_exception
