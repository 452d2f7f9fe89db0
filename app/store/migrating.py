"""Bring a database to this version of the tables."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import DatabaseError

if TYPE_CHECKING:
    from alembic.config import Config


def upgrade(url: str, scripts: Path) -> None:
    """Run every migration that the database at `url` has not seen; `scripts` is the folder migrations/.

    Most starts find nothing to do, and do not pay for Alembic (0.3 s of CPU and 11 MB).
    """
    if revision_of(url) == newest_revision(scripts):
        return
    from alembic import command

    command.upgrade(configuration(url, scripts), "head")


def revision_of(url: str) -> str | None:
    """Return the last migration that the database has seen; None where it has seen none, or is none."""
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    except DatabaseError:
        return None  # Alembic makes the database, or says what is wrong with it
    finally:
        engine.dispose()
    return found[0] if len(found) == 1 else None


def newest_revision(scripts: Path) -> str:
    """Return the last migration's revision, with which the names of their files begin; they are one straight line."""
    return max(path.name for path in (scripts / "versions").glob("[0-9]*.py")).partition("_")[0]


def configuration(url: str, scripts: Path) -> "Config":
    """Return Alembic's configuration for a database and a folder of migrations."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["url"] = url
    return config
