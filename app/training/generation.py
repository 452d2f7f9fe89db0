"""One loaded model that answers, one request at a time, piece by piece."""

import threading
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase, StoppingCriteria, StoppingCriteriaList, TextIteratorStreamer

from app.training import likelihood, loading
from app.training.chat_request import BadRequest, ChatRequest

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
    """The model and its tokenizer. `answer` and `pieces` must not be used by two threads at once."""

    def __init__(self, model: Any, tokenizer: PreTrainedTokenizerBase) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.context = loading.context_length(model)

    def prompt(self, request: ChatRequest) -> list[int]:
        """Return the prompt's tokens [T], the template's opening of the answer included.

        Raises:
            BadRequest: where there is no chat template, or no room for an answer.
        """
        if not self.tokenizer.chat_template:
            raise BadRequest("This model has no chat template, so it cannot chat.", "messages", code="no_chat_template")
        text = self.tokenizer.apply_chat_template(request.messages, tokenize=False, add_generation_prompt=True)
        ids = list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        if self.context is not None and len(ids) >= self.context:
            raise BadRequest(
                f"The messages are {len(ids)} tokens long; this model's context is {self.context}.",
                "messages",
                code="context_length_exceeded",
            )
        return ids

    def pieces(self, request: ChatRequest, ids: Sequence[int], answer: Answer) -> Generator[str, None, None]:
        """Yield the answer's text as it comes, up to a stop text; fill in `answer` on the way.

        `ids` are the prompt's tokens [T]; the answer has at most what is left of the context (4096 new tokens for a
        model that names none).
        """
        streamer = TextIteratorStreamer(self.tokenizer, skip_prompt=True, timeout=_STALLED_S, skip_special_tokens=True)
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
            stopped = yield from _until_stop(streamer, request.stop)
        finally:
            answer.cancelled.set()
            worker.join()
        if failed:
            raise failed[0]
        answer.finish_reason = "length" if not stopped and answer.completion_tokens >= limit else "stop"

    def _generate(
        self, request: ChatRequest, ids: Sequence[int], limit: int, streamer: TextIteratorStreamer, answer: Answer
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
                    self.model, self.tokenizer, max_new_tokens=limit, **sampling
                ),
                streamer=streamer,
                stopping_criteria=StoppingCriteriaList([_Until(answer)]),
            )


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
