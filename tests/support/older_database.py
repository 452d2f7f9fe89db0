"""A database as an older version left it."""

import contextlib
import sqlite3
from pathlib import Path

from alembic import command

from app.settings import ROOT
from app.store.database import Database
from app.store.migrating import configuration, upgrade


def brought_forward(database: Database, copy: Path, revision: str) -> None:
    """Copy a database, take the copy back to a revision, and bring it to this version again."""
    with contextlib.closing(sqlite3.connect(copy)) as older, database.reading() as tx:
        tx.connection.driver_connection.backup(older)  # type: ignore[union-attr]
    url = f"sqlite:///{copy}"
    command.downgrade(configuration(url, ROOT / "migrations"), revision)
    upgrade(url, ROOT / "migrations")
