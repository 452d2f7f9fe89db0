"""An answer under way, whole or piece by piece, to whoever asked for it: a page's chat, REST's, or OpenAI's client."""

import secrets
import time
from collections.abc import Generator, Iterator
from typing import Any

from anyio import from_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from app.domain.backend import ChatChunk
from app.http.openai_errors import openai_error
from app.http.openai_shapes import ChatCompletionIn, TextCompletionIn, TokenUsageOut
from app.http.own_threads import AwaitedResponse, awaited
from app.http.problem_answers import problem_under_way
from app.http.problems import ProblemDocument
from app.kit import openai_stream
from app.kit.openai_stream import ChunkWriter, event, usage
from app.services.deployments import Conversation

_LOOK_EVERY_S = 0.5


class Answering:
    """One answer on its way to the one who asked: the stream's frame, and the end when nobody listens any more."""

    def __init__(self, request: Request, conversation: Conversation, writer: ChunkWriter) -> None:
        self.request, self.writer, self.conversation = request, writer, conversation
        self.chunks = conversation.chunks

    def read(self) -> tuple[str, ChatChunk]:
        """Return the whole text, and the last chunk with its counts; to be called in a worker thread.

        Raises:
            ClientDisconnect: who asked went away; the model has stopped writing.
        """
        text, last, looked = [], ChatChunk(), time.monotonic()
        for chunk in self.chunks:
            text.append(chunk.text)
            last = chunk
            if time.monotonic() - looked > _LOOK_EVERY_S:
                looked = time.monotonic()
                if from_thread.run(self.request.is_disconnected):
                    _close(self.chunks)
                    raise ClientDisconnect
        return "".join(text), last

    def streamed(self) -> Response:
        """Return the answer as messages, ended by `[DONE]`, or as an error where it fails before the first of them."""
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}

        def begun() -> Response:
            self.chunks = self.conversation.begun().chunks
            return StreamingResponse(awaited(self._messages()), headers=headers, media_type=openai_stream.MEDIA_TYPE)

        return AwaitedResponse(begun)

    def last(self, chunk: ChatChunk) -> Iterator[bytes]:
        """Yield what follows the text: the reason of its end, and the counts."""
        used = usage(chunk.prompt_tokens, chunk.completion_tokens)
        yield self.writer.chunk(_calls(chunk), finish_reason=chunk.finish_reason, usage=used)

    def failure(self, problem: ProblemDocument, error: Exception) -> bytes:  # noqa: ARG002 -- for those who tell more
        """Return the message that stands in place of the rest."""
        return openai_stream.error_event(problem.detail, problem.kind)

    def _messages(self) -> Generator[bytes, None, None]:
        try:
            if self.writer.chat:
                yield self.writer.chunk({"role": "assistant", "content": ""})
            for chunk in self.chunks:
                if chunk.text:
                    yield self.writer.chunk({"content": chunk.text})
                if chunk.finish_reason is not None:
                    yield from self.last(chunk)
        except Exception as error:  # noqa: BLE001 -- the status is sent: whatever it is, it is told in the stream
            yield self.failure(problem_under_way(error, self.request), error)
        finally:
            _close(self.chunks)
        yield openai_stream.DONE


class OpenAIAnswer(Answering):
    """An answer in OpenAI's own shapes."""

    def __init__(
        self,
        request: Request,
        conversation: Conversation,
        body: ChatCompletionIn | TextCompletionIn,
        created: int,
        name: str = "",
    ) -> None:
        """`created`: seconds since 1970; `name`: what the model is called, the deployment's name unless it is said."""
        chat = isinstance(body, ChatCompletionIn)
        identifier = f"{'chatcmpl' if chat else 'cmpl'}-{secrets.token_hex(12)}"
        model = name or conversation.deployment.name
        super().__init__(request, conversation, ChunkWriter(identifier, created, model, chat=chat))
        self.tells_usage = body.tells_usage

    @property
    def head(self) -> dict[str, Any]:
        """What stands above the answer."""
        return {"id": self.writer.id, "created": self.writer.created, "model": self.writer.model}

    def last(self, chunk: ChatChunk) -> Iterator[bytes]:
        """Yield the reason of the end, and the counts if they are asked for."""
        yield self.writer.chunk(_calls(chunk), finish_reason=chunk.finish_reason)
        used = token_usage(chunk)
        if self.tells_usage and used is not None:
            yield self.writer.chunk(usage=used.model_dump())

    def failure(self, problem: ProblemDocument, error: Exception) -> bytes:
        """Return the error as an event."""
        return event(openai_error(problem, error).body)


def _calls(last: ChatChunk) -> dict[str, Any]:
    """Return the delta of the end: the calls of tools, each with its place in the answer."""
    calls = [{"index": index, **call} for index, call in enumerate(last.tool_calls)]
    return {"tool_calls": calls} if calls else {}


def token_usage(last: ChatChunk) -> TokenUsageOut | None:
    """Return the tokens that were counted; None where nobody counts."""
    read, written = last.prompt_tokens, last.completion_tokens
    if read is None or written is None:
        return None
    return TokenUsageOut(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)


def _close(chunks: Iterator[ChatChunk]) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()
