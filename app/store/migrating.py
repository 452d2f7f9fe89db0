"""Bring a database to this version of the tables."""

from pathlib import Path

from alembic import command
from alembic.config import Config


def upgrade(url: str, scripts: Path) -> None:
    """Run every migration that the database at `url` has not seen; `scripts` is the folder migrations/."""
    command.upgrade(configuration(url, scripts), "head")


def configuration(url: str, scripts: Path) -> Config:
    """Return Alembic's configuration for a database and a folder of migrations."""
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["url"] = url
    return config
