"""Faults on request: the next calls that match are refused, delayed, cut off or answered with nonsense."""

import re
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from tests.support.azure.wire import AnyJson, AzureError, Reply, Request

_REFUSALS = {
    "401": (401, "InvalidAuthenticationToken", "The access token is invalid."),
    "403": (403, "AuthorizationFailed", "The client does not have authorization to perform the action."),
    "404": (404, "ResourceNotFound", "The Resource was not found."),
    "409": (409, "Conflict", "Another operation is in progress on this resource. Please try again later."),
    "429": (429, "TooManyRequests", "The request is being throttled as the limit has been reached."),
    "500": (500, "InternalServerError", "The server encountered an internal error. Please retry the request."),
    "502": (502, "BadGateway", "The gateway did not receive an answer from the provider."),
    "503": (503, "ServiceUnavailable", "The service is temporarily unavailable. Please retry later."),
    "504": (504, "GatewayTimeout", "The gateway did not receive a response from the provider in time."),
    "expired-token": (401, "ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than now."),
}
_SHAPES = {"timeout-before", "timeout-after", "reset", "reset-after", "half-body", "html", "slow"}
_TWISTS = {"unknown-status", "unordered", "changed"}
KINDS = frozenset(_REFUSALS) | _SHAPES | _TWISTS | {"answer"}


@dataclass
class Fault:
    """One scripted fault; `left` counts down.

    kind: a status ("429"), "expired-token", "timeout-before" and "timeout-after" (the call is accepted), "reset" and
    "reset-after", "half-body", "html", "slow", "unknown-status", "unordered", "answer" (instead of the real one:
    `status`, `body`, `headers`), "changed" (the real one: `change` is called with its body, `headers` are added).
    details: `retry_after` (seconds, "date", "absurd", "ms" or None), `accepted` (a refusal although it was done),
    `seconds` (how long to hang or to be slow), `word` (the unknown status), `code` and `message`, `status` (of html).
    """

    method: str
    path: re.Pattern[str]
    kind: str
    left: int
    details: dict[str, Any] = field(default_factory=dict)
    skip: int = 0

    @property
    def accepted(self) -> bool:
        """Whether the call is carried out all the same."""
        by_kind = self.kind in {"timeout-after", "reset-after", "half-body", "slow"} | _TWISTS
        return by_kind or bool(self.details.get("accepted"))

    def refusal(self, now: datetime) -> Reply | None:
        """Return the answer given instead of the real one; None where the real one is sent."""
        if self.kind == "html":
            page = b"<html><head><title>Sign in</title></head><body><h1>Corporate proxy</h1></body></html>"
            return Reply(self.details.get("status", 200), page, content_type="text/html")
        if self.kind == "answer":
            return Reply(self.details["status"], self.details.get("body"), dict(self.details.get("headers") or {}))
        if self.kind not in _REFUSALS:
            return None
        status, code, message = _REFUSALS[self.kind]
        code, message = self.details.get("code", code), self.details.get("message", message)
        headers = {**_retry_after(self.details.get("retry_after"), now), **(self.details.get("headers") or {})}
        return AzureError(status, code, message, headers=headers).reply()

    def twist(self, body: AnyJson) -> AnyJson:
        """Return the real answer, twisted where the kind says so."""
        if self.kind == "unknown-status":
            return _with_status(body, self.details.get("word", "Hibernating"))
        if self.kind == "changed":
            return self.details.get("change", lambda same: same)(body)
        if self.kind == "unordered":
            return _unordered(body)
        return body


def _retry_after(wanted: float | str | None, now: datetime) -> dict[str, str]:
    if wanted is None:
        return {}
    if wanted == "date":
        return {"Retry-After": format_datetime(now + timedelta(seconds=2), usegmt=True)}
    if wanted == "ms":
        return {"x-ms-retry-after-ms": "1500"}
    return {"Retry-After": "999999999" if wanted == "absurd" else str(wanted)}


def _with_status(body: AnyJson, word: str) -> AnyJson:
    if isinstance(body, list):
        return [_with_status(item, word) for item in body]
    if not isinstance(body, dict):
        return body
    names = {"status", "provisioningState", "endpointState"}
    return {
        key: word if key in names and isinstance(value, str) else _with_status(value, word)
        for key, value in body.items()
    }


def _unordered(body: AnyJson) -> AnyJson:
    """Every second item first, the rest backwards: no order is left to rely on."""
    if isinstance(body, list):
        items = [_unordered(item) for item in body]
        return items[1::2] + items[::2][::-1]
    return {key: _unordered(value) for key, value in body.items()} if isinstance(body, dict) else body


class Faults:
    """The script: faults are taken in the order they were added."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self.met: list[tuple[str, str, str]] = []

    def add(
        self,
        match: tuple[str, str],
        kind: str,
        times: int = 1,
        *,
        skip: int = 0,
        **details: AnyJson,
    ) -> Fault:
        """Let the next `times` calls that match (method or "*", regular expression on `host/path`) meet a fault.

        The first `skip` matching calls pass. Raises ValueError for a kind that is not known.
        """
        if kind not in KINDS:
            raise ValueError(f"no fault is called {kind!r}: one of {', '.join(sorted(KINDS))}")
        fault = Fault(match[0], re.compile(match[1]), kind, times, details, skip)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget what has not been met."""
        with self._lock:
            self._faults.clear()

    def take(self, request: Request) -> Fault | None:
        """Return the fault that this request meets, if any."""
        with self._lock:
            for fault in self._faults:
                if fault.left <= 0 or fault.method not in {"*", request.method}:
                    continue
                if not fault.path.search(f"{request.host}{request.path}"):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.left -= 1
                self.met.append((fault.kind, request.method, request.path))
                return fault
        return None
