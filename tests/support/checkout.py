"""A tiny checkout with the real set-up code and tiny packages of its own, so that set-up can be tried whole, offline
and often.
"""

import base64
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.setup.browser import FOR_TESTS, SERVED
from app.setup.paths import Paths

ROOT = Path(__file__).resolve().parents[2]
TRAINING = ("transformers", "trl", "peft", "safetensors")


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    said: str


@dataclass(frozen=True)
class Checkout:
    """The checkout, the folder of wheels its pip may take from, and the environment its commands run in."""

    root: Path
    wheels: Path
    tools: Path
    environ: Mapping[str, str] = field(repr=False)

    @property
    def paths(self) -> Paths:
        return Paths(self.root)

    def lock(self, name: str, packages: Iterable[Path]) -> None:
        """Write the lock `name` so that it names exactly these wheels."""
        text = "".join(_requirement(wheel) for wheel in packages)
        (self.paths.locks / f"{name}.txt").write_text(text, encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "app", *arguments]

    def run(self, *arguments: str, **environ: str) -> Done:
        """`python3 -m app …` in the checkout, with further variables in its environment."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout)


def make_checkout(folder: Path) -> Checkout:
    """Copy the set-up code and make wheels, locks and an npm for it."""
    root, wheels, tools = folder / "checkout", folder / "wheels", folder / "tools"
    for path in (root / "app", wheels, tools):
        path.mkdir(parents=True)
    for name in ("__init__.py", "__main__.py", "cli.py", "doctor.py"):
        shutil.copyfile(ROOT / "app" / name, root / "app" / name)
    for name in ("setup", "runtimes", "store", "domain", "kit", "assets"):
        shutil.copytree(ROOT / "app" / name, root / "app" / name, ignore=shutil.ignore_patterns("__pycache__"))
    environ = {
        "PATH": os.pathsep.join([str(tools), "/usr/bin", "/bin"]),
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
    }
    checkout = Checkout(root, wheels, tools, environ)
    write_npm(checkout)
    checkout.lock("web", [write_wheel(wheels, "tinyweb", "1.0")])
    checkout.lock("test", [write_wheel(wheels, "tinytest", "1.0")])
    checkout.lock("node", [])
    checkout.lock(
        "trl", [write_wheel(wheels, "torch", "2.13.0"), *(write_wheel(wheels, name, "1.0") for name in TRAINING)]
    )
    checkout.lock("cuda", [write_wheel(wheels, "nvidia_tiny", "1.0")])
    write_wheel(wheels, "torch", "2.13.0+cpu")
    return checkout


def write_wheel(folder: Path, name: str, version: str, *, body: str = "") -> Path:
    """An installable package with one module that knows its version and the few names that the proof of training
    imports.
    """
    module = f"__version__ = {version!r}\nclass SFTConfig: ...\nclass SFTTrainer: ...\n{body}"
    information = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": module,
        f"{name}/torch.py": "",
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items())
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in {**files, f"{information}/RECORD": f"{record}{information}/RECORD,,\n"}.items():
            archive.writestr(zipfile.ZipInfo(member, (2026, 1, 1, 0, 0, 0)), text)
    return path


def write_npm(checkout: Checkout, *, failing_with: str = "") -> None:
    """An npm whose `ci` brings stand-ins for the browser libraries, or fails with these words."""
    modules = checkout.root.parent / "modules"
    for source in (source for sources in (*SERVED.values(), *FOR_TESTS.values()) for source in sources):
        path = modules / source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"/* {source} */", encoding="utf-8")
        package = modules / "/".join(source.split("/")[: 2 if source.startswith("@") else 1])
        about = {"name": package.name, "version": "1.0", "license": "MIT"}
        (package / "package.json").write_text(json.dumps(about), encoding="utf-8")
    action = f"echo '{failing_with}'; exit 1" if failing_with else f"cp -R '{modules}' node_modules"
    for name, text in {"npm": action, "node": "exit 0"}.items():
        tool = checkout.tools / name
        tool.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        tool.chmod(0o755)


def without_npm(checkout: Checkout) -> dict[str, str]:
    """A PATH with the system's programs but npm and node, wherever they are."""
    bare = checkout.root.parent / "bare"
    bare.mkdir(exist_ok=True)
    for name in ("sh", "cp", "env"):
        found = shutil.which(name)
        if found and not (bare / name).exists():
            (bare / name).symlink_to(found)
    return {"PATH": str(bare)}


def closed_address() -> str:
    """An address on this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/simple"


def _requirement(wheel: Path) -> str:
    name, version = wheel.name.split("-")[:2]
    return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
