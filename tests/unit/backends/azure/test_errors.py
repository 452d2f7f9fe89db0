"""What Azure answers becomes the right kind of error, with cause, remedy and request id."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.backends.azure_foundry.transport.errors import (
    LONGEST_WAIT,
    codes_and_message,
    of_answer,
    of_failure,
    retry_after,
    translate,
)
from app.backends.azure_foundry.transport.known_failures import KNOWN
from app.domain.backend import (
    BackendError,
    DataRejected,
    NoCapacity,
    NotAuthorised,
    NotFound,
    OutcomeUnknown,
    QuotaExceeded,
    RateLimited,
    Rejected,
    Unavailable,
)
from app.domain.jobs import JobReason

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


class Response:
    """An answer as azure-core hands it over."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str]) -> None:
        self.status_code = status
        self.reason = ""
        self.headers = dict(headers)
        self._text = text

    def text(self) -> str:
        return self._text

    def json(self) -> Any:  # noqa: ANN401 -- JSON
        import json  # noqa: PLC0415

        return json.loads(self._text)

    def body(self) -> bytes:
        return self._text.encode()


def reported(status: int, body: object, *, submitting: bool = False, **headers: str) -> BackendError:
    """Return what an answer comes to."""
    import json  # noqa: PLC0415

    from azure.core.exceptions import HttpResponseError  # noqa: PLC0415

    text = body if isinstance(body, str) else json.dumps(body)
    named = {"x-ms-request-id": "req-1", **headers}
    error = HttpResponseError(response=Response(status, text, named))  # type: ignore[arg-type]  # all that is read of one
    return of_answer(error, submitting=submitting)


def arm(code: str, message: str) -> dict[str, object]:
    return {"error": {"code": code, "message": message}}


CASES: list[tuple[int, object, type[BackendError], str]] = [
    (401, arm("InvalidAuthenticationToken", "The access token is invalid."), NotAuthorised, "sign-in"),
    (
        403,
        arm("AuthorizationFailed", "… perform action 'Microsoft.MachineLearningServices/workspaces/jobs/write' over …"),
        NotAuthorised,
        "Microsoft.MachineLearningServices/workspaces/jobs/write",
    ),
    (403, arm("LinkedAuthorizationFailed", "… hubs/join/action …"), NotAuthorised, "hubs/join"),
    (403, arm("RequestDisallowedByPolicy", "Resource was disallowed by policy 'regions'."), Rejected, "policy"),
    (403, "<html><title>403</title><body>Forbidden by Zscaler</body></html>", NotAuthorised, "Zscaler"),
    (404, arm("SubscriptionNotFound", "The subscription 'x' could not be found."), NotAuthorised, "subscription"),
    (404, arm("ResourceGroupNotFound", "Resource group 'x' could not be found."), NotAuthorised, "resource group"),
    (
        404,
        arm("ResourceNotFound", "The Resource 'Microsoft.MachineLearningServices/workspaces/p' under … was not found."),
        NotAuthorised,
        "project",
    ),
    (
        404,
        arm("ResourceNotFound", "The Resource 'Microsoft.MachineLearningServices/workspaces/p/models/m' … not found."),
        NotFound,
        "models/m",
    ),
    (404, {"error": {"code": "UserError", "message": "Run job-1 not found."}}, NotFound, "job-1"),
    (409, arm("MissingSubscriptionRegistration", "… not registered to use namespace …"), NotAuthorised, "register"),
    (409, arm("AnotherOperationInProgress", "Another operation is in progress."), Unavailable, "under way"),
    (429, arm("TooManyRequests", "Slow down."), RateLimited, "pause"),
    (400, arm("QuotaExceeded", "The family quota is exceeded."), QuotaExceeded, "quota"),
    (400, arm("UserError", "Operation could not be completed as it results in exceeding approved cores quota."),
     QuotaExceeded, "quota"),
    (409, arm("OperationNotAllowed", "… exceeding approved Total Regional Cores quota."), QuotaExceeded, "quota"),
    (503, arm("AllocationFailed", "Allocation failed."), NoCapacity, "machines"),
    (400, arm("UserError", "The region is out of capacity for this model."), NoCapacity, "capacity"),
    (400, arm("SkuNotAvailable", "Standard_NC24 is not available."), QuotaExceeded, "instance type"),
    (400, arm("UserError", "The specified base model does not support fine-tuning."), Rejected, "region"),
    (400, arm("ModelRetired", "The model was retired on 2025-08-30."), Rejected, "retired"),
    (400, arm("UserError", "Training file has 3 examples, but must have at least 10 examples."), DataRejected, "rows"),
    (400, arm("UserError", "Training data is invalid at line 3: it is no JSON."), DataRejected, "line 3"),
    (400, arm("UserError", "Hyperparameter 'foo' is not supported."), Rejected, "foo"),
    (400, arm("NoRegisteredProviderFound", "… api-version …"), Rejected, "version"),
    (400, arm("MarketplaceSubscriptionNotFound", "A marketplace subscription is required."), Rejected, "marketplace"),
    (400, arm("UserError", "Deployment failed: 715-123420."), Unavailable, "715-123420"),
    (403, arm("KeyBasedAuthenticationNotPermitted", "Key based authentication is not permitted on this storage."),
     NotAuthorised, "storage"),
    (418, arm("Teapot", "Something nobody has ever seen."), Rejected, "Something nobody has ever seen."),
    (500, arm("InternalServerError", "Oops."), Unavailable, "Oops"),
    (502, "<html><head><title>Bad Gateway</title></head><body></body></html>", Unavailable, "Bad Gateway"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "words"), CASES)
