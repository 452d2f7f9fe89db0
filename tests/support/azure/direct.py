"""The way to Azure without a network: the same requests, handed to the cloud as they are; for thousands of them."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from azure.core.exceptions import HttpResponseError

from app.backends.azure_foundry.settings import AzureSettings
from app.backends.azure_foundry.transport.client import Answer, Azure, Call
from app.backends.azure_foundry.transport.errors import of_answer
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.wire import Reply, Request

_REFUSED = 400


class Reported:
    """An answer in the form in which azure-core hands it out, as far as our code reads it."""

    def __init__(self, reply: Reply) -> None:
        self.status_code = reply.status
        self.reason = ""
        self.content = reply.content()
        self.headers: Mapping[str, str] = {**reply.headers, "Content-Type": reply.content_type}
        self.content_type = reply.content_type
        self.request = None
        self.is_stream_consumed = True

    def text(self) -> str:
        """Return the body as text."""
        return self.content.decode()

    def json(self) -> Any:  # noqa: ANN401 -- whatever the body holds
        """Return the decoded body."""
        return json.loads(self.content)

    def iter_bytes(self) -> list[bytes]:
        """Return the body in one piece."""
        return [self.content]

    def close(self) -> None:
        """Nothing is open."""


class DirectAzure(Azure):
    """As `Azure`, but every request goes straight to the cloud. Makes no retries: nothing gets lost."""

    def __init__(self, settings: AzureSettings, cloud: AzureCloud, installation: str) -> None:
        super().__init__(settings, {}, installation=lambda: installation)
        self._emulator = cloud

    def send(self, call: Call) -> Answer:
        """Send one request."""
        reported = self._ask(call, call.headers)
        if reported.status_code >= _REFUSED:
            raise of_answer(HttpResponseError(response=reported), submitting=call.submitting)
        text = reported.text()
        found = json.loads(text) if call.wants_json and text.strip() else None
        return Answer(status=reported.status_code, headers=reported.headers, body=found, text=text)

    def open(self, call: Call, *, read_s: float) -> Any:  # noqa: ANN401, ARG002 -- what azure-core answers; no waiting here
        """Send one request and return the answer, whatever its status."""
        return self._ask(call, call.headers)

    def _ask(self, call: Call, headers: Mapping[str, str]) -> Reported:
        parts = urlsplit(call.url)
        query = "&".join(part for part in (parts.query, urlencode(dict(call.params))) if part)
        sent = {"host": parts.netloc, **{name.lower(): value for name, value in headers.items()}}
        scope = self.cloud.scope(call.audience)
        if scope:
            token = self._emulator.token_for(self._emulator.seed.app, scope.removesuffix("/.default"))
            sent["authorization"] = f"Bearer {token}"
        body = call.content or (b"" if call.body is None else json.dumps(call.body).encode())
        target = f"{parts.path}?{query}" if query else parts.path
        return Reported(self._emulator.answer(Request.of(call.method, target, sent, body, self._emulator.clock.now())))
