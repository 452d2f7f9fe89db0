"""OpenAI-compatible chat completions over HTTP/1.1, streamed or whole, for whoever has the secret."""

import hmac
import json
import select
import socket
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch

from app.kit.openai_stream import DONE, MEDIA_TYPE, ChunkWriter, error_event, usage
from app.training import loading, run_lock
from app.training.channel import Channel
from app.training.chat_request import LARGEST_BODY, BadRequest, ChatRequest, parse
from app.training.failures import ChildError, explain
from app.training.generation import Answer, AnswerGenerator
from app.training.notes import NOTE
from app.training.scheduler import STALLED_S, Busy

_LONGEST_SILENCE_S = 30.0  # of a client in the middle of its request
_WATCH_EVERY_S = 0.2
_PATHS = {"/v1/chat/completions": True, "/v1/completions": False}  # whether it is a chat
STALLED = ChildError(
    "model_stalled",
    "The model did not come back for ten minutes, so its server was ended.",
    "Deploy it again; if it happens again, ask for less at a time, or choose a smaller model.",
)


def serve(spec: dict[str, Any], channel: Channel) -> None:
    """Serve until SIGTERM, or until the run folder is gone. The port stands in `ready.json` once the model answers."""
    torch.set_num_threads(spec["threads"])
    device = loading.find_device(spec["device"])
    channel.raise_if_stopped()
    channel.state("loading", device=device)
    ready = channel.run / run_lock.READY
    ready.unlink(missing_ok=True)
    taught = run_lock.read_whole(Path(spec["target"].get("model") or "") / NOTE) or {}
    model, tokenizer = loading.load_target(spec["target"], device=device)
    voice = AnswerGenerator(model, tokenizer, chat=taught.get("chat", True), waiting=spec["queue"])
    if voice.most_rows == 1:
        channel.log("This model is asked one request at a time: answers made together would not be those made alone.")
    channel.raise_if_stopped()
    server = ModelServer(voice, alias=spec["alias"], secret=spec["secret"])
    thread = threading.Thread(target=server.serve_forever, name="http", daemon=True)
    thread.start()
    process = run_lock.read_whole(channel.run / run_lock.PROCESS) or {}
    run_lock.write_whole(ready, {"port": server.server_port, **process})
    channel.state("ready", port=server.server_port)
    while not channel.stop.is_set() and not channel.is_lost:
        time.sleep(_WATCH_EVERY_S)  # on the event itself, the handler that sets it could wait for this very thread
        if voice.scheduler.stalled_s > STALLED_S:
            raise STALLED
    server.shutdown()
    server.server_close()
    if not channel.is_lost:
        ready.unlink(missing_ok=True)
        channel.state("stopped")


class ModelServer(ThreadingHTTPServer):
    """On 127.0.0.1 and a free port."""

    daemon_threads = True
    request_queue_size = 128  # connections that come at once, before each has its thread

    def __init__(self, voice: AnswerGenerator, *, alias: str, secret: str) -> None:
        super().__init__(("127.0.0.1", 0), _ChatEndpoint)
        self.voice, self.alias, self.secret = voice, alias, secret
        self.served = 0
        self._counting = threading.Lock()

    def count(self) -> None:
        """Count a request that was answered."""
        with self._counting:
            self.served += 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what goes wrong, but for a client that went away: it is free to."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            traceback.print_exc()


