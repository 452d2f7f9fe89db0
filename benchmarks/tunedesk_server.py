"""TuneDesk's real server as a child process, asked over a kept connection as any client does."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from app.demo import server
from benchmarks.mlflow_server import Served

_SETTINGS = {"runtime_autoinstall": "false", "disk_reserve_mb": "0", "log_level": "warning"}


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Have a server over `folder` for as long as the block takes."""
    with server.serving(folder, _SETTINGS) as made:
        yield Served(urlsplit(made.url).port or 0, made.process.pid, folder / "tunedesk.sqlite3")
