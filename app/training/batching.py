"""What makes answers with a model: many together, which join and leave between tokens, or one after the other."""

from collections import deque
from collections.abc import Sequence
from copy import copy
from typing import Any, Protocol

import torch
from transformers import StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from app.training.key_value_batch import KeyValueBatch, Prefill
from app.training.sampling import Generation, sampler

_MOST_ROWS = 32
_MOST_TOGETHER = 2048  # tokens of prompts, padding included, in a group


class Decoder(Protocol):
    """Makes answers, all in the thread that calls. What fails is told to the answers that it ends."""

    most_rows: int
    device: torch.device
    joining: list[Generation]  # whose prompts are still to be read
    running: list[Generation]

    @property
    def progress(self) -> int:
        """Changes as long as the model is not stuck."""

    def join(self, news: Sequence[Generation]) -> None:
        """Take answers in; the next steps begin them."""

    def step(self) -> None:
        """Read some of a prompt, if there is one, and make a token of each answer; let those go that are over."""

    def growth(self, news: Sequence[Generation]) -> int:
        """Return the bytes that the next token takes beyond those that are held, were `news` to join."""

    def put_back(self) -> Generation:
        """Let the youngest answer go, to join again with the tokens that it has."""

    def fail(self, error: Exception) -> None:
        """End all answers."""


def decoder(model: Any) -> Decoder:
    """Return what is right for a model: many answers at a time where each is then what it would be alone."""
    batch = KeyValueBatch(model)
    return BatchDecoder(model, batch) if batch.is_exact() else SingleDecoder(model)


class BatchDecoder:
    """Continuous batching: answers join, are made together and leave, between any two tokens."""

    most_rows = _MOST_ROWS

    def __init__(self, model: Any, batch: KeyValueBatch) -> None:
        self._model, self._batch, self.device = model, batch, batch.device
        self.joining: list[Generation] = []
        self.running: list[Generation] = []
        self._groups: deque[list[Generation]] = deque()  # those whose prompts are read together
        self._prefill: Prefill | None = None  # of the first group

    @property
    def progress(self) -> int:
        """How often the model has come back."""
        return self._batch.forwards

    def join(self, news: Sequence[Generation]) -> None:
        """Take answers in; prompts of like length are read together.

        One that was here before, and had to go, goes on after its last token.
        """
        self.joining += news
        group: list[Generation] = []
        for generation in sorted(news, key=lambda each: each.length):
            if group and (len(group) + 1) * generation.length > _MOST_TOGETHER:
                self._groups.append(group)
                group = []
            group.append(generation)
        self._groups.append(group)

    @torch.inference_mode()
    def step(self) -> None:
        """Read some of a prompt, then make a token of each answer that nobody has cancelled."""
        if self._groups and all(generation.cancelled.is_set() for generation in self._groups[0]):
            self._drop(self._groups.popleft(), None)
        if self._groups:
            self._read(self._groups[0])
        for generation in self.running:
            if generation.cancelled.is_set():
                generation.close()
        self._leave()
        if not self.running:
            return
        try:
            logits = self._batch.advance([generation.made[-1] for generation in self.running])
        except Exception as error:  # noqa: BLE001 -- whatever it is, who asked is told
            self._end_running(error)
            return
        self._put(logits, self.running)
        self._leave()

    def _read(self, group: list[Generation]) -> None:
        try:
            if self._prefill is None:
                for generation in group:
                    generation.sampler = generation.sampler or sampler(self._model, generation)
                whole = [[*generation.prompt, *generation.made] for generation in group]
                self._prefill = Prefill(whole, self.device)
            self._batch.read(self._prefill)
        except Exception as error:  # noqa: BLE001
            self._groups.popleft()
            self._prefill = None
            if len(group) > 1:  # one of them is the cause, or all together are too much
                self._groups.extendleft([generation] for generation in reversed(group))
            else:
                self._drop(group, error)
            return
        if self._prefill.is_done:
            self._begin(self._groups.popleft(), self._prefill)

    def _drop(self, group: list[Generation], error: Exception | None) -> None:
        self._prefill = None
        for generation in group:
            generation.close(error)
            self.joining.remove(generation)

    def _begin(self, group: list[Generation], read: Prefill) -> None:
        self._prefill = None
        self.running += group
        self.joining = [generation for generation in self.joining if generation not in group]
        try:
            self._batch.merge(read)
        except Exception as error:  # noqa: BLE001
            self._end_running(error)
            return
        self._put(read.logits, group)
        self._leave()

    def growth(self, news: Sequence[Generation]) -> int:
        """Return the bytes of keys and values that are to be had anew."""
        return self._batch.growth([generation.length for generation in (*self.joining, *news)])

    @torch.inference_mode()
    def put_back(self) -> Generation:
        """Let the youngest go."""
        generation = self.running.pop()
        self._batch.keep(range(len(self.running)))
        return generation

    def fail(self, error: Exception) -> None:
        """End all, and begin anew."""
        for generation in self.joining:
            generation.close(error)
        self.joining, self._prefill = [], None
        self._groups.clear()
        self._end_running(error)

    def _put(self, logits: torch.Tensor, generations: Sequence[Generation]) -> None:
        likeliest = logits.argmax(-1).tolist()
        for row, generation in enumerate(generations):
            try:
                generation.put(likeliest[row] if generation.sampler is None else generation.choose(logits[row]))
            except Exception as error:  # noqa: BLE001 -- of its own settings, or its own logits
                generation.close(error)

    def _leave(self) -> None:
        staying = [row for row, generation in enumerate(self.running) if not generation.is_over]
        if len(staying) < len(self.running):
            self.running = [self.running[row] for row in staying]
            self._batch.keep(staying)

    def _end_running(self, error: Exception) -> None:
        for generation in self.running:
            generation.close(error)
        self.running = []
        self._batch.clear()


