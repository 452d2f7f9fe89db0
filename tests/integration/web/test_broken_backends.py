"""Pages and REST while a backend raises what no backend may: 424 with a sentence and the request, never 5xx."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from app.backends.rehearsal import FaultKind
from app.http.streams import Look
from app.services import deployments, drafts, jobs
from app.web.live import JobPageStream
from app.web.rendering import templates
from tests.support.broken import CALLS, SECRET, BreaksOff, breaking, replaced, stumbling
from tests.support.door import visiting
from tests.support.rehearsed import Rehearsed

QUESTION = {"messages": [{"role": "user", "content": "Is it so?"}]}


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Rehearsed]:
    """A house whose provider can be broken."""
    made = Rehearsed(tmp_path, train_s=3.0)
    yield made
    made.close()


@pytest.fixture
def visitor(installation: Rehearsed) -> Iterator[TestClient]:
    """Give somebody at this machine who asks for pages and for REST."""
    with visiting(installation.scopes) as client:
        yield client


@pytest.fixture
def served(installation: Rehearsed) -> str:
    """A deployment that is ready."""
    with installation.open() as scope:
        target = {"base_model": "rehearsal:small", "connection": "con_rehearsal"}
        made = deployments.create(scope, target=target, expires_after_idle_s=0)
    installation.tick(12)
    return made.id


def test_a_page_and_rest_say_what_and_where_to_look(
    visitor: TestClient, installation: Rehearsed, caplog: pytest.LogCaptureFixture
) -> None:
    job = installation.until(installation.job().id).id
    for path, status in ((f"/jobs/{job}?tab=code&target=json", 200), (f"/api/v1/jobs/{job}/code?target=json", 424)):
        caplog.clear()
        with stumbling(installation, "code"), caplog.at_level(logging.ERROR):
            answer = visitor.get(path)
        request = answer.headers["x-request-id"]
        assert answer.status_code == status
        assert f"(KeyError). The server's log has it whole under {request}." in answer.text.replace("&#39;", "'")
        assert "Try again" in answer.text
        assert "Rehearsal: status" not in answer.text
        assert f"{request}: a backend raised KeyError" in caplog.text
        assert "Rehearsal: status" in caplog.text, "the log has the words, too"
        assert visitor.get(path).status_code == 200


def test_every_page_opens_or_says_why_not(visitor: TestClient, installation: Rehearsed, served: str) -> None:
    job = installation.until(installation.job().id)
    pages = [f"/jobs/{job.id}?tab={tab}" for tab in ("overview", "log", "data", "code", "parameters", "evaluation")]
    pages += ["/", "/catalog", "/deployments", f"/deployments/{served}", "/playground", "/wizard", "/settings/prices"]
    pages += ["/settings/engine", "/connections/con_rehearsal", f"/models/{job.fine_tuned_model}", "/evaluations"]
    pages += ["/connections", f"/deployments/{served}/measured", f"/jobs/{job.id}/capsule", f"/jobs/{job.id}/log.txt"]
    pages += [f"/api/v1{path}" for path in ("/engine", "/catalog", "/prices", "/prices/limits/con_rehearsal")]
    pages += [f"/api/v1/jobs/{job.id}/first-batch", "/api/v1/connections/con_rehearsal/orphans"]
    shut = set()
    with replaced(installation, breaking(*CALLS, "base_models", "base_model", "log", "code", "estimate")):
        for path in pages:
            answer = visitor.get(path)
            assert answer.status_code in {200, 303, 424}, path
            assert SECRET not in answer.text
            if answer.status_code == 424:
                assert "(KeyError)" in answer.text, path
                shut.add(path)
    alone = {f"/jobs/{job.id}/capsule", f"/jobs/{job.id}/log.txt", "/settings/prices"}
    alone |= {f"/api/v1/jobs/{job.id}/first-batch", "/api/v1/connections/con_rehearsal/orphans"}
    assert shut == alone | {"/api/v1/prices", "/api/v1/prices/limits/con_rehearsal"}


def test_a_live_page_waits_for_the_next_change(installation: Rehearsed) -> None:
    job = installation.job().id
    viewer = {"type": "http", "method": "GET", "path": "/", "headers": [], "server": ("127.0.0.1", 80)}
    stream = JobPageStream(Request(viewer), templates(), job, "code", None)
    with stumbling(installation, "code"), installation.open() as scope:
        assert stream.look_in(scope) == Look()
        assert stream.look_in(scope) == Look()
    assert len([each for each in installation.backend.ledger.entries() if each.call == "code"]) == 1, (
        "it was asked once"
    )


def test_a_chat_that_cannot_begin_is_424_and_a_stream_says_so(
    visitor: TestClient, installation: Rehearsed, served: str
) -> None:
    with stumbling(installation, "chat"):
        answer = visitor.post(f"/api/v1/deployments/{served}/chat", json=QUESTION)
        assert answer.status_code == 424
        assert "(KeyError)" in answer.json()["detail"]
        streamed = visitor.post("/playground/stream", data={"deployment": served, "prompt": "Is it so?"})
    assert "(KeyError)" in events_of(streamed.text)[-1]["error"]["message"]


def events_of(text: str) -> list[dict[str, Any]]:
    """The objects of a stream, which ends with its mark."""
    data = [line.removeprefix("data: ") for line in text.splitlines() if line]
    assert data[-1] == "[DONE]"
    return [json.loads(each) for each in data[:-1]]


def test_a_stream_that_breaks_off_ends_with_an_error_event(
    visitor: TestClient, installation: Rehearsed, served: str
) -> None:
    with replaced(installation, BreaksOff):
        answer = visitor.post(f"/api/v1/deployments/{served}/chat", json={**QUESTION, "stream": True})
        streamed = visitor.post("/playground/stream", data={"deployment": served, "prompt": "Is it so?"})
    assert answer.status_code == 200
    events = events_of(answer.text)
    assert events[1]["choices"][0]["delta"]["content"] == "dep:1"
    error = events[-1]["error"]
    assert error["type"] == "provider-failed"
    assert f"(KeyError). The server's log has it whole under {answer.headers['x-request-id']}." in error["message"]
    shown = events_of(streamed.text)
    assert shown[0]["choices"][0]["delta"] == {"content": "dep:1"}
    assert "(KeyError)" in shown[-1]["error"]["message"]


@pytest.mark.parametrize("call", ["base_model", "estimate"])
def test_words_that_are_no_text_are_shown_all_the_same(visitor: TestClient, installation: Rehearsed, call: str) -> None:
    with installation.open() as scope:
        draft = drafts.create(scope, jobs.fields_of(installation.job().spec)).id
    with stumbling(installation, call, FaultKind.GARBLED):
        for path in (f"/api/v1/drafts/{draft}/review", f"/wizard/{draft}/model", f"/wizard/{draft}/review"):
            answer = visitor.get(path)
            assert (path, answer.status_code) == (path, 200)
            assert "Rehearsal: ? lone" in answer.text
