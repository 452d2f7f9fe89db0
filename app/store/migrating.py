"""Bring a database to this version of the tables."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import make_url
from sqlalchemy.exc import DatabaseError

from app.setup.problems import SetupError
from app.store.database_file import check, known_revisions

if TYPE_CHECKING:
    from alembic.config import Config


def upgrade(url: str, scripts: Path) -> None:
    """Run every migration that the database at `url` has not seen; `scripts` is the folder migrations/.

    Most starts find nothing to do, and do not pay for Alembic (0.3 s of CPU and 11 MB).

    Raises:
        SetupError: the database cannot be used, or a migration fails at it.
        StorageFull, StorageUnusable: the disk has no room for what a migration writes, or the file is damaged.
    """
    file = file_of(url)
    if file is not None:
        known = known_revisions(scripts)
        if check(file, known) == known[-1]:
            return
        # Readable by its owner alone from its first byte on, and so are the files that SQLite makes beside it.
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    from alembic import command

    try:
        command.upgrade(configuration(url, scripts), "head")
    except DatabaseError as error:
        raise SetupError(
            f"The database {file or url} cannot be brought to this version: {error.orig}.",
            "Nothing of that version's change was kept. Put back a copy from before, or report this.",
        ) from error


def file_of(url: str) -> Path | None:
    """Return the file that a database's address names; None where it names none (a server, memory, an URI)."""
    parsed = make_url(url)
    named = parsed.database if parsed.get_backend_name() == "sqlite" else None
    return None if not named or named.startswith((":memory:", "file:")) else Path(named)


def configuration(url: str, scripts: Path) -> "Config":
    """Return Alembic's configuration for a database and a folder of migrations."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["url"] = url
    return config