def test_an_answer_comes_to(status: int, body: object, kind: type[BackendError], words: str) -> None:
    error = reported(status, body)
    assert isinstance(error, kind)
    assert words.lower() in f"{error.detail} {error.fix}".lower()
    assert "(request req-1)" in error.detail
    assert error.fix


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_submit_without_a_clear_answer_is_a_doubt(status: int) -> None:
    assert isinstance(reported(status, arm("AllocationFailed", "Allocation failed."), submitting=True), OutcomeUnknown)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429])
def test_a_submit_that_is_refused_is_none(status: int) -> None:
    assert not isinstance(reported(status, arm("X", "y"), submitting=True), OutcomeUnknown)


def test_an_endless_answer_is_cut_and_says_so() -> None:
    error = reported(400, arm("Odd", "x" * 100_000))
    assert len(error.detail) < 3000
    assert "more characters" in error.detail


def test_every_known_failure_has_a_source_a_cause_and_a_remedy() -> None:
    assert len(KNOWN) >= 20
    for each in KNOWN:
        assert each.source.startswith("https://"), each
        assert each.cause
        assert each.fix.endswith("."), each
        assert each.code or each.words


def test_inner_errors_are_looked_into() -> None:
    body = {
        "error": {"code": "UserError", "message": "outer", "innerError": {"code": "A", "innerError": {"code": "B"}}}
    }
    assert codes_and_message(body) == (["UserError", "A", "B"], "outer")
    details = {"error": {"code": "X", "message": "one", "details": [{"code": "Y", "message": "two"}]}}
    assert codes_and_message(details) == (["X", "Y"], "one two")
    assert codes_and_message("no error at all") == ([], "")


def test_a_bottomless_error_is_no_trap() -> None:
    body: dict[str, Any] = {"code": "X"}
    body["error"] = body
    assert codes_and_message(body) == (["X"], "")


@pytest.mark.parametrize(
    ("codes", "message", "reason"),
    [
        (["UserError"], "Training data is invalid at line 3: it is no JSON.", JobReason.INVALID_DATA),
        (["QuotaExceeded"], "No more GPUs.", JobReason.QUOTA),
        (["ServiceError"], "Something broke.", JobReason.BACKEND_ERROR),
    ],
)
def test_a_failed_runs_reason(codes: list[str], message: str, reason: JobReason) -> None:
    error = of_failure(codes, message)
    assert error.reason is reason
    assert message in error.detail


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"Retry-After": "7"}, timedelta(seconds=7)),
        ({"Retry-After": "1.5"}, timedelta(seconds=1.5)),
        ({"Retry-After": "-3"}, timedelta(0)),
        ({"Retry-After": "999999999"}, LONGEST_WAIT),
        ({"Retry-After": "1e400"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Wed, 25 Nov 2026 12:01:00 GMT"}, timedelta(minutes=1)),
        ({"Retry-After": "Wed, 25 Nov 2026 11:01:00 GMT"}, timedelta(0)),
        ({"x-ms-retry-after-ms": "1500"}, timedelta(milliseconds=1500)),
        ({"retry-after-ms": "250", "Retry-After": "60"}, timedelta(milliseconds=250)),
    ],
)
def test_every_way_to_ask_for_a_pause(headers: dict[str, str], wait: timedelta | None) -> None:
    assert retry_after(headers, now=NOW) == wait


def test_a_date_is_read_by_the_servers_own_clock() -> None:
    headers = {"Date": "Wed, 25 Nov 2026 08:00:00 GMT", "Retry-After": "Wed, 25 Nov 2026 08:00:30 GMT"}
    assert retry_after(headers) == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("AuthorizationPermissionMismatch", "A role on the project's storage account is missing"),
        ("AuthorizationFailure", "The storage account's firewall keeps this machine out"),
    ],
)
def test_the_blob_store_tells_its_code_in_a_header(code: str, cause: str) -> None:
    headers: dict[str, Any] = {"x-ms-error-code": code}
    error = reported(403, "", **headers)
    assert type(error) is NotAuthorised
    assert error.detail.startswith(f"{cause}: {code}: ")


def test_a_signature_in_an_address_is_reported_to_nobody() -> None:
    from azure.core.exceptions import ServiceRequestError  # noqa: PLC0415

    address = "/container/LocalUpload/1/x.jsonl?sv=2018-11-09&sig=abc%2Bdef%3D&se=2026"
    error = translate(ServiceRequestError(f"Max retries exceeded with url: {address} (Caused by …)"))
    assert error is not None
    assert "abc" not in error.detail
    assert "&sig=…&se=2026" in error.detail
