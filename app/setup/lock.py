"""Resolving the lock files anew, for developers: `python3 -m app.setup.lock`.

Brings a resolver (uv) into a temporary environment and writes, for all supported systems at once, with hashes and
without the address of any index: web.txt (what the app imports), test.txt (what the tests add), trl.txt (the training
runtime without CUDA), cuda.txt (what torch adds on Linux with CUDA), node.txt (an npm to borrow), and npm's
`package-lock.json` for the browser libraries and for what the tests take from there. What is locked already stays at
its version wherever that still fits; with `--upgrade` everything is taken anew.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from app.setup.paths import Paths
from app.setup.requirements import Locked, read_lock, write_lock

RESOLVER = "uv==0.13.8"
OLDEST_PYTHON = "3.11"
_CUDA = ("cuda-", "nvidia-", "triton")
_HEAD = "# Made by `python3 -m app.setup.lock`; change pyproject.toml or the .in file instead.\n"


def main() -> int:
    """Write every lock."""
    paths = Paths.here()
    with tempfile.TemporaryDirectory() as made:
        scratch = Path(made)
        venv.create(scratch / "env", with_pip=True)
        subprocess.run([scratch / "env" / "bin" / "python", "-m", "pip", "install", "--quiet", RESOLVER], check=True)
        resolver = scratch / "env" / "bin" / "uv"
        project = paths.root / "pyproject.toml"
        kept = {"web": ("web",), "test": ("web", "test"), "trl": ("trl", "cuda"), "node": ("node",)}
        if "--upgrade" not in sys.argv[1:]:
            for name, parts in kept.items():  # the resolver keeps to what it finds in the file that it writes
                write_lock(
                    scratch / f"{name}.txt", [each for part in parts for each in read_lock(paths.locks / f"{part}.txt")]
                )
        web = _resolve(resolver, scratch / "web.txt", str(project))
        both = _resolve(
            resolver, scratch / "test.txt", str(project), "--extra", "test", "--constraint", str(scratch / "web.txt")
        )
        trl = _resolve(resolver, scratch / "trl.txt", str(paths.locks / "trl.in"))
        node = _resolve(resolver, scratch / "node.txt", str(paths.locks / "node.in"))
        cuda = [package for package in trl if package.name.startswith(_CUDA)]
        _write(paths.locks / "web.txt", web)
        _write(paths.locks / "test.txt", [package for package in both if package not in web])
        _write(paths.locks / "trl.txt", [package for package in trl if package not in cuda])
        _write(paths.locks / "cuda.txt", cuda)
        _write(paths.locks / "node.txt", node)
        for folder in (paths.assets, paths.assets / "azurite"):
            _lock_npm(folder, scratch / folder.name)
    return 0


def _resolve(resolver: Path, target: Path, *arguments: str) -> list[Locked]:
    """One resolution for every supported Python and system at once; wheels only, so that installing runs nobody's
    build.
    """
    fixed = ["--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes", "--only-binary", ":all:", "--quiet"]
    plain = [
        "--no-emit-index-url",
        "--no-emit-find-links",
        "--no-header",
        "--no-annotate",
        "--output-file",
        str(target),
    ]
    subprocess.run([resolver, "pip", "compile", *arguments, *fixed, *plain], check=True)
    return read_lock(target)


def _write(path: Path, packages: list[Locked]) -> None:
    write_lock(path, packages)
    path.write_text(_HEAD + path.read_text(encoding="utf-8"), encoding="utf-8")
    print(f"{path.name}: {len(packages)} packages")


def _lock_npm(folder: Path, scratch: Path) -> None:
    """npm's own lock, without the addresses that it would note for funding."""
    scratch.mkdir()
    upgrade = "--upgrade" in sys.argv[1:]
    for name in ("package.json", ".npmrc", *([] if upgrade else ["package-lock.json"])):
        shutil.copyfile(folder / name, scratch / name)
    options = [
        "--package-lock-only",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--omit-lockfile-registry-resolved",
    ]
    npm = shutil.which("npm") or "npm"
    subprocess.run([npm, "install", *options], cwd=scratch, env=dict(os.environ), check=True)
    lock = json.loads((scratch / "package-lock.json").read_text(encoding="utf-8"))
    for package in lock["packages"].values():
        package.pop("funding", None)
    (folder / "package-lock.json").write_text(json.dumps(lock, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
