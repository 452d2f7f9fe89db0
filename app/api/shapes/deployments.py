"""Deployments and chats as REST sees them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AliasPath, Field

from app.api.shapes.common import CostIn, TargetIn
from app.domain.backend import ChatRequest
from app.domain.deployments import DeploymentGoal, DeploymentStatus, Target, Usage
from app.domain.hyperparameters import Hyperparameter
from app.domain.money import Money
from app.domain.prices import Billing
from app.domain.splits import MAX_SEED
from app.http import fields
from app.http.fields import (
    READS_WHOLE,
    VISIBLE_TEXT,
    Id,
    Label,
    RequestModel,
    ResponseModel,
    Settings,
    Whole,
    described,
    exemplified,
)
from app.services.deployments import MAX_IDLE_S, MAX_MESSAGE_CHARS, MAX_MESSAGES, MAX_NEW_TOKENS, MAX_TEMPERATURE

# JSON has no moments: a text as ISO 8601 writes them, read here although everything else is strict.
Moment = Annotated[datetime, Field(strict=False)]


class DeploymentIn(RequestModel):
    """Serve a model; `expires_after_idle_s` 0: never; `content_safety` false switches the provider's filter off."""

    model_config = exemplified(
        {"target": {"base_model": "builtin:starter", "connection": "con_01jd3x8z"}, "expires_after_idle_s": 600}
    )

    target: TargetIn
    name: Label | None = None
    content_safety: bool = True
    expires_after_idle_s: Annotated[Whole, described(minimum=0, maximum=MAX_IDLE_S)] | None = None
    expires_at: Moment | None = Field(None, description="When it is deleted, used or not; null: it stays.")
    options: Settings = Field(default_factory=dict)
    accept_cost: CostIn | None = None


class DeploymentsQuery(fields.Paging):
    """Which deployments."""

    include_deleted: bool = False
    project: Id | None = Field(None, description="Of its models, and of the bases that these were trained from.")


class DeploymentOut(ResponseModel):
    """One model being served."""

    id: str
    name: str
    target: Target
    goal: DeploymentGoal
    status: DeploymentStatus
    reason: str | None
    message: str
    note: str
    raw_status: str
    observed_at: datetime | None
    endpoint: str | None
    region: str | None
    content_safety: bool
    options: dict[str, Hyperparameter]
    billing: Billing = Field(validation_alias=AliasPath("bill", "billing"))
    cost_per_hour: Money | None = Field(None, description="Null where nothing is billed, or its price is unknown.")
    expires_after_idle_s: int | None
    expires_at: datetime | None
    last_used_at: datetime | None
    usage: Usage
    restarts: int
    created_at: datetime
    ready_at: datetime | None
    ended_at: datetime | None


class OptionsQuery(fields.Query):
    """What is to be deployed: a fine-tuned model, or a base model on a connection."""

    model: fields.Id | None = None
    base_model: Annotated[fields.Line, Field(min_length=1)] | None = None
    connection: fields.Id | None = None


class KeyOut(ResponseModel):
    """A deployment's own key, fetched now and kept nowhere."""

    endpoint: str | None
    key: str


class ClientKeyOut(ResponseModel):
    """What an OpenAI client is given: its base address, the model's name, and the key."""

    base_url: str
    model: str
    key: str


class MessageIn(RequestModel):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: Annotated[str, Field(max_length=MAX_MESSAGE_CHARS), described(pattern=VISIBLE_TEXT)]


class ChatIn(RequestModel):
    """An OpenAI-style chat completion."""

    model_config = exemplified(
        {"messages": [{"role": "user", "content": "My card was charged twice."}], "max_tokens": 64}
    )

    messages: Annotated[list[MessageIn], Field(max_length=MAX_MESSAGES), described(minItems=1)]
    temperature: Annotated[float, described(minimum=0, maximum=MAX_TEMPERATURE)] = 0.0
    max_tokens: Annotated[Whole, described(minimum=1, maximum=MAX_NEW_TOKENS)] = 256
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    seed: Annotated[int, Field(ge=0, le=MAX_SEED), READS_WHOLE] | None = None
    stream: bool = False

    def request(self) -> ChatRequest:
        """Return what services take."""
        return ChatRequest(
            messages=[each.model_dump() for each in self.messages],
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            top_p=self.top_p,
            seed=self.seed,
        )


class ChatMessageOut(ResponseModel):
    """What the model said."""

    role: Literal["assistant"] = "assistant"
    content: str


class ChatChoiceOut(ResponseModel):
    """The one answer."""

    index: int = 0
    message: ChatMessageOut
    finish_reason: str | None


class ChatUsageOut(ResponseModel):
    """Tokens read and written, as far as the backend tells."""

    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None


class ChatOut(ResponseModel):
    """An OpenAI chat completion."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoiceOut]
    usage: ChatUsageOut
