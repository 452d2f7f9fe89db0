"""Whatever is sent below `/v1`: no 5xx, and each error in OpenAI's shape. 200 requests here, 3,000 by name."""

import json
import random
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.domain.actors import ProjectRole, TokenScope
from app.services import jobs
from app.store import people as store
from tests.integration.openai_api.conftest import BASE, Door
from tests.integration.openai_api.rows import chats
from tests.support.connections import REHEARSAL_ID
from tests.support.office import Office
from tests.support.server import serving

METHODS = ("GET", "GET", "GET", "GET", "POST", "POST", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS")
PATHS = (
    "/files", "/files/{}", "/files/{}/content", "/uploads", "/uploads/{}/parts", "/uploads/{}/complete",
    "/uploads/{}/cancel", "/fine_tuning/jobs", "/fine_tuning/jobs/{}", "/fine_tuning/jobs/{}/cancel",
    "/fine_tuning/jobs/{}/pause", "/fine_tuning/jobs/{}/resume", "/fine_tuning/jobs/{}/events",
    "/fine_tuning/jobs/{}/checkpoints", "/fine_tuning/checkpoints/{}/permissions", "/models", "/models/{}",
    "/chat/completions", "/completions", "/{}",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, "", "x", "é", "\ud800", "\x00", -1, 0, 1, 2**53, 2**80, 1e400, 0.5, True, [], {}, [[]], {"a": {}}, "a" * 5000,
    "..%2f..", "%2e%2e", "'; --", "<b>", "auto", "null", "ft:a:b:c:d", ":", "/", "file-", "ftjob-", "ftjob-none",
)  # fmt: skip
FIELDS = (
    "model", "training_file", "validation_file", "method", "hyperparameters", "suffix", "seed", "integrations",
    "metadata", "tunedesk", "filename", "purpose", "bytes", "mime_type", "part_ids", "md5", "messages", "stream",
    "stop", "temperature", "max_tokens", "n_epochs", "type", "supervised", "dpo", "role", "content",
)  # fmt: skip
KINDS = ("application/json", "text/plain", "multipart/form-data", "multipart/form-data; boundary=b", "", "a/b; c")


class Sender:
    """Sends what chance makes of well-formed requests, at a house with a file, a job and its model."""

    def __init__(self, door: Door, seed: int) -> None:
        self.door, self.chance = door, random.Random(seed)
        self.url, self.key = door.url, "x"  # where to, and as whom
        made = door.client.fine_tuning.jobs.create(model=BASE, training_file=door.brought(chats()))
        door.turn()
        done = door.client.fine_tuning.jobs.retrieve(made.id)
        upload = door.client.uploads.create(filename="x", bytes=9, mime_type="x", purpose="fine-tune")
        self.ids = (done.training_file, done.id, str(done.fine_tuned_model), done.result_files[0], upload.id, BASE)
        # What costs time is not begun: whether a chat is answered is tried elsewhere.
        address = f"{door.url}/api/v1/connections/{REHEARSAL_ID}"
        httpx.patch(address, json={"openai_spending": False}).raise_for_status()

    def value(self, depth: int = 0) -> Any:  # noqa: ANN401 -- JSON
        draw = self.chance.random()
        if depth < 3 and draw < 0.25:
            return {self.chance.choice(FIELDS): self.value(depth + 1) for _ in range(self.chance.randrange(4))}
        if depth < 3 and draw < 0.35:
            return [self.value(depth + 1) for _ in range(self.chance.randrange(3))]
        return self.chance.choice((*ODD, *self.ids))

    def body(self) -> bytes:
        draw = self.chance.random()
        if draw < 0.15:
            return self.chance.randbytes(self.chance.randrange(300))
        if draw < 0.3:
            name = self.chance.choice(("file", "purpose", "data", "x"))
            return (
                f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="f"\r\n\r\nfine-tune\r\n--b'.encode()
                + (b"--\r\n" if draw < 0.25 else b"")
            )
        fields = {name: self.value() for name in self.chance.sample(FIELDS, self.chance.randrange(8))}
        if self.chance.random() < 0.5:
            fields |= {"model": self.chance.choice(self.ids), "training_file": self.ids[0]}
        return json.dumps(fields).encode()

    def requests(self, count: int) -> Iterator[httpx.Request]:
        """Yield requests; those that no client could write are drawn again."""
        made = 0
        while made < count:
            path = self.chance.choice(PATHS).replace(
                "{}", str(self.chance.choice(self.ids if self.chance.random() < 0.6 else ODD))
            )
            query = {self.chance.choice(("limit", "after", "order", "purpose", "metadata[a]", "metadata", "x")): str(
                self.chance.choice((*ODD, *self.ids))
            )} if self.chance.random() < 0.4 else None  # fmt: skip
            method = self.chance.choice(METHODS)
            headers = {"authorization": f"Bearer {self.key}", "content-type": self.chance.choice(KINDS)}
            if self.chance.random() < 0.1:
                headers |= {"idempotency-key": self.chance.choice(("k", "a b", "x" * 300))}
            try:
                url = httpx.URL(f"{self.url}/v1{path}", params=query)
                yield httpx.Request(method, url, headers=headers, content=None if method == "GET" else self.body())
            except (httpx.InvalidURL, UnicodeEncodeError, ValueError):
                continue
            made += 1


def hold(sender: Sender, *, count: int) -> set[int]:
    """Send so many requests, and hold each answer against what every client relies on; return the statuses."""
    statuses = set()
    with httpx.Client(trust_env=False, timeout=60) as client:
        for request in sender.requests(count):
            answered = client.send(request)
            statuses.add(answered.status_code)
            said = f"{request.method} {request.url} {answered.status_code} {answered.text[:300]}"
            assert answered.status_code < 500, said
            if answered.status_code >= 400 and request.method != "HEAD":
                error = answered.json()["error"]
                assert error.keys() == {"message", "type", "param", "code"}, said
                assert isinstance(error["message"], str), said
                assert error["message"], said
    return statuses


def test_two_hundred_requests(door: Door) -> None:
    assert hold(Sender(door, 1), count=200) >= {200, 400, 404, 405}


@pytest.mark.slow
@pytest.mark.parametrize("who", ["vera", "ada", "alma", "bob", "root"])
def test_two_hundred_requests_of_each_role(door: Door, who: str) -> None:
    sender = Sender(door, 2)
    with door.house.open() as scope:
        (project,) = {each.spec.project for each in jobs.list_jobs(scope).items}
    office = Office(door.house)
    roles = {"vera": ProjectRole.VIEWER, "ada": ProjectRole.MEMBER, "alma": ProjectRole.ADMIN}
    with door.house.open() as scope:
        for name, role in roles.items():
            store.set_role(scope.write, office.people[name].id, project, role)
    with serving(office.app) as url:
        sender.url, sender.key = url, office.token(who, TokenScope.WRITE)
        statuses = hold(sender, count=200)
    assert statuses >= {200, 404}
    assert (403 in statuses) == (who == "vera")


@pytest.mark.named
@pytest.mark.parametrize("seed", range(10))
def test_three_thousand_requests(door: Door, seed: int) -> None:
    assert hold(Sender(door, 100 + seed), count=300) >= {200, 400, 404, 405}
