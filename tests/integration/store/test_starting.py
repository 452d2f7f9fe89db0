"""A start over a data folder that cannot be used: one sentence, a code that is not 0, and nothing touched."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from app.settings import ROOT
from app.setup.problems import SetupError
from app.store.database_file import check, known_revisions
from tests.support.app_context import new_database
from tests.support.command_line import NOBODY, CommandLine, Done, command_line

DATABASE = "tunedesk.sqlite3"
KNOWN = known_revisions(ROOT / "migrations")


@pytest.fixture(scope="module")
def commands() -> Iterator[CommandLine]:
    with command_line() as made:
        yield made


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder of somebody who is not root, with a database of this version, cleanly closed."""
    with tempfile.TemporaryDirectory(prefix="tunedesk-start-") as whole:
        Path(whole).chmod(0o755)
        made = Path(whole) / "data"
        made.mkdir()
        new_database(made / DATABASE).close()
        for path, mode in ((made, 0o700), (made / DATABASE, 0o600)):
            path.chmod(mode)
            os.chown(path, *((NOBODY, NOBODY) if os.geteuid() == 0 else (-1, -1)))
        yield made
        for path in (Path(whole), made, made / DATABASE):
            if path.is_dir():
                path.chmod(0o755)  # so that it can be removed


def start(commands: CommandLine, command: str, folder: Path, *, most_bytes: int | None = None) -> Done:
    """Run a command over the folder, as whom it belongs to."""
    options = ["--data-dir", str(folder)] + (["--port", "0"] if command != "migrate" else [])
    return commands.run(command, *options, user=NOBODY, most_bytes=most_bytes)


def content(folder: Path) -> Mapping[str, bytes]:
    """Everything in the folder but the server's lock."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.name != "tunedesk.lock"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def belong_to_nobody(folder: Path) -> None:
    """Give what root has made meanwhile to whom the folder belongs."""
    for path in folder.iterdir() if os.geteuid() == 0 else ():
        os.chown(path, NOBODY, NOBODY)
        path.chmod(0o700 if path.is_dir() else 0o600)


def overwritten(file: Path, at: int, more: bytes) -> None:
    with file.open("r+b") as opened:
        opened.seek(at)
        opened.write(more)


def executed(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def newer(file: Path) -> None:
    executed(file, "UPDATE alembic_version SET version_num = '9999'")


def of_another_program(file: Path) -> None:
    file.unlink()
    executed(file, "CREATE TABLE bookmarks (address TEXT)")


def replaced_by_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def replaced_by_a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def killed_and_cut(file: Path, size: int) -> None:
    """A process was killed while it had the file open, which leaves a log; then the file was cut."""
    script = "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA journal_mode=WAL'); "
    script += "c.execute('CREATE TABLE more (n)'); c.commit(); os._exit(9)"
    subprocess.run([sys.executable, "-c", script, str(file)], check=False)
    assert file.with_name(f"{DATABASE}-wal").stat().st_size > 0
    os.truncate(file, size)


BROKEN: Mapping[str, tuple[Callable[[Path], object], str]] = {
    "notes": (lambda file: file.write_text("no database " * 999), "is no SQLite database"),
    "a word": (lambda file: file.write_text("no"), "is no SQLite database"),
    "half": (lambda file: os.truncate(file, file.stat().st_size // 2), "is cut"),
    "all but a byte": (lambda file: os.truncate(file, file.stat().st_size - 1), "is cut"),
    "half a header": (lambda file: os.truncate(file, 50), "is cut"),
    "emptied under its log": (lambda file: killed_and_cut(file, 0), "is cut"),
    "cut under its log": (lambda file: killed_and_cut(file, 8192), "is damaged"),
    "the schema": (lambda file: overwritten(file, 100, bytes(3000)), "is damaged"),
    "a page": (lambda file: overwritten(file, 8192, b"\xa5" * 4096), "is damaged"),
    "newer": (newer, "was made by a newer TuneDesk: it is at version 9999"),
    "another program's": (of_another_program, "belongs to another program"),
    "a folder": (replaced_by_a_folder, "is a folder"),
    "a pipe": (replaced_by_a_pipe, "is no file"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("command", ["serve", "migrate", "doctor"])
def test_a_database_that_cannot_be_used_is_one_sentence_and_stays_as_it_is(
    commands: CommandLine, folder: Path, command: str, name: str
) -> None:
    damage, expected = BROKEN[name]
    damage(folder / DATABASE)
    belong_to_nobody(folder)
    before = content(folder)
    done = start(commands, command, folder)
    assert done.code == 1
    said = one_sentence(command, done, "Database")
    assert f"The database {folder / DATABASE} {expected}" in said
    after = content(folder)
    assert {name: after.get(name) for name in before if not name.endswith("-shm")} == {
        name: before[name] for name in before if not name.endswith("-shm")
    }
    assert set(after) == set(before)


def one_sentence(command: str, done: Done, subject: str) -> str:
    """Return what was said: one line of its own, or the doctor's about its subject; never a trace."""
    assert "Traceback" not in done.output + done.errors
    if command == "doctor":
        (line,) = [line for line in done.output.splitlines() if line.startswith("fail") and subject in line]
        return line
    (line,) = done.errors.splitlines()
    return line


