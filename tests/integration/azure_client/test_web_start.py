"""The web starts as it did before the Azure packages were there: it loads none of them."""

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
heavy = ("azure.", "msal", "marshmallow", "cryptography", "requests", "opentelemetry.sdk", "opentelemetry.instru")
print(*sorted(name for name in sys.modules if name.startswith(heavy)))
"""


def test_no_azure_package_is_loaded_by_starting(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TUNEDESK_DATA_DIR": str(tmp_path / "data")}
    ran = subprocess.run(
        [sys.executable, "-c", START], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout.split(), ran.stderr) == (0, [], "")
