"""One loaded model that answers, piece by piece, many requests at a time."""

import re
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from transformers import PreTrainedTokenizerBase

from app.training import likelihood, loading
from app.training.batching import decoder
from app.training.chat_request import BadRequest, ChatRequest
from app.training.rendering import Renderer, TemplateRefused
from app.training.sampling import Generation
from app.training.scheduler import Scheduler

HALF = "\N{REPLACEMENT CHARACTER}"  # at an end: a character whose other bytes are still to come
_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")  # a byte of a character, as SentencePiece names it
_UNBOUNDED = 4096  # new tokens of a model that names no context


@dataclass
class Answer:
    """An answer in the making. The counts and the reason stand once its `pieces` have run out."""

    prompt_tokens: int
    cancelled: threading.Event = field(default_factory=threading.Event)
    completion_tokens: int = 0
    finish_reason: str = "stop"


class AnswerGenerator:
    """The model and its tokenizer, for any number of threads; `close` it.

    `chat` False: it was taught texts without a template, and is asked so whatever way the question comes. `waiting`
    requests may wait for room beside the others.
    """

    def __init__(self, model: Any, tokenizer: PreTrainedTokenizerBase, *, chat: bool = True, waiting: int = 0) -> None:
        self.chat = chat
        self.model, self.tokenizer, self.renderer = model, tokenizer, Renderer(tokenizer)
        self.context = loading.context_length(model)
        maker = decoder(model)
        self.most_rows = maker.most_rows  # answers at a time
        self.scheduler = Scheduler(maker, waiting=waiting, memory=lambda: loading.free_memory(model.device))

    def close(self) -> None:
        """Answer nobody any more."""
        self.scheduler.close()

    def prompt(self, request: ChatRequest) -> list[int]:
        """Return the prompt's tokens [T], the template's opening of the answer included.

        Raises:
            BadRequest: where there is no chat template, it refuses the messages, or there is no room for an answer.
        """
        field = "messages" if request.prompt is None else "prompt"
        ids = self._chat_ids(request) if request.prompt is None else self.renderer.text_ids(request.prompt)
        if self.context is not None and len(ids) >= self.context:
            raise BadRequest(
                f"The {field} are {len(ids)} tokens long; this model's context is {self.context}.",
                field,
                code="context_length_exceeded",
            )
        return ids

    def _chat_ids(self, request: ChatRequest) -> list[int]:
        if not self.chat:
            return self.renderer.text_ids(_as_text(request))
        if not self.tokenizer.chat_template:
            message = "This model has no chat template, so it cannot chat: ask for completions."
            raise BadRequest(message, "messages", code="no_chat_template")
        try:
            return self.renderer.prompt_ids(request.messages, tools=request.tools)
        except TemplateRefused as error:
            message = f"The model's chat template does not take these messages. It says: {error}"
            raise BadRequest(message, "messages", code="template_refused") from error

    def pieces(self, request: ChatRequest, ids: Sequence[int], answer: Answer) -> Generator[str, None, None]:
        """Ask now, and yield the answer's text as it comes, up to a stop text; fill in `answer` on the way.

        `ids` are the prompt's tokens [T]; the answer has at most what is left of the context (4096 new tokens for a
        model that names none). Whoever lets go of it before its end sets `answer.cancelled`.

        Raises:
            Busy: too many wait already; at once, not with the first piece.
        """
        room = self.context - len(ids) if self.context is not None else _UNBOUNDED
        limit = min(request.max_tokens or room, room)
        sampling: dict[str, Any] = {"do_sample": False}
        if request.temperature > 0 and request.top_p > 0:
            sampling = {"do_sample": True, "temperature": request.temperature, "top_p": request.top_p, "top_k": 0}
        config = likelihood.generation_config(self.model, self.renderer, **sampling)
        generation = Generation(ids, config, limit=limit, seed=request.seed, cancelled=answer.cancelled)
        self.scheduler.submit(generation)
        return self._pieces(generation, request.stop, answer)

    def _pieces(self, generation: Generation, stops: Sequence[str], answer: Answer) -> Generator[str, None, None]:
        def counted() -> Iterator[Sequence[int]]:
            for tokens in generation:
                # Where a text may end it, nothing after that text is counted, nor looked at.
                for some in [[token] for token in tokens] if stops else [tokens]:
                    answer.completion_tokens += len(some)
                    yield some

        try:
            stopped = yield from _until_stop(pieces_of(self.tokenizer, counted()), stops)
        finally:
            answer.cancelled.set()
        answer.finish_reason = "stop" if stopped or generation.has_ended else "length"


def _as_text(request: ChatRequest) -> str:
    """Return a question as the text that an evaluation asks: a system prompt before it, an empty line between.

    Raises:
        BadRequest: where it is a conversation.
    """
    if request.tools or any(each["role"] not in {"system", "developer", "user"} for each in request.messages):
        message = "This model was taught to complete texts, without a chat template: ask it one question at a time."
        raise BadRequest(message, "messages", code="not_a_conversation")
    return "\n\n".join(str(each["content"]) for each in request.messages)


def pieces_of(tokenizer: PreTrainedTokenizerBase, coming: Iterable[Sequence[int]]) -> Iterator[str]:
    """Yield the text of tokens as it becomes certain; joined, the pieces are what all tokens are decoded to at once.

    A tokenizer may write a token otherwise after others than alone (blanks at a beginning, halves of a character), so
    all are decoded each time, and the difference is handed on.
    """
    kept: list[int] = []
    sent = ""
    for tokens in coming:
        kept.extend(tokens)
        text = str(tokenizer.decode(kept, skip_special_tokens=True))
        halved = text.endswith(HALF) or _BYTE.fullmatch(str(tokenizer.convert_ids_to_tokens(kept[-1])))
        if not halved and text.startswith(sent) and len(text) > len(sent):
            yield text[len(sent) :]
            sent = text
    if kept and len(text := str(tokenizer.decode(kept, skip_special_tokens=True))) > len(sent):
        yield text[len(sent) :]


def _until_stop(pieces: Iterable[str], stops: Sequence[str]) -> Generator[str, None, bool]:
    """Yield text until one of `stops` begins, holding back what may be the beginning of one; return whether it came."""
    held = ""
    longest = max(map(len, stops), default=1)
    for piece in pieces:
        held += piece
        cut = min((at for at in (held.find(stop) for stop in stops) if at >= 0), default=-1)
        if cut >= 0:
            if held[:cut]:
                yield held[:cut]
            return True
        safe = len(held) - (longest - 1)
        if safe > 0:
            yield held[:safe]
            held = held[safe:]
    if held:
        yield held
    return False
