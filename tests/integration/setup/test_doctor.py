"""The doctor tells what holds, what does not, and what to do."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.doctor import Finding, Verdict, examine, file_system, report
from app.setup.paths import Paths
from tests.support.checkout import Checkout, make_checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    checkout = make_checkout(tmp_path)
    versions = checkout.root / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "0001_first.py").write_text('revision = "0001"\ndown_revision = None\n', encoding="utf-8")
    (versions / "0002_second.py").write_text('revision: str = "0002"\ndown_revision = "0001"\n', encoding="utf-8")
    return checkout


def findings(checkout: Checkout) -> Mapping[str, Finding]:
    found = examine(checkout.paths, checkout.root / "data", checkout.root / ".runtimes", port=0)
    return {finding.subject: finding for finding in found}


def database(checkout: Checkout, version: str) -> None:
    folder = checkout.root / "data"
    folder.mkdir()
    with sqlite3.connect(folder / "tunedesk.sqlite3") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES (?)", [version])
    connection.close()


def test_a_bare_checkout_is_fine_and_says_what_is_missing(checkout: Checkout) -> None:
    done = checkout.run("doctor", "--port", "0")
    assert done.code == 0, done.said
    assert "warn  Web environment" in done.said
    assert "-> Start TuneDesk once: python3 -m app" in done.said
    assert "-> python3 -m app runtime install trl" in done.said
    assert done.said.endswith("0 fail\n")


@pytest.mark.parametrize(
    ("version", "verdict", "fix"),
    [("0002", Verdict.PASS, ""), ("0001", Verdict.WARN, "python3 -m app migrate"), ("0099", Verdict.FAIL, "newer")],
)
def test_the_databases_version(checkout: Checkout, version: str, verdict: Verdict, fix: str) -> None:
    database(checkout, version)
    found = findings(checkout)["Database"]
    assert found.verdict is verdict
    assert fix in found.fix


def test_a_broken_database_fails(checkout: Checkout) -> None:
    (checkout.root / "data").mkdir()
    (checkout.root / "data" / "tunedesk.sqlite3").write_text("no database " * 100, encoding="utf-8")
    found = findings(checkout)["Database"]
    assert found.verdict is Verdict.FAIL
    assert "is no SQLite database" in found.found
    assert report(checkout.paths, checkout.root / "data", checkout.root / ".runtimes", 0) == 1


def test_a_data_folder_that_cannot_be_made(checkout: Checkout) -> None:
    found = {
        finding.subject: finding
        for finding in examine(checkout.paths, Path("/proc/self/data"), checkout.root / ".runtimes", port=0)
    }
    assert found["Data folder"].verdict is Verdict.FAIL
    assert "TUNEDESK_DATA_DIR" in found["Data folder"].fix


def test_what_may_not_be_looked_at_is_a_finding_and_hides_no_other(checkout: Checkout) -> None:
    nowhere = Paths(Path("/") / ("x" * 300))  # a name too long for any file system, as an error that root meets, too
    found = {
        each.subject: each for each in examine(nowhere, checkout.root / "data", checkout.root / ".runtimes", port=0)
    }
    assert found["Web environment"].verdict is Verdict.WARN
    assert "cannot be looked at: File name too long" in found["Web environment"].found
    assert found["Data folder"].verdict is Verdict.PASS


def test_a_network_disk_is_reported_from_a_local_one(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/sda / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\n/dev/sdb /home/me xfs rw 0 0\n")
    assert file_system(Path("/home/you/data"), mounts) == "nfs4"
    assert file_system(Path("/home/me/data"), mounts) == "xfs"
    assert file_system(Path("/srv/data"), mounts) == "ext4"