def unwritable(folder: Path) -> Path:
    folder.chmod(0o555)
    return folder


def unreadable(folder: Path) -> Path:
    folder.chmod(0o000)
    return folder


def a_file(folder: Path) -> Path:
    return folder / DATABASE


def within_a_file(folder: Path) -> Path:
    return folder / DATABASE / "data"


def out_of_reach(folder: Path) -> Path:
    folder.chmod(0o555)
    return folder / "new"


FOLDERS = {
    "unwritable": (unwritable, "you may not write there"),
    "unreadable": (unreadable, "you may not write there"),
    "a file": (a_file, "is a file"),
    "within a file": (within_a_file, "is a file"),
    "out of reach": (out_of_reach, "you may not write there"),
}


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("command", ["serve", "migrate", "doctor"])
def test_a_data_folder_that_cannot_be_used_is_one_sentence(
    commands: CommandLine, folder: Path, command: str, name: str
) -> None:
    arrange, expected = FOLDERS[name]
    named = arrange(folder)
    done = start(commands, command, named)
    assert done.code == 1
    said = one_sentence(command, done, "Data folder")
    assert f"The data folder {named} cannot be used" in said
    assert expected in said


@pytest.mark.parametrize("command", ["serve", "migrate", "doctor"])
def test_a_database_that_may_not_be_written_is_one_sentence(commands: CommandLine, folder: Path, command: str) -> None:
    (folder / DATABASE).chmod(0o400)
    done = start(commands, command, folder)
    assert done.code == 1
    assert f"{folder / DATABASE} cannot be opened: Permission denied" in one_sentence(command, done, "Database")


@pytest.mark.parametrize("command", ["serve", "migrate"])
@pytest.mark.parametrize("most_bytes", [0, 20_000])
def test_no_room_at_the_first_start_is_one_sentence(
    commands: CommandLine, folder: Path, command: str, most_bytes: int
) -> None:
    """Under a limit on the size of files, as for a full disk; with the larger one there is room for a few tables."""
    (folder / DATABASE).unlink()
    done = start(commands, command, folder, most_bytes=most_bytes)
    assert done.code == 1
    assert any(word in one_sentence(command, done, "") for word in ("File too large", "disk that holds", "is full"))


def test_a_database_that_another_program_holds_is_no_damage(folder: Path) -> None:
    with closing(sqlite3.connect(folder / DATABASE)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("UPDATE alembic_version SET version_num = version_num")
        with pytest.raises(SetupError, match="is locked") as found:
            check(folder / DATABASE, KNOWN)
        assert found.value.remedy == "Close the program that has it open."
        other.rollback()


def test_a_killed_servers_log_belongs_to_the_database(folder: Path) -> None:
    size = (folder / DATABASE).stat().st_size
    killed_and_cut(folder / DATABASE, size)
    before = content(folder)
    assert check(folder / DATABASE, KNOWN) == KNOWN[-1]
    assert content(folder)[f"{DATABASE}-wal"] == before[f"{DATABASE}-wal"]


def test_a_look_at_a_database_that_is_in_order_leaves_nothing_beside_it(folder: Path) -> None:
    before = content(folder)
    assert check(folder / DATABASE, KNOWN) == KNOWN[-1]
    assert content(folder) == before
