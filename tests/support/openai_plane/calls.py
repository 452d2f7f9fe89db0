"""A call as it came to an emulated plane, and its refusal."""

from dataclasses import dataclass, field
from typing import Any


class Failed(Exception):
    """An error answer: a status with OpenAI's envelope."""

    def __init__(self, status: int, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        kind = "invalid_request_error" if status < 500 else "server_error"
        self.body: dict[str, Any] = {"error": {"message": message, "type": kind, "param": param, "code": code}}
        self.headers: dict[str, str] = {}


@dataclass
class Call:
    """A call as it came."""

    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    body: Any = None
    file: tuple[str, bytes] | None = None

    def asked(self, name: str, default: str = "") -> str:
        """Return a query's value."""
        return next((value for key, value in self.query if key == name), default)
