"""What goes over the wire: a request as it came, an answer as it leaves, and Azure's way of saying no."""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Json = dict[str, Any]
# Whatever JSON allows, right or wrong; and keyword arguments that are passed on.
AnyJson = Any


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are in lower case, `host` is without its port."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: datetime

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str], body: bytes, at: datetime) -> "Request":
        """Take a request line's target apart."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        host = headers.get("host", "").split(":")[0].lower()
        return cls(method, host, parts.path, query, headers, body, at)

    def json(self) -> Json:
        """Return the body as an object; raises AzureError where it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise AzureError(
                400, "InvalidRequestContent", "The request content was invalid and could not be deserialized."
            )
        return value

    def form(self) -> dict[str, str]:
        """Return the body of a form as its fields."""
        return dict(parse_qsl(self.body.decode("latin-1"), keep_blank_values=True))


@dataclass(slots=True)
class Reply:
    """One answer: `body` is JSON, bytes, an iterator of chunks for a stream, or None."""

    status: int = 200
    body: Json | list[Any] | bytes | Iterator[bytes] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"

    def content(self) -> bytes:
        """Return the whole body as bytes; a stream is read to its end."""
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, dict | list):
            return json.dumps(self.body).encode()
        return b"".join(self.body)


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as the recorder keeps it: secrets redacted, its answer, and the fault it met."""

    host: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    status: int
    answer: Any
    fault: str | None = None

    @property
    def api_version(self) -> str | None:
        """The api-version asked for, if any."""
        return self.query.get("api-version")


class AzureError(Exception):
    """A refusal, in the words Azure uses."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        target: str | None = None,
        details: list[Json] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.target, self.details, self.headers = target, details or [], dict(headers or {})

    def reply(self) -> Reply:
        """Return the error as Resource Manager sends it."""
        error: Json = {"code": self.code, "message": self.message}
        if self.target is not None:
            error["target"] = self.target
        if self.details:
            error["details"] = self.details
        return Reply(self.status, {"error": error}, self.headers)


class UserError(AzureError):
    """A refusal by the machine-learning service itself, which adds where and when it came from."""

    def __init__(self, status: int, message: str, *, code: str = "UserError", target: str | None = None) -> None:
        super().__init__(status, code, message, target=target)

    def reply(self) -> Reply:
        """Return the error with the service's `additionalInfo`."""
        error: Json = {
            "code": self.code,
            "message": self.message,
            "target": self.target,
            "details": [],
            "additionalInfo": [
                {"type": "ComponentName", "info": {"value": "managementfrontend"}},
                {
                    "type": "Correlation",
                    "info": {"value": {"operation": uuid.uuid4().hex, "request": uuid.uuid4().hex[:16]}},
                },
                {"type": "InnerError", "info": {"value": {"code": HTTPStatus(self.status).phrase.replace(" ", "")}}},
            ],
        }
        return Reply(self.status, {"error": error}, self.headers)


def redacted(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with every secret's value replaced by its length."""
    secret = {"authorization", "x-identity-header", "api-key"}
    return {name: f"({len(value)} characters)" if name in secret else value for name, value in headers.items()}
