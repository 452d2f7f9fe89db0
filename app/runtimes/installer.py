"""The process that makes a runtime environment: detached from whoever started it, tells what it does in JSON lines."""

import argparse
import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from app.kit.locks import sign
from app.runtimes.environments import RuntimeStatus, append, append_record
from app.runtimes.torch_build import (
    Build,
    Machine,
    brings_cuda,
    build_for,
    consent_question,
    install_command,
    is_missing,
)
from app.setup.commands import CommandFailedError, collected, explained, pip_environ, pip_install, run
from app.setup.problems import SetupError, explain, explain_os
from app.setup.requirements import Locked, count, read_lock, write_lock
from app.setup.web import create_environment

# Shares of the whole, from measured times on two cores: they only move the bar.
_MADE, _TORCH, _REST = 0.03, 0.3, 0.85
_CPU_BYTES, _CUDA_BYTES = 3 * 1000**3, 10 * 1000**3

# Imports what training imports: proves that the environment works, and compiles it once, off anybody's training time.
_PROOF = (
    "import json, peft, safetensors.torch, torch, transformers, trl; from trl import SFTConfig, SFTTrainer; "
    "print(json.dumps({m.__name__: m.__version__ for m in (torch, transformers, trl, peft)}))"
)


class _NeedsConsentError(Exception):
    """Only the CUDA build is to be had, and nobody has agreed to it."""


