"""A start loads neither the Azure packages nor what calls a provider: the first connection to one does."""

import os
import subprocess
import sys
from pathlib import Path

from app.settings import ROOT

START = """
import sys
from app.main import create_app
from app.settings import Settings
create_app(Settings())
heavy = (
    "azure.", "msal", "marshmallow", "cryptography", "requests", "opentelemetry.sdk", "opentelemetry.instru", "yaml",
    "app.backends.azure_foundry.backend", "app.backends.openai_wire.platform.backend",
    "app.backends.openai_wire.azure.backend", "argon2", "prometheus_client", "httpx", "numpy",
)
print(*sorted(name for name in sys.modules if name.startswith(heavy)))
"""


def test_nothing_that_few_requests_need_is_loaded_by_starting(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TUNEDESK_DATA_DIR": str(tmp_path / "data")}
    ran = subprocess.run(
        [sys.executable, "-c", START], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout.split(), ran.stderr) == (0, [], "")
