"""OpenAI's chat completions, completions and models, as its clients send and read them at a deployment's base address.

Source of the fields: https://platform.openai.com/docs/api-reference/chat/create and …/completions/create. What clients
send by themselves is taken, what changes nothing here may have that value alone, and what cannot be honoured is refused
by its name: nothing is left out in silence.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from app.domain.backend import ChatRequest, CompletionRequest
from app.http.fields import (
    ANY_TEXT,
    MAX_WHOLE,
    READS_WHOLE,
    RequestModel,
    ResponseModel,
    exemplified,
    given,
)

MAX_TURNS = 1000
MAX_TOKENS = 1_000_000  # as far as a model's context goes, it may be asked for
MAX_CHARS = 1_000_000
MAX_STOPS = 4
_MAX_NAME = 200
_COMPLETED_TOKENS = 16  # OpenAI's own default of a completion
_TEXT: dict[str, Any] = {"type": "string", "maxLength": MAX_CHARS, "pattern": ANY_TEXT}
_PART = {
    "type": "object",
    "properties": {"type": {"const": "text"}, "text": _TEXT},
    "required": ["type", "text"],
    "additionalProperties": False,
}
_STOP = {**_TEXT, "minLength": 1}


def _joined(content: object) -> object:
    """Return text parts as one text."""
    if not isinstance(content, list):
        return content
    texts = [
        part["text"]
        for part in content
        if isinstance(part, dict) and part.keys() == {"type", "text"} and part["type"] == "text"
    ]
    if len(texts) != len(content) or not all(isinstance(text, str) for text in texts):
        raise ValueError("only text and parts of type text are read here")
    return "".join(texts)


def _listed(stop: object) -> object:
    stops = [stop] if isinstance(stop, str) else stop
    if (
        not isinstance(stops, list)
        or len(stops) > MAX_STOPS
        or not all(isinstance(each, str) and each for each in stops)
    ):
        raise ValueError(f"this is one text or up to {MAX_STOPS}, none of them empty")
    return stops


def _single(prompt: object) -> object:
    """Return the text of a list of one, which is what some clients send."""
    if isinstance(prompt, list):
        if len(prompt) != 1:
            raise ValueError("one text is completed at a time")
        return prompt[0]
    return prompt


def _refused(value: object) -> object:
    if value is not None:
        raise ValueError("this is not supported here; leave it out")
    return value


Content = Annotated[
    str,
    BeforeValidator(_joined),
    Field(max_length=MAX_CHARS),
    WithJsonSchema({"anyOf": [_TEXT, {"type": "array", "items": _PART, "maxItems": 1000}]}),
]
Prompt = Annotated[
    str,
    BeforeValidator(_single),
    Field(min_length=1, max_length=MAX_CHARS),
    WithJsonSchema({"anyOf": [_STOP, {"type": "array", "items": _STOP, "minItems": 1, "maxItems": 1}]}),
]
Stops = Annotated[
    list[str],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [_STOP, {"type": "array", "items": _STOP, "maxItems": MAX_STOPS}]}),
]
Tokens = Annotated[int, Field(ge=1, le=MAX_TOKENS), READS_WHOLE]
One = Annotated[int, Field(ge=1, le=1), READS_WHOLE]
Zero = Annotated[float, Field(ge=0, le=0)]
Nothing = Annotated[dict[str, Any], Field(max_length=0)]
Free = Annotated[str, Field(max_length=_MAX_NAME)]
Word = Annotated[str, Field(min_length=1, max_length=_MAX_NAME)]
# Known to the clients, and nothing that can be done here: null is as good as absent.
Unsupported = Annotated[None, BeforeValidator(_refused)]


class CalledFunctionIn(RequestModel):
    """Which function was called, and with what: JSON as a text."""

    name: Word
    arguments: Annotated[str, Field(max_length=MAX_CHARS)]


class ToolCallIn(RequestModel):
    """One call in an answer of the assistant."""

    id: Word
    type: Literal["function"] = "function"
    function: CalledFunctionIn


class TurnIn(RequestModel):
    """One message. `name` is read and has no effect."""

    model_config = exemplified(
        {"role": "user", "content": "Where is my parcel?"}, anyOf=[given("content"), given("tool_calls")]
    )

    role: Literal["developer", "system", "user", "assistant", "tool"]
    content: Content | None = None
    name: Free | None = None
    tool_calls: Annotated[list[ToolCallIn], Field(min_length=1, max_length=100)] | None = None
    tool_call_id: Word | None = None
    # An answer is often sent back as it came, with these as null.
    refusal: Unsupported = None
    annotations: Unsupported = None
    audio: Unsupported = None
    function_call: Unsupported = None

    @model_validator(mode="after")
    def says_something(self) -> "TurnIn":
        """Return the message if there is anything in it."""
        if self.content is None and not self.tool_calls:
            raise ValueError("the message needs content, or tool_calls")
        return self

    def turn(self) -> dict[str, Any]:
        """Return what backends take."""
        return {
            "content": self.content or "",
            **self.model_dump(include={"role", "tool_calls", "tool_call_id"}, exclude_none=True),
        }


class FunctionIn(RequestModel):
    """A function that the model may name; `parameters` is a JSON Schema."""

    name: Word
    description: Annotated[str, Field(max_length=MAX_CHARS)] | None = None
    parameters: dict[str, Any] | None = None
    strict: Literal[False] | None = Field(None, description="An answer cannot be made to fit a schema here.")


class ToolIn(RequestModel):
    """A tool: functions are the only kind."""

    type: Literal["function"]
    function: FunctionIn


class TextFormatIn(RequestModel):
    """The form of the answer: a text."""

    type: Literal["text"]


class StreamOptionsIn(RequestModel):
    """What a stream tells besides: the tokens used, in a chunk of their own before its end."""

    include_usage: bool | None = None
    include_obfuscation: Literal[False] | None = None


class SamplingIn(RequestModel):
    """What chats and completions have in common. Of `user` nothing is kept, and it has no effect."""

    model: Word
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Tokens | None = None
    stop: Stops | None = None
    seed: Annotated[int, Field(ge=0, le=MAX_WHOLE), READS_WHOLE] | None = None
    stream: bool | None = None
    stream_options: StreamOptionsIn | None = None
    n: One | None = None
    frequency_penalty: Zero | None = None
    presence_penalty: Zero | None = None
    logit_bias: Nothing | None = None
    user: Free | None = None

    @property
    def tells_usage(self) -> bool:
        """Whether a stream ends with the tokens used."""
        return bool(self.stream_options and self.stream_options.include_usage)

    def sampling(self, max_tokens: int | None) -> dict[str, Any]:
        """Return what backends take, with OpenAI's defaults."""
        return {
            "temperature": 1.0 if self.temperature is None else self.temperature,
            "top_p": 1.0 if self.top_p is None else self.top_p,
            "max_tokens": max_tokens,
            "stop": tuple(self.stop or ()),
            "seed": self.seed,
        }


