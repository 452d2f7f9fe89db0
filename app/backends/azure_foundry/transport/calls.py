"""Calls to Azure as values: what is asked, what is answered, how long it may take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.backends.azure_foundry.transport.hosts import Audience


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long things may take, in seconds: to connect, between two pieces of an answer, a call as a whole, and the
    first import of azure-ai-ml (2 s, up to 11 s on a busy machine, more without compiled files).
    """

    connect_s: float = 5.0
    read_s: float = 15.0
    deadline_s: float = 20.0  # the engine's lease is 60 s
    loading_s: float = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer with a status below 400. `body` is decoded JSON, or None where there was none."""

    status: int
    headers: Mapping[str, str]
    body: Any
    text: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `audience` decides its token, and where it may go; `submitting`: it may be billed."""

    method: str
    url: str
    body: object = None
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    audience: Audience = Audience.MANAGEMENT
    attempts: int = 3
    submitting: bool = False
    deadline_s: float | None = None  # the usual one
    wants_json: bool = True  # an answer that is no JSON is no answer
