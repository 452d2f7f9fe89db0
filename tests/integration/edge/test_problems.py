import errno
import logging
from collections.abc import Callable, Iterator

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.domain import errors
from app.domain.errors import DomainError, Problem
from app.domain.prices import UNKNOWN
from app.domain.spending import CostNotAccepted
from app.http.application import GuardedApp
from app.http.guard import SECURITY_HEADERS
from app.http.problem_answers import answer_problems
from app.http.problems import STATUSES, ProblemDocument, describe
from app.kit.paging import BadCursor
from tests.support.door import POLICY, client_of

EXAMPLES: dict[type[DomainError], DomainError] = {
    errors.NotFound: errors.NotFound("job", "job_1"),
    errors.TooManyTries: errors.TooManyTries("It was tried too often.", wait_s=4, fix="Wait."),
    errors.Invalid: errors.Invalid([Problem("/name", "missing", "The name is missing.", "Type one.")]),
    CostNotAccepted: CostNotAccepted(
        [Problem("/accept_cost/up_to", "cost", "It is billed.", "Say so.")], UNKNOWN, None
    ),
}


def subclasses(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


def example(kind: type[DomainError]) -> DomainError:
    return EXAMPLES.get(kind) or kind("It did not work.", fix="Try another way.")


def test_every_error_of_the_domain_has_a_status() -> None:
    assert set(subclasses(DomainError)) <= set(STATUSES)


@pytest.mark.parametrize("kind", list(STATUSES))
def test_every_error_is_reported_in_the_same_form(kind: type[DomainError]) -> None:
    document = describe(example(kind), request_id="req_1")
    assert document.status == STATUSES[kind][0]
    assert document.detail.endswith(".")
    assert document.kind.replace("-", "") == kind.__name__.lower()


def raising(error: Exception, page: Callable[[Request, ProblemDocument], Response] | None = None) -> GuardedApp:
    app = GuardedApp(policy=POLICY)

    def fail() -> None:
        raise error

    app.get("/api/v1/fail")(fail)
    app.get("/fail")(fail)
    answer_problems(app, page)
    return app


def ask(error: Exception, path: str = "/api/v1/fail") -> tuple[int, dict[str, object], str]:
    with client_of(raising(error)) as client:
        answer = client.get(path)
    for name, value in SECURITY_HEADERS:
        assert answer.headers[name.decode()] == value.decode()
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json() if path.startswith("/api") else {}
    return answer.status_code, body, answer.text


def test_a_mistake_of_ours_is_reported_without_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="app.http"):
        status, problem, text = ask(RuntimeError("secret detail"))
    assert status == 500
    assert "secret" not in text
    assert "Traceback" not in text
    identifier = str(problem["instance"]).removeprefix("urn:tunedesk:request:")
    assert identifier.startswith("req_")
    assert identifier in str(problem["fix"])
    assert any(identifier in record.message and record.exc_info for record in caplog.records)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_a_state_that_people_can_mend(number: int) -> None:
    status, problem, _ = ask(OSError(number, "No space left on device"))
    assert status == 409
    assert "disk" in str(problem["detail"])


def test_another_failure_of_the_system_is_500() -> None:
    assert ask(PermissionError(errno.EACCES, "no"))[0] == 500


def test_a_strange_cursor_is_a_wrong_field() -> None:
    status, problem, _ = ask(BadCursor("x"))
    assert status == 422
    assert [each["pointer"] for each in problem["errors"]] == ["?cursor"]  # type: ignore[attr-defined]


def test_http_s_own_errors_are_problems_and_keep_their_headers() -> None:
    with client_of(raising(HTTPException(418, "teapot", {"x-tea": "green"}))) as client:
        assert client.get("/api/v1/fail").json()["detail"] == "teapot"
        assert client.get("/api/v1/fail").headers["x-tea"] == "green"
        missing = client.get("/api/v1/nowhere")
        assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
        wrong = client.delete("/api/v1/fail")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")
        assert wrong.json()["fix"]


def test_people_get_a_page_and_the_site_may_draw_it() -> None:
    nasty = errors.Conflict("<script>alert(1)</script> is busy.", fix="Wait & see.")
    status, _, text = ask(nasty, "/fail")
    assert status == 409
    assert "&lt;script&gt;" in text
    assert "<script" not in text

    def page(_request: Request, problem: ProblemDocument) -> Response:
        return HTMLResponse(f"drawn: {problem.title}", problem.status)

    with client_of(raising(nasty, page)) as client:
        assert client.get("/fail").text == "drawn: Its current state does not allow this"
        assert client.get("/api/v1/fail").json()["status"] == 409


def test_telling_cannot_fail() -> None:
    nasty = "\ud800\x00" + "x" * 100_000
    many = [Problem(nasty, nasty, nasty, nasty)] * 5000
    for error in (errors.Invalid(many), errors.Conflict(nasty, fix=nasty), errors.NotFound(nasty, nasty)):
        status, problem, text = ask(error)
        assert status == problem["status"]
        assert len(text) < 2_000_000
