"""The door below `/v1` on a real loopback socket, with OpenAI's own client in front and the rehearsal behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from openai import OpenAI

from app.backends.rehearsal import Fault
from app.services.scope import AT_ONCE_BYTES
from tests.support.door import rest_app, turn
from tests.support.rehearsed import Rehearsed
from tests.support.server import serving

BASE = "rehearsal/rehearsal:small"


@dataclass(frozen=True)
class Door:
    """A house, the address below which it speaks OpenAI's wire, and a client that repeats nothing by itself."""

    house: Rehearsed
    url: str
    client: OpenAI
    raw: httpx.Client

    def turn(self) -> None:
        """Let everything happen that is due."""
        turn(self.house, self.house.engine)

    def brought(self, content: bytes, name: str = "rows.jsonl") -> str:
        """Bring a file; return its id."""
        return str(self.client.files.create(file=(name, content), purpose="fine-tune").id)


@contextmanager
def opened(folder: Path, *faults: Fault, at_once_bytes: int = AT_ONCE_BYTES) -> Iterator[Door]:
    """Give the door of a house of its own; files of more than `at_once_bytes` are checked by the engine."""
    house = Rehearsed(folder, *faults)
    house.scopes.app_context = replace(house.app_context, at_once_bytes=at_once_bytes)
    headers = {"authorization": "Bearer any"}
    with (
        serving(rest_app(house)) as url,
        httpx.Client(base_url=f"{url}/v1", headers=headers, trust_env=False, timeout=120) as raw,
        OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, organization="", project="") as client,
    ):
        yield Door(house, url, client, raw)
    house.close()


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """A door of one's own."""
    with opened(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A door for tests that leave nothing behind."""
    with opened(tmp_path_factory.mktemp("door")) as made:
        yield made
