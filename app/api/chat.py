"""A chat's answer in OpenAI's shapes, whole or piece by piece."""

import secrets
from collections.abc import AsyncIterator, Generator
from dataclasses import asdict
from datetime import datetime

from anyio import CancelScope
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from app.api.shapes.deployments import ChatChoiceOut, ChatMessageOut, ChatOut, ChatUsageOut
from app.domain.backend import ChatChunk
from app.domain.errors import DomainError
from app.http.problems import describe
from app.kit import openai_stream
from app.kit.openai_stream import ChunkWriter, usage
from app.services.deployments import Conversation


class Completion:
    """One answer under way."""

    def __init__(self, conversation: Conversation, *, created: datetime) -> None:
        identifier = f"chatcmpl-{secrets.token_hex(12)}"
        self.writer = ChunkWriter(identifier, int(created.timestamp()), conversation.deployment.id)
        self.chunks = conversation.chunks

    def whole(self) -> ChatOut:
        """Return the answer once it is complete."""
        text, last = [], ChatChunk()
        for chunk in self.chunks:
            text.append(chunk.text)
            last = chunk
        return ChatOut(
            **asdict(self.writer),
            choices=[ChatChoiceOut(message=ChatMessageOut(content="".join(text)), finish_reason=last.finish_reason)],
            usage=ChatUsageOut(**usage(last.prompt_tokens, last.completion_tokens)),
        )

    def streamed(self) -> StreamingResponse:
        """Return the answer as `chat.completion.chunk` messages, ended by `[DONE]`."""
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        return StreamingResponse(self._pieces(), headers=headers, media_type=openai_stream.MEDIA_TYPE)

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield self.writer.chunk({"role": "assistant", "content": ""})
        messages = self._messages()
        try:
            while (each := await run_in_threadpool(next, messages, None)) is not None:
                yield each
            yield openai_stream.DONE
        finally:
            # The reader may have gone away: the model must stop writing, and the use must be counted.
            with CancelScope(shield=True):
                await run_in_threadpool(messages.close)

    def _messages(self) -> Generator[bytes, None, None]:
        try:
            for chunk in self.chunks:
                if chunk.text:
                    yield self.writer.chunk({"content": chunk.text})
                if chunk.finish_reason is not None:
                    yield self.writer.chunk(
                        {}, finish_reason=chunk.finish_reason, usage=usage(chunk.prompt_tokens, chunk.completion_tokens)
                    )
        except DomainError as error:
            problem = describe(error)
            yield openai_stream.error_event(problem.detail, problem.kind)
        finally:
            close = getattr(self.chunks, "close", None)
            if close is not None:
                close()
