"""What OpenAI's clients send again by themselves begins nothing twice, wherever the first answer got lost."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from app.backends.rehearsal import RehearsalBackend
from app.domain.catalog import CatalogModel
from app.http.retries import InFlight
from tests.integration.openai_api.conftest import BASE, Door
from tests.integration.openai_api.losing import JOBS, Losing
from tests.integration.openai_api.rows import chats
from tests.support.broken import replaced
from tests.support.door import rest_app
from tests.support.server import serving


@pytest.mark.parametrize("cut", [True, False], ids=["cut", "answered by 500"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_lost_answer_makes_one_job(door: Door, *, cut: bool) -> None:
    losing = Losing(rest_app(door.house), 2, cut=cut)
    training = door.brought(chats())
    with serving(losing) as url, OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=2) as client:
        made = client.fine_tuning.jobs.create(model=BASE, training_file=training, suffix="once")
    assert losing.seen == ["0", "1", "2"]
    assert [each.id for each in door.client.fine_tuning.jobs.list()] == [made.id]
    door.turn()
    assert len(door.house.accepted(f"job_{made.id.removeprefix('ftjob-')}")) == 1


def asked(door: Door, training: str, retry: int, **changes: Any) -> httpx.Response:  # noqa: ANN401 -- the body's fields
    body = {"model": BASE, "training_file": training, **changes}
    return door.raw.post(JOBS, json=body, headers={"x-stainless-retry-count": str(retry)})


def test_two_first_requests_are_two_jobs_and_a_repetition_finds_the_newer_one(door: Door) -> None:
    training = door.brought(chats())
    first, second = (asked(door, training, 0).json()["id"] for _ in range(2))
    assert first != second
    assert asked(door, training, 1).json()["id"] == second
    assert asked(door, training, 1, suffix="other").json()["id"] not in {first, second}


def test_a_repetition_of_long_ago_is_a_request_of_its_own(door: Door) -> None:
    training = door.brought(chats())
    first = asked(door, training, 0).json()["id"]
    door.house.clock.turn(timedelta(minutes=11))
    assert asked(door, training, 1).json()["id"] != first


def test_a_callers_own_key_is_honoured(door: Door) -> None:
    training = door.brought(chats())

    def create(key: str, **changes: str) -> str:
        made = door.client.fine_tuning.jobs.create(
            model=BASE, training_file=training, extra_headers={"Idempotency-Key": key}, **changes
        )
        return str(made.id)

    assert create("k1") == create("k1") != create("k2")
    with pytest.raises(openai.BadRequestError, match="used for another request"):
        create("k1", suffix="other")


class Held(RehearsalBackend):
    """A rehearsal whose catalog answers the first time once it may."""

    asked, goes_on = threading.Event(), threading.Event()

    def base_model(self, identifier: str) -> CatalogModel:
        """Return a model."""
        if not self.asked.is_set():
            self.asked.set()
            assert self.goes_on.wait(120)
        return super().base_model(identifier)


def test_a_repetition_waits_for_the_first_request_that_is_still_being_made(door: Door) -> None:
    """The clients send again half a second after a broken connection; the first request goes on meanwhile."""
    training = door.brought(chats())
    with replaced(door.house, Held), ThreadPoolExecutor(2) as pool:
        first = pool.submit(asked, door, training, 0)
        assert Held.asked.wait(120)
        second = pool.submit(asked, door, training, 1)
        Held.goes_on.set()
        assert first.result().json()["id"] == second.result().json()["id"]
    assert len(list(door.client.fine_tuning.jobs.list())) == 1


def test_equal_requests_go_one_after_the_other_and_leave_nothing() -> None:
    flight, inside, most = InFlight(), list[int](), list[int]()

    def work(key: str) -> None:
        with flight.alone(key):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, ["a"] * 200))
    assert max(most) == 1
    assert flight._held == {}
