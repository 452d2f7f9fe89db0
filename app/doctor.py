"""The doctor: one line for each thing TuneDesk stands on, with what to do where it does not hold."""

import os
import re
import shutil
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from app.runtimes.environments import RUNTIMES, RuntimeEnvironments, RuntimeStatus
from app.setup import browser, web
from app.setup.bootstrap import NEEDED_BYTES
from app.setup.paths import Paths
from app.setup.problems import SetupError
from app.store import data_folder
from app.store.database_file import check, known_revisions

_START = "Start TuneDesk once: python3 -m app"
_DATABASE = "tunedesk.sqlite3"
# File systems on which SQLite's locks and its write-ahead log do not hold.
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs", "lustre"}


class Verdict(StrEnum):
    """How a finding is meant: only `fail` keeps TuneDesk from working."""

    PASS = "pass"  # noqa: S105 (a verdict, no password)
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `fix` is empty where there is nothing to mend."""

    subject: str
    verdict: Verdict
    found: str
    fix: str = ""


def report(paths: Paths, data_dir: Path, runtimes: Path, port: int) -> int:
    """Print every finding as a table; returns 1 where one of them fails, else 0."""
    findings = list(examine(paths, data_dir, runtimes, port))
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        print(f"{finding.verdict.value:<5} {finding.subject:<{width}}  {finding.found}")
        if finding.fix:
            print(f"{'':<5} {'':<{width}}  -> {finding.fix}")
    failed = sum(finding.verdict is Verdict.FAIL for finding in findings)
    warned = sum(finding.verdict is Verdict.WARN for finding in findings)
    print(f"\n{len(findings) - failed - warned} pass, {warned} warn, {failed} fail")
    return 1 if failed else 0


def examine(paths: Paths, data_dir: Path, runtimes: Path, port: int) -> Iterator[Finding]:
    """Every finding, cheapest first; changes nothing but a test file that is removed again."""
    yield Finding("Python", Verdict.PASS, f"{sys.version.split()[0]} at {sys.executable}")
    yield _looked("Disk", lambda: _disk(paths))
    yield _looked("Web environment", lambda: _environment(paths))
    yield _looked("Browser libraries", lambda: _browser_libraries(paths))
    for name in RUNTIMES:
        environments = RuntimeEnvironments(runtimes, paths=paths)
        yield _looked(f"Training runtime {name}", partial(_runtime, environments, name))
    yield _data_dir(data_dir)
    yield _looked("Local disk", lambda: _local_disk(data_dir))
    yield _looked("Database", lambda: _database(paths, data_dir / _DATABASE))
    yield _port(port)


def _looked(subject: str, look: Callable[[], Finding]) -> Finding:
    """Return what a look finds. What may not be looked at is a finding, too, and hides no other."""
    try:
        return look()
    except OSError as error:
        what = f" ({error.filename})" if error.filename else ""
        fix = "Run it as the user whom the files belong to."
        return Finding(subject, Verdict.WARN, f"cannot be looked at: {error.strerror or error}{what}", fix)


def _disk(paths: Paths) -> Finding:
    free = shutil.disk_usage(paths.root).free
    found = f"{free / 1000**3:.1f} GB free"
    if free < NEEDED_BYTES:
        return Finding("Disk", Verdict.FAIL, found, "Free at least 1 GB.")
    enough_for_runtime = 3 * 1000**3
    if free < enough_for_runtime:
        return Finding("Disk", Verdict.WARN, found, "The training runtime needs about 3 GB: free some space.")
    return Finding("Disk", Verdict.PASS, found)


def _environment(paths: Paths) -> Finding:
    if not paths.python.exists():
        return Finding("Web environment", Verdict.WARN, "not made yet", _START)
    if not web.is_fresh(paths, "web"):
        return Finding("Web environment", Verdict.WARN, "not the locked packages, or left half-done", _START)
    return Finding("Web environment", Verdict.PASS, f"the locked packages, in {paths.venv}")


def _browser_libraries(paths: Paths) -> Finding:
    if not browser.is_fresh(paths, tests=False):
        return Finding("Browser libraries", Verdict.WARN, "missing or not the locked ones", _START)
    return Finding("Browser libraries", Verdict.PASS, f"the locked ones, in {paths.vendor}")


def _runtime(environments: RuntimeEnvironments, name: str) -> Finding:
    state, subject = environments.state(name), f"Training runtime {name}"
    size = f" ({state.size_bytes / 1000**3:.1f} GB)" if state.size_bytes else ""
    if state.status is RuntimeStatus.READY:
        return Finding(subject, Verdict.PASS, f"{state.message}{size}")
    if state.status is RuntimeStatus.INSTALLING:
        return Finding(
            subject, Verdict.WARN, f"being made: {state.message}", f"To watch: python3 -m app runtime install {name}"
        )
    consent = " --allow-cuda" if state.status is RuntimeStatus.NEEDS_CONSENT else ""
    return Finding(subject, Verdict.WARN, state.message, f"python3 -m app runtime install {name}{consent}")


def _data_dir(data_dir: Path) -> Finding:
    try:
        folder = next(folder for folder in (data_dir, *data_dir.parents) if folder.exists())
        data_folder.probe(folder)
        mode = stat.S_IMODE(folder.stat().st_mode)
    except OSError as error:
        why = data_folder.unusable(data_dir, error)
        return Finding("Data folder", Verdict.FAIL, why.sentence, why.remedy)
    if folder != data_dir:
        return Finding("Data folder", Verdict.PASS, f"{data_dir}, will be made at the first start")
    if mode & data_folder.OTHERS:
        fix = f"The next start takes their rights away, where the folder is yours; or now: chmod -R go= {data_dir}"
        return Finding("Data folder", Verdict.WARN, f"{data_dir}, open to others on this machine ({mode:o})", fix)
    return Finding("Data folder", Verdict.PASS, f"{data_dir}, writable")


def _local_disk(data_dir: Path) -> Finding:
    kind = file_system(data_dir)
    if kind in _REMOTE:
        fix = "Put the data folder on a local disk (TUNEDESK_DATA_DIR), or the database alone (TUNEDESK_DATABASE_URL)."
        return Finding("Local disk", Verdict.FAIL, f"the data folder is on {kind}, where SQLite can lose data", fix)
    return Finding("Local disk", Verdict.PASS, kind or "kind of file system not known here")


def file_system(folder: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """The kind of file system `folder` is (or will be) on; empty where the system does not tell."""
    if not mounts.exists():
        return ""
    best = ("", "")
    for line in mounts.read_text(encoding="utf-8").splitlines():
        point, kind = (re.sub(r"\\040", " ", part) for part in line.split()[1:3])
        inside = Path(os.path.realpath(folder)).is_relative_to(point)
        if inside and len(point) >= len(best[0]):
            best = (point, kind)
    return best[1]


def _database(paths: Paths, path: Path) -> Finding:
    if os.environ.get("TUNEDESK_DATABASE_URL"):
        return Finding("Database", Verdict.PASS, "named by TUNEDESK_DATABASE_URL; not looked at here")
    known = known_revisions(paths.root / "migrations")
    try:
        version = check(path, known)
    except SetupError as error:
        return Finding("Database", Verdict.FAIL, error.sentence, error.remedy)
    if version is None:
        return Finding("Database", Verdict.PASS, "none yet; made at the first start")
    if version != known[-1]:
        return Finding(
            "Database", Verdict.WARN, f"at version {version}, newest is {known[-1]}", "python3 -m app migrate"
        )
    return Finding("Database", Verdict.PASS, f"at version {version}, the newest")


def _port(port: int) -> Finding:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            fix = f"If that is not TuneDesk itself: python3 -m app serve --port {port + 1}"
            return Finding("Port", Verdict.WARN, f"{port} is in use: {error.strerror}", fix)
    return Finding("Port", Verdict.PASS, f"{port} is free")
