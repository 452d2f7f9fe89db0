"""What Azure answers becomes the right kind of error, with cause, remedy and request id."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.backends.azure_foundry.transport.error_bodies import read_error
from app.backends.azure_foundry.transport.errors import (
    LONGEST_WAIT,
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
from tests.support.azure.official import official

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
        return json.loads(self._text)

    def body(self) -> bytes:
        return self._text.encode()


def reported(status: int, body: object, *, submitting: bool = False, **headers: str) -> BackendError:
    """Return what an answer comes to."""
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


def codes_and_message(body: object) -> tuple[list[str], str]:
    found = read_error(body)
    return found.codes, found.message


def test_inner_errors_are_looked_into() -> None:
    body = {
        "error": {"code": "UserError", "message": "outer", "innerError": {"code": "A", "innerError": {"code": "B"}}}
    }
    assert codes_and_message(body) == (["UserError", "A", "B"], "outer")
    details = {"error": {"code": "X", "message": "one", "details": [{"code": "Y", "message": "two"}]}}
    assert codes_and_message(details) == (["X", "Y"], "one two")
    assert codes_and_message("no error at all") == ([], "")


def nested(codes: Sequence[str]) -> dict[str, Any] | None:
    """Return these codes, each within the one before."""
    return {"code": codes[0], "innerError": nested(codes[1:])} if codes else None


# Azure/azure-sdk-assets, python/sdk/ml/azure-ai-ml/tests/recordings/code_asset/e2etests/
# test_code.pyTestCodetest_create_and_get_from_registry.json@0f205ad0ccc3172a5f53d86f21c9f2a79da41099.
REGISTRY: dict[str, Any] = {
    "error": {
        "code": "UserError",
        "severity": None,
        "message": "User/tenant/subscription is not allowed to access registry testFeed",
        "messageFormat": "User/tenant/subscription is not allowed to access registry {feedName}",
        "messageParameters": {"feedName": "testFeed"},
        "referenceCode": None,
        "detailsUri": None,
        "target": None,
        "details": [],
        "innerError": nested(("Auth", "Authorization", "UnAuthorizedRegistryAccess")),
        "debugInfo": None,
        "additionalInfo": None,
    },
    "correlation": {"operation": "490cd783e871be5d8786feb4df7df788", "request": "f9bb738b7f0cf061"},
    "environment": "eastus",
    "location": "eastus",
    "time": "2026-03-27T04:02:08.5023504+00:00",
    "componentName": "feedmanagement",
    "statusCode": 403,
}


def test_a_registry_s_refusal_is_read_whole() -> None:
    found = read_error(REGISTRY)
    assert found.codes == ["UserError", "Auth", "Authorization", "UnAuthorizedRegistryAccess"]
    assert found.message == "User/tenant/subscription is not allowed to access registry testFeed"
    assert found.request == "f9bb738b7f0cf061"


def test_a_message_that_comes_as_a_pattern_is_filled() -> None:
    error = {**REGISTRY["error"], "message": None}
    assert read_error({"error": error}).message.endswith("access registry testFeed")
    bare = {**error, "messageParameters": {}}
    assert read_error({"error": bare}).message.endswith("access registry {feedName}")


def test_a_front_end_s_refusal_is_read_with_its_additional_information() -> None:
    """Recorded: the codes of `additionalInfo` and of the details, whatever stands between them."""
    found = read_error(official("error-job-request-invalid"))
    assert found.codes == ["UserError", "RequestInvalid"]
    assert "Could not find member 'assetVersion'" in found.message
    assert "line 1, position 705" in found.message
    assert found.request == "0000000000000000"


@pytest.mark.parametrize("levels", [1, 2, 7, 30])
@pytest.mark.parametrize("name", ["InnerError", "innererror"])
def test_the_code_that_tells_is_found_at_any_depth(levels: int, name: str) -> None:
    """As `additionalInfo` of the workspace's front end has it; the innermost decides what it comes to."""
    codes = [*(f"Level{number}" for number in range(levels)), "QuotaExceeded"]
    error = {
        "code": "NotFound", "message": "No machine 'Microsoft.MachineLearningServices/workspaces/ws' was had.",
        "details": [], "additionalInfo": [{"type": name, "info": {"value": nested(codes)}}],
    }  # fmt: skip
    seen = reported(400, {"error": error})
    assert isinstance(seen, QuotaExceeded), seen.detail
    assert "Level0" in seen.detail


@pytest.mark.parametrize(
    "within", ["details", "innererror", "innerError", "InnerError", "root_error", "debugInfo", "errors"]
)
def test_what_is_further_in_is_shown(within: str) -> None:
    below = {"code": "NeverSeen", "message": "The telling sentence."}
    error = {
        "code": "BadRequest",
        "message": "Something.",
        within: [below] if within in {"details", "errors"} else below,
    }
    seen = reported(400, {"error": error})
    assert "NeverSeen" in seen.detail
    assert "The telling sentence." in seen.detail
    assert "(request req-1)" in seen.detail


def test_an_error_that_a_deployment_quotes_is_read() -> None:
    """Resource Manager's deployments give the provider's answer as the text of a detail."""
    quoted = json.dumps({"error": {"code": "SkuNotAvailable", "message": "No such machine here."}}, indent=2)
    outer = {
        "code": "DeploymentFailed",
        "message": "At least one failed.",
        "details": [{"code": "Conflict", "message": quoted}],
    }
    assert codes_and_message({"error": outer}) == (
        ["DeploymentFailed", "Conflict", "SkuNotAvailable"], "At least one failed. No such machine here.",
    )  # fmt: skip


def test_a_bottomless_error_is_no_trap() -> None:
    body: dict[str, Any] = {"code": "X"}
    body["error"] = body
    body["details"] = [body] * 9
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
    error = of_failure({"error": {**(nested(codes) or {}), "message": message}, "correlation": {"request": "r-7"}})
    assert error is not None
    assert error.reason is reason
    assert message in error.detail
    assert "(request r-7)" in error.detail
    assert of_failure(None) is None


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
