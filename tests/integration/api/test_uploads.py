"""Files in pieces: cut anywhere they go on to the same bytes; what does not fit is refused in words."""

import http.client
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.testclient import TestClient

from app.http.application import GuardedApp
from app.services.scope import Scopes
from app.services.uploads import KEPT
from app.store.files import FileStore
from tests.support.app_context import TestHouse
from tests.support.server import serving

UPLOADS = "/api/v1/uploads"
ROW = b'{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}\n'
ROWS = b"".join(ROW.replace(b"q", str(number).encode()) for number in range(20))


def begun(client: TestClient | httpx2.Client, size: int, filename: str = "rows.jsonl") -> str:
    made = client.post(UPLOADS, json={"filename": filename, "bytes": size})
    assert made.status_code == 201, made.text
    return f"{UPLOADS}/{made.json()['id']}"


def piece(client: TestClient | httpx2.Client, upload: str, offset: int, content: bytes) -> httpx2.Response:
    answer: httpx2.Response = client.patch(upload, params={"offset": offset}, content=content)
    return answer


def cut(url: str, upload: str, offset: int, rest: bytes, after: int) -> None:
    """Announce the rest of a file, send so many bytes of it, and hang up."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    connection.putrequest("PATCH", f"{upload}?offset={offset}")
    connection.putheader("Content-Length", str(len(rest)))
    connection.endheaders()
    connection.send(rest[:after])
    assert isinstance(connection.sock, socket.socket)
    connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()


def received(client: httpx2.Client, upload: str, at_least: int, patience_s: float = 20) -> int:
    """Return how much is there once so much has arrived; a server may take a moment to read it."""
    until = time.monotonic() + patience_s
    while (there := int(client.get(upload).json()["received"])) < at_least and time.monotonic() < until:
        threading.Event().wait(0.01)
    return there


def test_file_that_is_cut_at_ten_random_bytes_comes_to_the_same_hash(app: GuardedApp) -> None:
    """A server may lose the last 64 KiB before a cut: what it says that it has is where to go on."""
    chance = random.Random(7)
    content = ROW * 200 + chance.randbytes(3_000_000)
    cuts = sorted(chance.sample(range(200_000, len(content)), 10))
    with serving(app) as url, httpx2.Client(base_url=url, timeout=60) as client:
        upload = begun(client, len(content))
        there = 0
        for until in cuts:
            cut(url, upload, there, content[there:], until - there)
            there = received(client, upload, until - 2**17, patience_s=1)
            assert there <= until
        assert there > 0
        while (answer := piece(client, upload, there, content[there:])).status_code == 409:  # one before still writes
            there = received(client, upload, 0)
        assert answer.json()["received"] == len(content)
        made = client.post(f"{upload}/dataset", json={"name": "cut"})
        assert made.status_code == 201
        assert (made.json()["sha256"], made.json()["bytes"]) == (sha256(content).hexdigest(), len(content))
        assert client.get(f"/api/v1/datasets/{made.json()['id']}/download").content == content


def test_finishing_twice_gives_the_same_dataset(client: TestClient) -> None:
    upload = begun(client, len(ROWS))
    missing = client.post(f"{upload}/dataset", json={})
    assert (missing.status_code, f"0 of {len(ROWS):,} bytes" in missing.json()["detail"]) == (409, True)
    assert piece(client, upload, 0, ROWS).status_code == 200
    first, second = (client.post(f"{upload}/dataset", json={"name": "twice"}) for _ in range(2))
    assert first.json() == second.json()
    assert (first.json()["filename"], first.json()["rows"]) == ("rows.jsonl", 20)
    assert client.get(upload).json()["received"] == len(ROWS)
    client.delete(f"/api/v1/datasets/{first.json()['id']}")
    assert client.post(f"{upload}/dataset", json={"name": "twice"}).status_code == 404


@pytest.mark.parametrize(("offset", "content"), [(5, b"x"), (0, b"x" * 11)])
def test_piece_that_does_not_belong_there_changes_nothing(client: TestClient, offset: int, content: bytes) -> None:
    upload = begun(client, 10)
    refused = piece(client, upload, offset, content)
    assert refused.status_code == 409
    assert refused.json()["detail"].endswith(".")
    assert refused.json()["fix"].endswith(".")
    assert client.get(upload).json()["received"] == 0


def test_connection_that_lags_behind_writes_nothing_over(app: GuardedApp) -> None:
    """A first connection that still hangs, and a second that went on: the first one's late bytes are refused."""
    content = random.Random(1).randbytes(400_000)
    reached, late = threading.Event(), threading.Event()

    def slowly() -> Iterator[bytes]:
        yield content[:100_000]
        reached.set()
        late.wait(20)
        yield b"x" * 200_000
        yield b"x" * 100_000

    with serving(app) as url, httpx2.Client(base_url=url, timeout=60) as client:
        upload = begun(client, len(content))
        answers: list[int] = []

        def first() -> None:
            with suppress(httpx2.TransportError), httpx2.Client(base_url=url, timeout=60) as other:
                answers.append(other.patch(upload, params={"offset": 0}, content=slowly()).status_code)

        thread = threading.Thread(target=first)
        thread.start()
        assert reached.wait(20)
        there = received(client, upload, 100_000)
        assert piece(client, upload, there, content[there:]).status_code == 200
        late.set()
        thread.join(20)
        assert answers in ([409], [])
        made = client.post(f"{upload}/dataset", json={"name": "late"})
        assert made.json()["sha256"] == sha256(content).hexdigest()


def test_upload_that_nobody_goes_on_with_is_removed(client: TestClient, app_context: TestHouse) -> None:
    old = begun(client, 10)
    folder = app_context.folder / "data" / "uploads"
    app_context.clock.turn(timedelta(days=365 * 40) + KEPT)  # files have the time of the machine
    fresh = begun(client, 10)
    assert client.get(old).status_code == 404
    assert [each.name for each in folder.iterdir()] == [fresh.rpartition("/")[2]]
    assert client.delete(fresh).status_code == 204
    assert client.get(fresh).status_code == 404


def test_what_does_not_fit_is_refused_before_it_is_sent(
    client: TestClient, app: GuardedApp, app_context: TestHouse
) -> None:
    assert client.post(UPLOADS, json={"bytes": 2**40}).status_code == 413
    narrow = FileStore(app_context.folder / "data", upload_limit=2**30, disk_reserve=2**60)
    app.state.scopes = Scopes(replace(app_context.app_context, files=narrow))
    refused = client.post(UPLOADS, json={"bytes": 10})
    assert (refused.status_code, refused.json()["title"]) == (409, "No room left on the disk")
