"""SIGTERM: the server ends soon and in good order, whoever is looking on, and says what goes on without it."""

import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.campaigns import stand_in_child
from tests.campaigns.people import Diary, Person
from tests.campaigns.servers import Server
from tests.support.local import end_all, stand_in
from tests.support.waiting import until

SCRIPT = {"train_s": 600.0, "look_s": 0.2, "queue_s": 0.1}


class Viewer:
    """Somebody who keeps a stream open until it ends."""

    def __init__(self, method: str, address: str, **more: Any) -> None:  # noqa: ANN401 -- httpx's own
        self.begun, self.ended = threading.Event(), threading.Event()
        self.said = ""
        self._asked = (method, address, more)
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        method, address, more = self._asked
        try:
            with httpx.Client(timeout=120) as client, client.stream(method, address, **more) as answer:
                for piece in answer.iter_text():
                    self.said += piece
                    self.begun.set()
        except httpx.TransportError:
            pass  # the server has ended
        finally:
            self.ended.set()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Give a running server whose children need no torch."""
    made = Server(tmp_path, SCRIPT, runtime_python=stand_in(tmp_path, Path(stand_in_child.__file__)))
    try:
        made.start(cold=True)
        made.comes_up()
        yield made
    finally:
        made.close()
        end_all(tmp_path / "data" / "runs")


@pytest.fixture
def person(server: Server, tmp_path: Path) -> Iterator[Person]:
    """Give somebody who uses the server."""
    made = Person("owner", server.address, Diary(runs=tmp_path / "data" / "runs"), lambda: False)
    yield made
    made.close()


def at_work(server: Server, person: Person) -> str:
    """Have a rehearsed job under way and a model served here; return the deployment."""
    project = person.ask("POST", "/projects", json={"name": "Stop"})["id"]
    rows = b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n' * 12
    dataset = person.ask("PUT", "/datasets", params={"name": "r", "filename": "r.jsonl"}, content=rows)["id"]
    request = {"project": project, "connection": "con_rehearsal", "base_model": "rehearsal:small", "name": "long"}
    job = person.make("/jobs", request | {"training_dataset": dataset})["id"]
    target = {"connection": "con_local", "base_model": "builtin:starter"}
    served = str(person.make("/deployments", {"target": target, "expires_after_idle_s": 0})["id"])
    person.until(f"/jobs/{job}", lambda seen: seen["status"] == "running")
    person.until(f"/deployments/{served}", lambda seen: seen["status"] == "ready")
    viewers = [Viewer("GET", f"{server.address}/jobs/{job}/live") for _ in range(3)]
    assert all(viewer.begun.wait(60) for viewer in viewers)
    return served


def test_it_ends_within_ten_seconds_whatever_is_open(server: Server, person: Person, tmp_path: Path) -> None:
    served = at_work(server, person)
    question = {"messages": [{"role": "user", "content": "Speak slowly."}], "stream": True}
    chat = Viewer("POST", f"{server.address}/api/v1/deployments/{served}/chat", json=question)
    until(lambda: "yes" in chat.said, doing="the first word")
    code = server.stop(within=25)  # ten seconds of its own, and what a loaded machine adds
    assert code in {0, -signal.SIGTERM}, server.log()
    assert chat.ended.wait(20)
    log = (tmp_path / "server.log").read_text(encoding="utf-8")
    assert "Traceback" not in log
    with closing(sqlite3.connect(tmp_path / "data" / "tunedesk.sqlite3")) as database:
        assert database.execute("SELECT count(*) FROM jobs WHERE status = 'running'").fetchone() == (1,)


@pytest.mark.slow
def test_it_says_what_goes_on_without_it_and_takes_it_up_again(server: Server, person: Person, tmp_path: Path) -> None:
    served = at_work(server, person)
    assert server.stop(within=25) in {0, -signal.SIGTERM}
    assert "Still at work, and taken up again by the next start: 1 deployed models." in server.log()
    with closing(sqlite3.connect(tmp_path / "data" / "tunedesk.sqlite3")) as database:
        held = "SELECT count(*) FROM jobs WHERE lease_token IS NOT NULL"
        assert database.execute(held).fetchone() == (0,), "every lease was given back"
    server.start()
    server.comes_up()
    question = {"messages": [{"role": "user", "content": "Still there?"}]}
    reported = person.ask("POST", f"/deployments/{served}/chat", json=question, fine=frozenset({409, 424}))
    assert reported["status_code"] == 200
    assert person.ask("GET", f"/deployments/{served}")["restarts"] == 0
