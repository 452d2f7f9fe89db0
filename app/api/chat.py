"""A chat's answer in OpenAI's shapes, whole or piece by piece."""

import secrets
from collections.abc import AsyncIterator, Generator
from datetime import datetime
from typing import Any

import orjson
from anyio import CancelScope
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from app.api.shapes.deployments import ChatChoiceOut, ChatMessageOut, ChatOut, ChatUsageOut
from app.domain.backend import ChatChunk
from app.domain.errors import DomainError
from app.http.problems import describe
from app.http.streams import MEDIA_TYPE, message
from app.services.deployments import Conversation


class Completion:
    """One answer under way."""

    def __init__(self, conversation: Conversation, *, created: datetime) -> None:
        self.id = f"chatcmpl-{secrets.token_hex(12)}"
        self.created = int(created.timestamp())
        self.model = conversation.deployment.id
        self.chunks = conversation.chunks

    def whole(self) -> ChatOut:
        """Return the answer once it is complete."""
        text, last = [], ChatChunk()
        for chunk in self.chunks:
            text.append(chunk.text)
            last = chunk
        return ChatOut(
            id=self.id,
            created=self.created,
            model=self.model,
            choices=[ChatChoiceOut(message=ChatMessageOut(content="".join(text)), finish_reason=last.finish_reason)],
            usage=_usage(last),
        )

    def streamed(self) -> StreamingResponse:
        """Return the answer as `chat.completion.chunk` messages, ended by `[DONE]`."""
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        return StreamingResponse(self._pieces(), headers=headers, media_type=MEDIA_TYPE)

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield self._piece({"role": "assistant", "content": ""}, None)
        messages = self._messages()
        try:
            while (each := await run_in_threadpool(next, messages, None)) is not None:
                yield each
            yield message("[DONE]")
        finally:
            # The reader may have gone away: the model must stop writing, and the use must be counted.
            with CancelScope(shield=True):
                await run_in_threadpool(messages.close)

    def _messages(self) -> Generator[bytes, None, None]:
        try:
            for chunk in self.chunks:
                if chunk.text:
                    yield self._piece({"content": chunk.text}, None)
                if chunk.finish_reason is not None:
                    yield self._piece({}, chunk.finish_reason, usage=_usage(chunk).model_dump())
        except DomainError as error:
            problem = describe(error)
            yield message(orjson.dumps({"error": {"message": problem.detail, "type": problem.kind}}).decode())
        finally:
            close = getattr(self.chunks, "close", None)
            if close is not None:
                close()

    def _piece(self, delta: dict[str, str], finish_reason: str | None, **more: Any) -> bytes:  # noqa: ANN401
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        document = {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": [choice],
            **more,
        }
        return message(orjson.dumps(document).decode())


def _usage(last: ChatChunk) -> ChatUsageOut:
    read, written = last.prompt_tokens, last.completion_tokens
    total = read + written if read is not None and written is not None else None
    return ChatUsageOut(prompt_tokens=read, completion_tokens=written, total_tokens=total)
