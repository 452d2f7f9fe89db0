"""Where set-up finds its inputs and puts what it makes, all inside the checkout."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders of one checkout."""

    root: Path

    @classmethod
    def here(cls) -> "Paths":
        return cls(Path(__file__).resolve().parents[2])

    @property
    def venv(self) -> Path:
        """The web environment."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """The web environment's interpreter."""
        return self.venv / "bin" / "python"

    @property
    def scratch(self) -> Path:
        """Set-up's own lock, stamps, logs and temporary files."""
        return self.root / ".setup"

    @property
    def locks(self) -> Path:
        return self.root / "app" / "setup" / "locks"

    @property
    def assets(self) -> Path:
        """`package.json` and its lock."""
        return self.root / "app" / "assets"

    @property
    def vendor(self) -> Path:
        """Browser libraries that are served."""
        return self.root / "static" / "vendor"

    @property
    def test_vendor(self) -> Path:
        """Browser libraries that only tests use; outside `static/`, so that they are never served."""
        return self.root / "tests" / "vendor"

    @property
    def blob_store(self) -> Path:
        """For tests alone: Azurite, OpenAI's client for Node and, where none is on the PATH, the Node they run in."""
        return self.scratch / "azurite"


def runtimes_root(root: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of the runtime environments: TUNEDESK_RUNTIMES_DIR, else `.runtimes` in the checkout."""
    named = environ.get("TUNEDESK_RUNTIMES_DIR", "").strip()
    return Path(named).expanduser().absolute() if named else root / ".runtimes"


def data_root(root: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """The data folder: TUNEDESK_DATA_DIR, else `data` in the checkout."""
    named = environ.get("TUNEDESK_DATA_DIR", "").strip()
    return Path(named).expanduser().absolute() if named else root / "data"