class Installation:
    """One installation: its folder, its lock file, and the descriptor of the lock that it holds."""

    def __init__(self, name: str, home: Path, lock_file: Path, lock: int) -> None:
        self.name, self.home, self.lock = name, home, lock
        self.packages = read_lock(lock_file)
        self.cuda_packages = read_lock(lock_file.with_name("cuda.txt"))
        self.env, self.scratch, self.log = home / "env", home / "tmp", home / "pip.log"
        self.python = self.env / "bin" / "python"
        self.progress = 0.0

    def make(self, machine: Machine, *, allow_cuda: bool) -> None:
        """Make the environment from nothing and mark it ready; raises SetupError or _NeedsConsentError."""
        for folder in (self.env, self.scratch):
            shutil.rmtree(folder, ignore_errors=True)
        self.scratch.mkdir(parents=True)
        build = build_for(machine)
        self._check_disk(_CPU_BYTES if build is Build.CPU else _CUDA_BYTES)
        self.tell(0.0, "Making the environment")
        create_environment(self.env, log=self.log, hold=[self.lock])
        build = self._install_torch(build, allow_cuda=allow_cuda)
        extra = self.cuda_packages if brings_cuda(machine, build) else []
        self._install_rest([*(package for package in self.packages if package.name != "torch"), *extra])
        self._prove(build)

    def _install_torch(self, build: Build, *, allow_cuda: bool) -> Build:
        torch = next(package for package in self.packages if package.name == "torch")
        self.tell(_MADE, f"Installing torch {torch.version}, {build.value} build")
        try:
            self._pip(install_command(self.python, torch, build, self.scratch), _MADE, _TORCH, 1)
        except CommandFailedError as error:
            if build is not Build.CPU or not is_missing(error.output):
                raise explain("torch could not be installed.", error.output, self.log) from None
        else:
            return build
        if not allow_cuda:
            raise _NeedsConsentError
        self._check_disk(_CUDA_BYTES)
        return self._install_torch(Build.PLAIN, allow_cuda=False)

    def _install_rest(self, packages: Sequence[Locked]) -> None:
        requirements = self.scratch / "rest.txt"
        write_lock(requirements, packages)
        total = count(packages)
        self.tell(_TORCH, f"Installing {total} more packages")
        command = pip_install(self.python, "--require-hashes", "--requirement", str(requirements))
        with explained("The training packages could not be installed.", self.log):
            self._pip(command, _TORCH, _REST, total)

    def _pip(self, command: list[str], begin: float, end: float, total: int) -> None:
        """Run pip; what it collects moves the bar through four fifths of this stretch, unpacking is the last fifth."""
        done = 0

        def listen(line: str) -> None:
            nonlocal done
            append_record(self.home, {"kind": "log", "message": line[:500]})
            if (name := collected(line)) and total > 1:
                done += 1
                fetched = begin + 0.8 * (end - begin) * min(1.0, done / total)
                self.tell(fetched, f"Fetching {name} ({done} of {total})")
            elif line.startswith("Installing collected packages"):
                self.tell(begin + 0.8 * (end - begin), "Unpacking")

        # Wheels are fetched to and unpacked in this folder's own disk, not the system's small /tmp.
        environ = {**pip_environ(), "TMPDIR": str(self.scratch)}
        run(command, log=self.log, listen=listen, environ=environ, hold=[self.lock])
        self.tell(end, "Installed")

    def _prove(self, build: Build) -> None:
        self.tell(_REST, "Trying the environment")
        environ = {**pip_environ(), "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "PYTHONWARNINGS": "ignore"}
        with explained("The packages are installed but do not load.", self.log):
            output = run([str(self.python), "-c", _PROOF], log=self.log, environ=environ, hold=[self.lock])
        versions = json.loads(output.strip().splitlines()[-1])
        shutil.rmtree(self.scratch, ignore_errors=True)
        size = disk_size(self.env)
        named = ", ".join(f"{name} {version}" for name, version in versions.items())
        ready = {"size_bytes": size, "versions": versions, "build": build.value, "message": f"Ready: {named}"}
        draft = self.home / "ready.new"
        draft.write_text(json.dumps(ready), encoding="utf-8")
        draft.replace(self.home / "ready.json")
        self.tell(1.0, f"Ready: {named}", RuntimeStatus.READY)

    def _check_disk(self, needed: int) -> None:
        free = shutil.disk_usage(self.home).free
        if free < needed:
            room, need = f"{free / 1000**3:.1f} GB", f"{needed / 1000**3:.0f} GB"
            raise SetupError(
                f"The disk has {room} free and the training runtime needs about {need}.",
                f"Free some space, or name a folder on another disk in TUNEDESK_RUNTIMES_DIR (now {self.home.parent}).",
            )

    def tell(self, progress: float, message: str, status: RuntimeStatus = RuntimeStatus.INSTALLING) -> None:
        """Record where the installation stands."""
        self.progress = progress
        append(self.home, status=status, progress=progress, message=message)


def disk_size(folder: Path) -> int:
    """Bytes on disk under `folder`, links not followed."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            total += os.lstat(os.path.join(parent, name)).st_blocks * 512  # noqa: PTH118 (30,000 files: Path is slow here)
    return total


def install(installation: Installation, machine: Machine, *, allow_cuda: bool) -> int:
    """Make the environment; whatever goes wrong ends as a status line. Returns the exit code."""
    status, problem = RuntimeStatus.FAILED, ""
    try:
        installation.make(machine, allow_cuda=allow_cuda)
    except _NeedsConsentError:
        status, problem = RuntimeStatus.NEEDS_CONSENT, consent_question()
    except SetupError as error:
        problem = str(error)
    except OSError as error:
        problem = str(explain_os("The installation cannot go on.", error))
    else:
        return 0
    shutil.rmtree(installation.scratch, ignore_errors=True)
    installation.tell(installation.progress, problem, status)
    return 1


def main(arguments: Sequence[str]) -> int:
    """Detach, so that the starter need not wait for the end nor clean up after it, then install."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("home", type=Path)
    parser.add_argument("lock_file", type=Path)
    parser.add_argument("lock", type=int, help="descriptor of the lock, inherited")
    parser.add_argument("--allow-cuda", action="store_true")
    asked = parser.parse_args(arguments)
    if os.fork():
        os._exit(0)
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.set_inheritable(asked.lock, False)
    sign(asked.lock)
    installation = Installation(asked.name, asked.home, asked.lock_file, asked.lock)
    return install(installation, Machine.this(), allow_cuda=asked.allow_cuda)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
