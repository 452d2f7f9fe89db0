"""What a model answers itself: the likeliest words, many questions at once where that changes no answer.

Of shapes: B prompts in a batch, T tokens in the longest of them, N new tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from app.training import likelihood, token_batches
from app.training.likelihood import Tick
from app.training.rendering import Renderer
from app.training.token_batches import Budget

_PROVED = 4  # new tokens that have to be the same in a batch as alone
_NEAR = 1e-3  # how far the logits of two ways to the same token may be apart, of the greatest of them (float32)


@dataclass(frozen=True)
class Answer:
    """An answer without special tokens and surrounding white space; `ended`: by itself, and not at the limit."""

    text: str
    ended: bool


class Answerer:
    """One model that answers prompts greedily, at most `rows` of them at once."""

    def __init__(self, model: Any, renderer: Renderer, *, rows: int) -> None:
        self.model, self.renderer = model, renderer
        self.budget = Budget(rows, likelihood.vocabulary_of(model))

    def answers(self, prompts: Sequence[list[int]], *, max_new_tokens: int, tick: Tick) -> list[Answer]:
        """Return the answers in the prompts' order, each of at most `max_new_tokens` tokens."""
        stops = frozenset(self.renderer.stop_ids(self.model))
        found: dict[int, Answer] = {}
        for batch in self.batches(prompts, max_new_tokens):
            tick(len(batch))
            made = self._generate([prompts[row] for row in batch], max_new_tokens).sequences
            width = len(prompts[batch[0]])
            for row, ids in zip(batch, made[:, width:].tolist(), strict=True):
                end = next((at for at, token in enumerate(ids) if token in stops), None)
                text = str(self.renderer.tokenizer.decode(ids[:end], skip_special_tokens=True)).strip()
                found[row] = Answer(text, ended=end is not None)
        return [found[row] for row in range(len(prompts))]

    def batches(self, prompts: Sequence[list[int]], max_new_tokens: int) -> list[list[int]]:
        """Return which prompts are answered together: one by one where a batch would answer otherwise."""
        batches = token_batches.by_length(
            [(len(ids) + max_new_tokens, len(ids) + max_new_tokens - 1) for ids in prompts], self.budget
        )
        most_padded = max(batches, key=lambda rows: len(prompts[rows[0]]) - len(prompts[rows[-1]]), default=())
        if len(most_padded) > 1 and not self._same([prompts[most_padded[0]], prompts[most_padded[-1]]]):
            return [[row] for batch in batches for row in batch]
        return batches

    def _same(self, pair: Sequence[list[int]]) -> bool:
        """Tell whether the shorter of two prompts is answered alike beside the longer one, and alone."""
        alone, beside = self._generate(pair[1:], _PROVED), self._generate(pair, _PROVED)
        steps = zip(alone.logits, beside.logits, strict=False)
        return all(
            torch.allclose(one[0], both[1], rtol=0, atol=_NEAR * float(one[0].abs().max())) for one, both in steps
        )

    @torch.inference_mode()
    def _generate(self, prompts: Sequence[list[int]], max_new_tokens: int) -> Any:
        """Return transformers' output: sequences [B, T + N], prompts first, and the logits [B, V] of each new token.

        ids and mask are [B, T]; padding goes left, so that every prompt ends where its answer begins.
        """
        width, pad = max(map(len, prompts)), self.renderer.tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (width - len(tokens)) + tokens for tokens in prompts])
        mask = torch.tensor([[0] * (width - len(tokens)) + [1] * len(tokens) for tokens in prompts])
        config = likelihood.generation_config(
            self.model,
            self.renderer,
            max_new_tokens=max_new_tokens,
            do_sample=False,
            return_dict_in_generate=True,
            output_logits=max_new_tokens <= _PROVED,
        )
        device = self.model.device
        return self.model.generate(input_ids=ids.to(device), attention_mask=mask.to(device), generation_config=config)
