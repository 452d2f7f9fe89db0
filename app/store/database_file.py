"""What lies in the database's place, before anybody opens it: nothing is written, nor beside a file that is broken.

Standard library only: the doctor looks before anything is installed.
"""

import sqlite3
import stat
import threading
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from app.kit.sentences import ended
from app.setup.problems import SetupError

# Of the file's header (https://sqlite.org/fileformat2.html, 1.3): how it begins, and where numbers stand, big-endian.
_MAGIC = b"SQLite format 3\0"
_PAGE_SIZE, _CHANGES, _PAGES, _PAGES_VALID_FOR = slice(16, 18), slice(24, 28), slice(28, 32), slice(92, 96)
_HEADER_BYTES = 100
# A whole check reads the whole file. What is not found in this time is told when it is met: when migrating, or later.
_CHECK_S = 0.2
_COPY = "Put back a copy from before, or move the file away to begin anew."
_MOVE = "Move it away, or name another data folder: --data-dir PATH, or TUNEDESK_DATA_DIR."


def known_revisions(scripts: Path) -> list[str]:
    """Return the revisions in the folder of migrations, oldest first: the names of their files begin with them."""
    return sorted(path.name.partition("_")[0] for path in (scripts / "versions").glob("[0-9]*.py"))


def check(file: Path, known: Sequence[str]) -> str | None:
    """Return the revision of the tables in `file`, one of `known`; None where there are no tables yet.

    Raises:
        SetupError: it is no database, one of another program, one of a newer TuneDesk, cut, damaged, or may not be
            written.
    """
    log = file.with_name(f"{file.name}-wal")
    try:
        pending = log.exists() and log.stat().st_size > 0
        size = _size(file, pending=pending)
    except OSError as error:
        why = error.strerror or error
        raise SetupError(f"The database {file} cannot be opened: {why}.", f"Fix that. Or else: {_MOVE}") from None
    if size == 0:
        return None
    beside = log.exists() or file.with_name(f"{file.name}-shm").exists()
    # A log says that a process was killed, or is at work: then the file alone is not the whole. Else nobody writes, and
    # SQLite need not make files of its own to read one.
    address = f"file:{quote(str(file.absolute()))}?mode=ro{'' if beside else '&immutable=1'}"
    try:
        connection = sqlite3.connect(address, uri=True, timeout=1)
        try:
            return _revision(connection, file, known)
        finally:
            connection.close()
    except sqlite3.Error as error:
        busy = getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
        what, remedy = ("locked", "Close the program that has it open.") if busy else ("damaged", _COPY)
        raise SetupError(ended(f"The database {file} is {what}: {error}"), remedy) from None


def _size(file: Path, *, pending: bool) -> int:
    """Return the file's size, 0 for none, after a look at its header. `pending`: there is a log that belongs to it."""
    if file.exists() and not stat.S_ISREG(file.stat().st_mode):
        raise SetupError(f"The database {file} is {'a folder' if file.is_dir() else 'no file'}.", _MOVE)
    size, header = 0, b""
    if file.exists():
        with file.open("r+b") as opened:  # may it be written?
            header, size = opened.read(_HEADER_BYTES), opened.seek(0, 2)
    if size == 0 and pending:  # SQLite would take it for a new one, and throw the log away
        raise SetupError(f"The database {file} is cut: it is empty, and the log beside it is not.", _COPY)
    if header[: len(_MAGIC)] != _MAGIC[: len(header)]:
        raise SetupError(f"The database {file} is no SQLite database.", _MOVE)
    # An older SQLite has not counted its pages; of a killed one, the log may have pages that the file has not yet.
    counts = header[_CHANGES] == header[_PAGES_VALID_FOR] and not pending
    page = int.from_bytes(header[_PAGE_SIZE], "big")
    whole = (65536 if page == 1 else page) * int.from_bytes(header[_PAGES], "big") if counts else 0
    if 0 < size < max(whole, _HEADER_BYTES):
        raise SetupError(f"The database {file} is cut: {size} of {max(whole, _HEADER_BYTES)} bytes are there.", _COPY)
    return size


def _revision(connection: sqlite3.Connection, file: Path, known: Sequence[str]) -> str | None:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and "alembic_version" not in tables:
        raise SetupError(f"The database {file} belongs to another program: its tables are not TuneDesk's.", _MOVE)
    rows = connection.execute("SELECT version_num FROM alembic_version").fetchall() if tables else []
    revision = str(rows[0][0]) if rows else None
    if revision is not None and revision not in known:
        raise SetupError(
            f"The database {file} was made by a newer TuneDesk: it is at version {revision}, and this one knows "
            f"{known[-1]} at most.",
            "Start the newer TuneDesk, or name another data folder: --data-dir PATH, or TUNEDESK_DATA_DIR.",
        )
    _check_quickly(connection)
    return revision


def _check_quickly(connection: sqlite3.Connection) -> None:
    """Look for damage for a moment.

    Raises:
        sqlite3.DatabaseError: with what was found first.
    """
    bell = threading.Timer(_CHECK_S, connection.interrupt)
    bell.start()
    try:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_INTERRUPT:
            raise
        found = "ok"
    finally:
        bell.cancel()
        bell.join()  # before the connection is closed
    if found != "ok":
        raise sqlite3.DatabaseError(" ".join(found.split()))
