"""A chat's answer in the shapes of `POST /deployments/{id}/chat`."""

import secrets
from dataclasses import asdict
from datetime import datetime

from starlette.requests import Request

from app.api.shapes.deployments import ChatChoiceOut, ChatMessageOut, ChatOut, ChatUsageOut
from app.http.answering import Answering
from app.kit.openai_stream import ChunkWriter, usage
from app.services.deployments import Conversation


class Completion(Answering):
    """A chat completion whose model is called by the deployment's id."""

    def __init__(self, request: Request, conversation: Conversation, *, created: datetime) -> None:
        identifier = f"chatcmpl-{secrets.token_hex(12)}"
        super().__init__(
            request, conversation, ChunkWriter(identifier, int(created.timestamp()), conversation.deployment.id)
        )

    def whole(self) -> ChatOut:
        """Return the answer once it is complete."""
        text, last = self.read()
        head = {name: value for name, value in asdict(self.writer).items() if name != "chat"}
        return ChatOut(
            **head,
            choices=[ChatChoiceOut(message=ChatMessageOut(content=text), finish_reason=last.finish_reason)],
            usage=ChatUsageOut(**usage(last.prompt_tokens, last.completion_tokens)),
        )