class _ChatEndpoint(BaseHTTPRequestHandler):
    """One connection."""

    server: ModelServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "TuneDesk", ""
    timeout = _LONGEST_SILENCE_S

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
        """Log nothing: prompts and paths are nobody's business, and TuneDesk counts requests itself."""

    def do_GET(self) -> None:
        if not self._may():
            return
        if self.path == "/health":
            self._send(200, {"status": "ok", "requests": self.server.served})
        elif self.path == "/v1/models":
            model = {"id": self.server.alias, "object": "model", "created": 0, "owned_by": "tunedesk"}
            self._send(200, {"object": "list", "data": [model]})
        else:
            self._refuse(404, "There is nothing at this address.", code="not_found")

    def do_POST(self) -> None:
        if not self._may():
            return
        if self.path not in _PATHS:
            self._refuse(404, "There is nothing at this address.", code="not_found")
            return
        try:
            request = parse(self._body(), alias=self.server.alias, chat=_PATHS[self.path])
            ids = self.server.voice.prompt(request)
            self._answer(request, ids)
            self.server.count()
        except BadRequest as bad:
            self._refuse(bad.status, bad.message, field=bad.field, code=bad.code)
        except Busy:
            message = "The model is busy and enough requests wait already; try again in a few seconds."
            self._refuse(429, message, code="busy", retry_after=2)
        except (ConnectionError, TimeoutError):
            raise  # the client left
        except Exception as error:  # noqa: BLE001 -- whatever it is, who asked is told
            message, code = _explained(error)
            self._refuse(500, message, code=code)

    def _may(self) -> bool:
        given = self.headers.get("Authorization", "").encode("utf-8", "replace")
        if hmac.compare_digest(given, f"Bearer {self.server.secret}".encode()):
            return True
        self._refuse(401, "This server answers TuneDesk only.", code="invalid_api_key")
        return False

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise BadRequest("Content-Length is missing.", status=411, code="length_required")
        if int(length) > LARGEST_BODY:
            raise BadRequest(f"The body is larger than {LARGEST_BODY} bytes.", status=413, code="too_large")
        return self.rfile.read(int(length))

    def _answer(self, request: ChatRequest, ids: list[int]) -> None:
        answer = Answer(prompt_tokens=len(ids))
        chat = request.prompt is None
        name = f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}"
        writer = ChunkWriter(name, int(time.time()), self.server.alias, chat)
        pieces = self.server.voice.pieces(request, ids, answer)
        try:
            if request.stream:
                self._stream(_events(request, writer, pieces, answer))
                return
            text = "".join(self._heard(pieces))
        finally:
            answer.cancelled.set()  # whatever happened, the model need not go on
        said = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        choice = {"index": 0, **said, "logprobs": None, "finish_reason": answer.finish_reason}
        head = {"id": name, "object": "chat.completion" if chat else "text_completion"}
        more = {"created": writer.created, "model": writer.model}
        self._send(
            200, {**head, **more, "choices": [choice], "usage": usage(answer.prompt_tokens, answer.completion_tokens)}
        )

    def _stream(self, events: Iterable[bytes]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", MEDIA_TYPE)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with suppress(OSError):  # the listener left
            for event in events:
                self.wfile.write(event)
                self.wfile.flush()

    def _heard(self, pieces: Iterable[str]) -> Iterator[str]:
        """Yield the pieces of a whole answer, as long as somebody waits for it.

        Raises:
            ConnectionAbortedError: the client has closed its end.
        """
        for piece in pieces:
            if select.select([self.connection], [], [], 0)[0] and not self.connection.recv(1, socket.MSG_PEEK):
                raise ConnectionAbortedError
            yield piece

    def _refuse(
        self, status: int, message: str, *, field: str | None = None, code: str, retry_after: int | None = None
    ) -> None:
        self.close_connection = True  # the body may still be unread
        error = {"message": message, "type": "invalid_request_error", "param": field, "code": code}
        self._send(status, {"error": error}, retry_after=retry_after)

    def _send(self, status: int, value: dict[str, Any], *, retry_after: int | None = None) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def _events(
    request: ChatRequest, writer: ChunkWriter, pieces: Iterable[str], answer: Answer
) -> Generator[bytes, None, None]:
    """Yield a whole stream; what goes wrong once it has begun is told in it, for its status is sent already."""
    if writer.chat:
        yield writer.chunk({"role": "assistant", "content": ""})
    try:
        for piece in pieces:
            yield writer.chunk({"content": piece})
        yield writer.chunk({}, finish_reason=answer.finish_reason)
        if request.include_usage:
            yield writer.chunk(usage=usage(answer.prompt_tokens, answer.completion_tokens))
    except Exception as error:  # noqa: BLE001 -- whatever it is, who asked is told
        message, code = _explained(error)
        yield error_event(message, "server_error", code=code)
    yield DONE


def _explained(error: Exception) -> tuple[str, str]:
    """Return the sentence and the code for what went wrong; the traceback goes to the log."""
    failure = explain(error)
    traceback.print_exc()
    return f"The model could not answer. {failure.message}", failure.code
