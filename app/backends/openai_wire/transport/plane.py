"""One base address and how it is called. The official `openai` client is not used: see ADR 0052.

Nothing is repeated here: whoever repeats a create makes a second job, and the engine looks up first. Nothing is read
from the process's environment, which may hold somebody else's key (`OPENAI_API_KEY`, `OPENAI_CUSTOM_HEADERS`, …).
"""

import json
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO

from app.backends.openai_wire.transport.errors import Answer, error_of
from app.domain.backend import BackendError, NotAuthorised, OutcomeUnknown, Unavailable
from app.kit.addresses import AddressRefused
from app.kit.outgoing import Outgoing
from app.kit.sentences import ended

if TYPE_CHECKING:
    import httpx2

CALL_S = 18.0  # the engine's lease allows a call 20 s
UPLOAD_S = 1800.0  # in a thread of its own
CHAT_S = 600.0
_MOST_BYTES = 64 << 20
_SERVER_ERROR = 500
_MAYBE_ACCEPTED = frozenset({408, 409})  # both are also said of what was accepted a moment before
Query = Sequence[tuple[str, str]]
Headers = Callable[[], Mapping[str, str]]


class Plane:
    """Calls below one base address. `name` is the provider's for people; `headers` are made anew for each call."""

    def __init__(
        self, base: str, *, name: str, headers: Headers, outgoing: Outgoing, query: Query = (), call_s: float = CALL_S
    ) -> None:
        """`call_s`: how long a call may take that brings no file and asks no model."""
        self.base, self.name, self._call_s = base.rstrip("/"), name, call_s
        self._headers, self._outgoing, self._query = headers, outgoing, tuple(query)
        self._clients: dict[float, httpx2.Client] = {}
        self._lock = Lock()

    def get(self, path: str, query: Query = ()) -> Any:  # noqa: ANN401 -- JSON
        """Return the JSON at a path.

        Raises:
            BackendError: in sentences.
        """
        return _parsed(self, self._answered("GET", path, query=query))

    def post(self, path: str, body: object | None = None, *, method: str = "POST") -> Any:  # noqa: ANN401 -- JSON
        """Send what may be repeated, and return the answer's JSON.

        Raises:
            BackendError: in sentences.
        """
        return _parsed(self, self._answered(method, path, body=body))

    def create(self, path: str, body: object) -> Mapping[str, Any]:
        """Send what must not be repeated blindly.

        Raises:
            OutcomeUnknown: when it may have been accepted: no answer, half of one, or a server's error.
            BackendError: when it surely was not.
        """
        answer = self._answered("POST", path, body=body, submitting=True)
        try:
            made = json.loads(answer.text)
        except ValueError:
            made = None
        if not isinstance(made, dict) or not isinstance(made.get("id"), str):
            raise OutcomeUnknown(f"{self.name} answered a create with something that names no job.")
        return made

    def delete(self, path: str) -> None:
        """Remove what stands at a path.

        Raises:
            BackendError: in sentences; NotFound where there is nothing.
        """
        self._answered("DELETE", path)

    def send_file(self, path: str, file: Path, *, name: str, purpose: str) -> Mapping[str, Any]:
        """Upload a file as a form, the purpose first; takes as long as it takes.

        Raises:
            BackendError: in sentences.
        """
        with file.open("rb") as stream:
            return self.send_form(path, {"purpose": purpose}, {"file": (name, stream, "application/octet-stream")})

    def send_form(
        self, path: str, fields: Mapping[str, str], files: Mapping[str, tuple[str, BinaryIO, str]]
    ) -> Mapping[str, Any]:
        """Send a form, its files by (name, content, type); takes as long as it takes.

        Raises:
            BackendError: in sentences.
        """
        with self._said(submitting=False):
            found = self._client(UPLOAD_S).post(
                self._address(path), params=list(self._query), headers=dict(self._headers()), data=fields, files=files
            )
            answer = Answer(found.status_code, found.headers, found.text)
        self._refuse(answer, submitting=False)
        made = _parsed(self, answer)
        if not isinstance(made, dict):
            raise Unavailable(f"{self.name} answered an upload with something that names no file.")
        return made

    def content(self, path: str) -> bytes:
        """Return the bytes at a path.

        Raises:
            BackendError: in sentences.
        """
        with self._said(submitting=False):
            found = self._client(self._call_s).get(
                self._address(path), params=list(self._query), headers=dict(self._headers())
            )
        self._refuse(Answer(found.status_code, found.headers, found.text), submitting=False)
        return found.content

    @contextmanager
    def stream(self, path: str, body: object) -> "Iterator[httpx2.Response]":
        """Open an answer that comes piece by piece; the connection is closed with the block.

        Raises:
            BackendError: in sentences.
        """
        with (
            self._said(submitting=False),
            self._client(CHAT_S).stream(
                "POST", self._address(path), params=list(self._query), headers=dict(self._headers()), json=body
            ) as found,
        ):
            if found.status_code >= 400:  # noqa: PLR2004 -- HTTP's first error status
                found.read()
                self._refuse(Answer(found.status_code, found.headers, found.text), submitting=False)
            yield found

    def _answered(
        self, method: str, path: str, *, query: Query = (), body: object | None = None, submitting: bool = False
    ) -> Answer:
        with self._said(submitting=submitting):
            found = self._client(self._call_s).request(
                method,
                self._address(path),
                params=[*self._query, *query],
                headers=dict(self._headers()),
                json=body,
            )
            answer = Answer(found.status_code, found.headers, found.text)
        self._refuse(answer, submitting=submitting)
        return answer

    def _refuse(self, answer: Answer, *, submitting: bool) -> None:
        error = error_of(self.name, answer, creating=submitting)
        if error is None:
            return
        unclear = answer.status >= _SERVER_ERROR or answer.status in _MAYBE_ACCEPTED
        if submitting and unclear:
            raise OutcomeUnknown(error.detail, fix=error.fix) from error
        raise error

    def _address(self, path: str) -> str:
        return path if path.startswith(("https://", "http://")) else f"{self.base}/{path}"

    def _client(self, seconds: float) -> "httpx2.Client":
        with self._lock:
            if seconds not in self._clients:
                try:
                    made = self._outgoing.client(seconds=seconds, read_s=min(seconds, 180.0), most_bytes=_MOST_BYTES)
                    weakref.finalize(self, made.close)  # its connections go with the backend that nobody needs any more
                    self._clients[seconds] = made
                except OSError as error:
                    raise Unavailable(ended(f"The file of certificates cannot be read: {error}")) from error
            return self._clients[seconds]

    @contextmanager
    def _said(self, *, submitting: bool) -> Iterator[None]:
        """Say in our words what goes wrong on the way."""
        import httpx2

        try:
            yield
        except AddressRefused as error:
            raise NotAuthorised(error.message, fix=error.fix) from error
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            fix = "Check the connection's address, and whether this machine reaches it."
            raise Unavailable(f"{self.name} cannot be reached: {_words(error)}", fix=fix) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            said = f"{self.name} gave no whole answer: {_words(error)}"
            failed: type[BackendError] = OutcomeUnknown if submitting else Unavailable
            raise failed(said) from error


def _words(error: Exception) -> str:
    return ended(str(error) or type(error).__name__)


def _parsed(plane: Plane, answer: Answer) -> Any:  # noqa: ANN401 -- JSON
    if not answer.text.strip():
        return {}
    try:
        return json.loads(answer.text)
    except (ValueError, RecursionError) as error:
        fix = "Check that the base address ends where its API begins, for example in /v1."
        raise Unavailable(f"{plane.name} answers something that is no JSON.", fix=fix) from error