class ChatCompletionIn(SamplingIn):
    """A chat completion as OpenAI's clients ask for it. `metadata` and the keys of caches have no effect."""

    model_config = exemplified(
        {
            "model": "support-triage",
            "messages": [{"role": "user", "content": "My card was charged twice."}],
            "max_completion_tokens": 64,
            "stop": ["\n"],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    )

    messages: Annotated[list[TurnIn], Field(min_length=1, max_length=MAX_TURNS)]
    max_completion_tokens: Tokens | None = None
    tools: Annotated[list[ToolIn], Field(max_length=128)] | None = None
    tool_choice: Literal["auto", "none"] | None = None
    parallel_tool_calls: bool | None = None
    response_format: TextFormatIn | None = None
    logprobs: Literal[False] | None = None
    store: Literal[False] | None = None
    service_tier: Literal["auto", "default"] | None = None
    modalities: Annotated[list[Literal["text"]], Field(min_length=1, max_length=1)] | None = None
    metadata: Annotated[dict[Word, Annotated[str, Field(max_length=512)]], Field(max_length=16)] | None = None
    safety_identifier: Free | None = None
    prompt_cache_key: Free | None = None
    audio: Unsupported = None
    function_call: Unsupported = None
    functions: Unsupported = None
    moderation: Unsupported = None
    prediction: Unsupported = None
    prompt_cache_options: Unsupported = None
    prompt_cache_retention: Unsupported = None
    reasoning_effort: Unsupported = None
    top_logprobs: Unsupported = None
    verbosity: Unsupported = None
    web_search_options: Unsupported = None

    def request(self) -> ChatRequest:
        """Return what services take. Where no tool may be called, the model is told of none."""
        tools = () if self.tool_choice == "none" else self.tools or ()
        limit = self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens
        return ChatRequest(
            messages=[each.turn() for each in self.messages],
            tools=[each.model_dump(exclude_none=True) for each in tools],
            **self.sampling(limit),
        )


class TextCompletionIn(SamplingIn):
    """A completion as OpenAI's clients ask for it: the prompt goes to the model as it is."""

    model_config = exemplified({"model": "support-triage", "prompt": "Where is my parcel?", "max_tokens": 16})

    prompt: Prompt
    best_of: One | None = None
    echo: Literal[False] | None = None
    logprobs: Unsupported = None
    suffix: Annotated[str, Field(max_length=0)] | None = None

    def request(self) -> CompletionRequest:
        """Return what services take."""
        limit = _COMPLETED_TOKENS if self.max_tokens is None else self.max_tokens
        return CompletionRequest(prompt=self.prompt, **self.sampling(limit))


class ErrorDetailOut(ResponseModel):
    """What is wrong, as a sentence, and where."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIErrorOut(ResponseModel):
    """A failure as OpenAI's clients read it."""

    error: ErrorDetailOut


class TokenUsageOut(ResponseModel):
    """Tokens read and written."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class AnswerOut(ResponseModel):
    """What the model said; of one on this machine a tool call is part of the text, as the model's template has it."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class CallingOut(AnswerOut):
    """What a provider's model said, and the calls of tools that the provider tells apart from it."""

    tool_calls: list[dict[str, Any]]


class ChatAnswerOut(ResponseModel):
    """The one answer."""

    index: int = 0
    message: AnswerOut | CallingOut
    logprobs: None = None
    finish_reason: str


class TextAnswerOut(ResponseModel):
    """The one continuation."""

    index: int = 0
    text: str
    logprobs: None = None
    finish_reason: str


class ChatCompletionOut(ResponseModel):
    """A chat completion. `usage` is null where the provider does not count."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatAnswerOut]
    usage: TokenUsageOut | None


class TextCompletionOut(ResponseModel):
    """A completion. `usage` is null where the provider does not count."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[TextAnswerOut]
    usage: TokenUsageOut | None


class ServedModelOut(ResponseModel):
    """The model that a base address serves; `id` is what a request calls it."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["tunedesk"] = "tunedesk"


class ServedModelsOut(ResponseModel):
    """The one model, as a list."""

    object: Literal["list"] = "list"
    data: list[ServedModelOut]