class SingleDecoder:
    """One answer after the other, by `model.generate`: for models whose rows are not exact together."""

    most_rows = 1

    def __init__(self, model: Any) -> None:
        self._model, self.device = model, model.device
        self.joining: list[Generation] = []
        self.running: list[Generation] = []
        self.progress = 0

    def join(self, news: Sequence[Generation]) -> None:
        """Take an answer in."""
        self.joining += news

    def step(self) -> None:
        """Make one answer, to its end."""
        if not self.joining:
            return
        generation = self.joining[0]
        try:
            self._generate(generation)
            generation.close()
        except Exception as error:  # noqa: BLE001 -- whatever it is, who asked is told
            generation.close(error)
        self.joining.remove(generation)

    def growth(self, news: Sequence[Generation]) -> int:
        """Return 0: one alone is not held back."""
        del news
        return 0

    def put_back(self) -> Generation:
        """Let the youngest go: there is never one."""
        return self.running.pop()

    def fail(self, error: Exception) -> None:
        """End all."""
        for generation in self.joining:
            generation.close(error)
        self.joining = []

    @torch.inference_mode()
    def _generate(self, generation: Generation) -> None:
        if generation.seed is not None:
            torch.manual_seed(generation.seed)
        tokens = torch.tensor([generation.prompt], device=self._model.device)
        follower = _Follower(self, generation)
        config = copy(generation.config)
        config.max_new_tokens = generation.limit
        self._model.generate(
            input_ids=tokens,
            attention_mask=torch.ones_like(tokens),
            generation_config=config,
            streamer=follower,
            stopping_criteria=StoppingCriteriaList([follower]),
        )


class _Follower(BaseStreamer, StoppingCriteria):
    """Hands on what `generate` makes, and stops it when nobody wants more."""

    def __init__(self, decoder: SingleDecoder, generation: Generation) -> None:
        self._decoder, self._generation = decoder, generation
        self._begun = False

    def put(self, value: torch.Tensor) -> None:
        """Take the prompt at first, then each token."""
        self._decoder.progress += 1
        if self._begun:
            for token in value.flatten().tolist():
                self._generation.put(token)
        self._begun = True

    def end(self) -> None:
        """There are no more; `join` says so."""

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        """Return for each row of `input_ids` [1, T] whether it is to end, [1]."""
        over = self._generation.is_over or self._generation.cancelled.is_set()
        return torch.full((input_ids.shape[0],), over, dtype=torch.bool, device=input_ids.device)
