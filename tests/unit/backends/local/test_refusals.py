import httpx
import pytest

from app.backends.local.serving import raise_for
from app.domain.backend import RateLimited, Rejected, Unavailable


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
