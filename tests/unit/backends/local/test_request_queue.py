import threading
from contextlib import ExitStack

import httpx
import pytest

from app.backends.local.serving import raise_for
from app.domain.backend import RateLimited, Rejected, Unavailable
from app.training.request_queue import Busy, RequestQueue
from tests.support.waiting import until


def test_more_than_may_wait_are_sent_away_at_once() -> None:
    turns = RequestQueue(2)
    had: list[int] = []

    def ask(number: int) -> None:
        with turns.mine():
            had.append(number)

    with ExitStack() as first:
        first.enter_context(turns.mine())
        waiting = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
        for thread in waiting:
            thread.start()
        until(lambda: turns.inside == 3, doing="the others' waiting")
        with pytest.raises(Busy), turns.mine():
            pass
        assert had == []
    for thread in waiting:
        thread.join()
    assert sorted(had) == [0, 1]
    with turns.mine():
        pass


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (429, {"error": {"message": "The model is busy."}}, RateLimited, "The model is busy."),
        (400, {"error": {"message": "messages is empty."}}, Rejected, "messages is empty."),
        (500, {"error": {"message": "It broke."}}, Unavailable, "It broke."),
        (502, None, Unavailable, "The model's server answered 502."),
    ],
)
def test_a_refusal_is_reported_in_the_servers_words(
    status: int, body: object, kind: type[Exception], said: str
) -> None:
    answer = httpx.Response(status, json=body) if body else httpx.Response(status, text="<html>")
    with pytest.raises(kind, match=said):
        raise_for(answer)
    raise_for(httpx.Response(200))
