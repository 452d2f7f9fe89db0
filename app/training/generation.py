"""One loaded model that answers, one request at a time, piece by piece."""

import queue
import re
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase, StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from app.training import likelihood, loading
from app.training.chat_request import BadRequest, ChatRequest
from app.training.rendering import Renderer, TemplateRefused

HALF = "\N{REPLACEMENT CHARACTER}"  # at an end: a character whose other bytes are still to come
_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")  # a byte of a character, as SentencePiece names it
_STALLED_S = 600.0  # without a token for so long, the model is taken for stuck


@dataclass
class Answer:
    """An answer in the making. The counts and the reason stand once its `pieces` have run out."""

    prompt_tokens: int
    cancelled: threading.Event = field(default_factory=threading.Event)
    completion_tokens: int = 0
    finish_reason: str = "stop"


class _Until(StoppingCriteria):
    """Stops when asked to, and counts the new tokens.

    It is called after each token with all so far: `input_ids` [1, T], of which `prompt_tokens` were given, and wants
    one verdict a row, [1].
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        self.answer.completion_tokens = input_ids.shape[1] - self.answer.prompt_tokens
        return torch.full(
            (input_ids.shape[0],), self.answer.cancelled.is_set(), dtype=torch.bool, device=input_ids.device
        )


class AnswerGenerator:
    """The model and its tokenizer. `answer` and `pieces` must not be used by two threads at once.

    `chat` False: it was taught texts without a template, and is asked so whatever way the question comes.
    """

    def __init__(self, model: Any, tokenizer: PreTrainedTokenizerBase, *, chat: bool = True) -> None:
        self.chat = chat
        self.model, self.tokenizer, self.renderer = model, tokenizer, Renderer(tokenizer)
        self.context = loading.context_length(model)

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
        """Yield the answer's text as it comes, up to a stop text; fill in `answer` on the way.

        `ids` are the prompt's tokens [T]; the answer has at most what is left of the context (4096 new tokens for a
        model that names none).
        """
        streamer = TokenStreamer(_STALLED_S)
        room = self.context - len(ids) if self.context is not None else 4096
        limit = min(request.max_tokens or room, room)
        failed: list[BaseException] = []

        def generate() -> None:
            try:
                self._generate(request, ids, limit, streamer, answer)
            except BaseException as error:  # noqa: BLE001 -- carried to the thread that waits for the text
                failed.append(error)
                streamer.end()

        worker = threading.Thread(target=generate, name="generate")
        worker.start()
        try:
            stopped = yield from _until_stop(pieces_of(self.tokenizer, streamer), request.stop)
        finally:
            answer.cancelled.set()
            worker.join()
        if failed:
            raise failed[0]
        answer.finish_reason = "length" if not stopped and answer.completion_tokens >= limit else "stop"

    def _generate(
        self, request: ChatRequest, ids: Sequence[int], limit: int, streamer: "TokenStreamer", answer: Answer
    ) -> None:
        sampling: dict[str, Any] = {"do_sample": False}
        if request.temperature > 0 and request.top_p > 0:
            sampling = {"do_sample": True, "temperature": request.temperature, "top_p": request.top_p, "top_k": 0}
        if request.seed is not None:
            torch.manual_seed(request.seed)
        tokens = torch.tensor([list(ids)], device=self.model.device)
        with torch.inference_mode():
            self.model.generate(
                input_ids=tokens,
                attention_mask=torch.ones_like(tokens),
                generation_config=likelihood.generation_config(
                    self.model, self.renderer, max_new_tokens=limit, **sampling
                ),
                streamer=streamer,
                stopping_criteria=StoppingCriteriaList([_Until(answer)]),
            )


def _as_text(request: ChatRequest) -> str:
    """Return a question as the text that an evaluation asks: a system prompt before it, an empty line between.

    Raises:
        BadRequest: where it is a conversation.
    """
    if request.tools or any(each["role"] not in {"system", "developer", "user"} for each in request.messages):
        message = "This model was taught to complete texts, without a chat template: ask it one question at a time."
        raise BadRequest(message, "messages", code="not_a_conversation")
    return "\n\n".join(str(each["content"]) for each in request.messages)


class TokenStreamer(BaseStreamer):
    """The answer's tokens as they are made, one by one; the prompt's are left out."""

    def __init__(self, patience_s: float) -> None:
        self._tokens: queue.Queue[int | None] = queue.Queue()
        self._patience_s = patience_s
        self._begun = False

    def put(self, value: torch.Tensor) -> None:
        """Take what transformers hands over: at first the prompt, then each token."""
        if self._begun:
            for token in value.flatten().tolist():
                self._tokens.put(token)
        self._begun = True

    def end(self) -> None:
        """Say that there are no more."""
        self._tokens.put(None)

    def __iter__(self) -> Iterator[int]:
        while (token := self._tokens.get(timeout=self._patience_s)) is not None:
            yield token


def pieces_of(tokenizer: PreTrainedTokenizerBase, tokens: Iterable[int]) -> Iterator[str]:
    """Yield the text of tokens as it becomes certain; joined, the pieces are what all tokens are decoded to at once.

    A tokenizer may write a token otherwise after others than alone (blanks at a beginning, halves of a character), so
    all are decoded each time, and the difference is handed on.
    """
    kept: list[int] = []
    sent = ""
    for token in tokens:
        kept.append(token)
        text = str(tokenizer.decode(kept, skip_special_tokens=True))
        halved = text.endswith(HALF) or _BYTE.fullmatch(str(tokenizer.convert_ids_to_tokens(token)))
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
