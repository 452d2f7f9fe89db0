"""Set-up that is killed in the middle, and two set-ups at once."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkout import Checkout, make_checkout, write_wheel


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return make_checkout(tmp_path)


@pytest.fixture
def stalled() -> Iterator[socket.socket]:
    """A package index that takes the call and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(120)
        yield server


def start(checkout: Checkout, index: socket.socket) -> subprocess.Popen[str]:
    address = f"http://127.0.0.1:{index.getsockname()[1]}/simple"
    environ = {**checkout.environ, "PIP_NO_INDEX": "0", "PIP_INDEX_URL": address, "PIP_FIND_LINKS": ""}
    return subprocess.Popen(
        checkout.command("setup"),
        cwd=checkout.root,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def lines_until(process: subprocess.Popen[str], words: str) -> str:
    """What the process says up to the line with these words."""
    said = ""
    for line in process.stderr or ():
        said += line
        if words in line:
            return said
    raise AssertionError(f"it never said {words!r}, only: {said}")


@pytest.mark.slow
def test_a_killed_set_up_is_mended_by_the_next_start(checkout: Checkout, stalled: socket.socket) -> None:
    with start(checkout, stalled) as first:
        call, _ = stalled.accept()  # pip is in the middle of its work
        with call:
            os.killpg(first.pid, signal.SIGKILL)
            first.wait()
    done = checkout.run("setup")
    assert done.code == 0, done.said
    assert "Making the Python environment" in done.said
    assert "tinyweb" in str(list(checkout.paths.venv.rglob("tinyweb")))


@pytest.mark.slow
def test_a_second_start_waits_for_the_first(checkout: Checkout, stalled: socket.socket) -> None:
    with start(checkout, stalled) as first:
        call, _ = stalled.accept()
        with subprocess.Popen(
            checkout.command("setup"), cwd=checkout.root, env=checkout.environ, stderr=subprocess.PIPE, text=True
        ) as second:
            lines_until(second, "Another start is setting up this checkout: waiting for it")
            assert not (checkout.paths.venv / ".tunedesk-web.json").exists()
            call.close()
            stalled.close()  # now the index is out of reach: the first gives up, the second's own index is a folder
            said = lines_until(second, "Set up in")
            assert second.wait() == 0
        first.wait()
        assert first.returncode == 1
    assert "Making the Python environment" in said


@pytest.mark.slow
def test_a_pip_whose_starter_was_killed_is_waited_for(checkout: Checkout, stalled: socket.socket) -> None:
    with start(checkout, stalled) as first:
        call, _ = stalled.accept()
        first.kill()  # the starter only: its pip works on
        first.wait()
        with subprocess.Popen(
            checkout.command("setup"), cwd=checkout.root, env=checkout.environ, stderr=subprocess.PIPE, text=True
        ) as second:
            lines_until(second, "waiting for it")
            call.close()
            stalled.close()
            lines_until(second, "Set up in")
            assert second.wait() == 0


@pytest.mark.slow
def test_two_first_starts_at_once_install_once(checkout: Checkout) -> None:
    checkout.lock("web", [write_wheel(checkout.wheels, f"tiny{number}", "1.0") for number in range(12)])
    both = [
        subprocess.Popen(
            checkout.command("setup"), cwd=checkout.root, env=checkout.environ, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = "".join(process.communicate()[1] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert said.count("Installing 12 Python packages") == 1
