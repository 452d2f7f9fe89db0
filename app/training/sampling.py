"""One answer in the making: what it goes on from, how it chooses its tokens, and when it ends."""

import threading
from collections.abc import Iterator, Sequence
from queue import SimpleQueue
from typing import Any

import torch
from transformers import GenerationConfig

# Tokens of so many seconds are handed on together. Without it each token of each answer wakes a thread, and sixteen
# of them take turns with the model's own for the interpreter: more CPU than a small model's arithmetic. Nobody reads
# faster, and a model that takes longer for a token hands each on as it is made.
_TOGETHER_S = 0.03


class Generation:
    """Tokens are put in by whoever makes them, and come out of the iterator, in another thread, while they are made.

    `config`'s `eos_token_id` are the ids that end it; `limit` is the most new tokens, at least 1. Whoever sets
    `cancelled` ends it after the token that is being made.
    """

    def __init__(
        self,
        prompt: Sequence[int],
        config: GenerationConfig,
        *,
        limit: int,
        seed: int | None = None,
        cancelled: threading.Event | None = None,
    ) -> None:
        self.prompt, self.config, self.limit, self.seed = list(prompt), config, limit, seed
        self.cancelled = cancelled or threading.Event()
        self.made: list[int] = []
        self._over = threading.Event()
        self.sampler: Sampler | None = None
        ends = config.eos_token_id
        self._ends = frozenset(ends if isinstance(ends, list) else () if ends is None else (ends,))
        self._coming: SimpleQueue[int | BaseException | None] = SimpleQueue()

    @property
    def length(self) -> int:
        """How many tokens there are, the prompt's included."""
        return len(self.prompt) + len(self.made)

    @property
    def is_over(self) -> bool:
        """Whether no more tokens come."""
        return self._over.is_set()

    @property
    def has_ended(self) -> bool:
        """Whether the last token is one that ends an answer."""
        return bool(self.made) and self.made[-1] in self._ends

    def put(self, token: int) -> None:
        """Add a token. It may be the last."""
        self.made.append(token)
        self._coming.put(token)
        if self.has_ended or len(self.made) >= self.limit:
            self.close()

    def close(self, error: BaseException | None = None) -> None:
        """Say that no more tokens come: because of `error`, if there is one, which the iterator raises."""
        if not self.is_over:
            self._coming.put(error)
            self._over.set()

    def choose(self, logits: torch.Tensor) -> int:
        """Return the next token by its logits [V]."""
        return int(logits.argmax()) if self.sampler is None else self.sampler.choose([*self.prompt, *self.made], logits)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the tokens that have come since the last ones: the first at once, the rest some hundredths apart."""
        token = self._coming.get()
        while isinstance(token, int):
            tokens = [token]
            while not self._coming.empty() and isinstance(token := self._coming.get(), int):
                tokens.append(token)
            yield tokens
            if isinstance(token, int):
                self._over.wait(_TOGETHER_S)
                token = self._coming.get()
        if token is not None:
            raise token


class Sampler:
    """How tokens are chosen where it is not simply the likeliest.

    The processors are those that `model.generate` makes of the same config, what the model's own one adds included;
    random numbers come from a generator of its own, so that an answer with a seed does not depend on its neighbours.
    """

    def __init__(self, processors: Any, device: torch.device, *, draws: bool, seed: int | None) -> None:
        self._processors, self._draws = processors, draws
        self._random = torch.Generator(device)
        if seed is None:
            self._random.seed()
        else:
            self._random.manual_seed(seed)

    def choose(self, ids: Sequence[int], logits: torch.Tensor) -> int:
        """Return the next token by its logits [V]; `ids` are all the tokens so far."""
        scores = logits.to(torch.float32, copy=True).unsqueeze(0)
        if self._processors:
            scores = self._processors(torch.tensor([ids], device=scores.device), scores)
        if not self._draws:
            return int(scores.argmax())
        return int(torch.multinomial(scores.softmax(-1), 1, generator=self._random))


def sampler(model: Any, generation: Generation) -> Sampler | None:
    """Return how an answer's tokens are chosen; None where the likeliest is taken as it is."""
    # Nothing public says what `generate` would do to the logits: a model's own config may punish repetitions, for one.
    config, _ = model._prepare_generation_config(generation.config)  # noqa: SLF001
    model._prepare_special_tokens(config, True, device=model.device)  # noqa: SLF001
    processors = model._get_logits_processor(  # noqa: SLF001
        config, input_ids_seq_length=len(generation.prompt), device=model.device, model_kwargs={}
    )
    if not processors and not config.do_sample:
        return None
    return Sampler(processors, model.device, draws=bool(config.do_sample), seed=generation.seed)
