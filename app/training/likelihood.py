"""How likely a model finds given answers, and what it answers itself. Greedy; batches padded where it cannot matter.

Of shapes: B rows in a batch, T tokens in the longest of them, V entries of the vocabulary, A tokens of one answer.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from transformers import GenerationConfig

from app.training.rendering import Renderer


@dataclass(frozen=True)
class Likelihood:
    """Of one answer: its negative log likelihood in nats, summed over its tokens; how many these are; and how many of
    them were the model's first choice.
    """

    nll: float
    tokens: int
    right: int


@torch.inference_mode()
def likelihoods(
    model: Any, sequences: Sequence[tuple[list[int], int]], *, pad: int, batch_size: int, tick: Callable[[], None]
) -> list[Likelihood]:
    """Return the likelihood of each (tokens of the whole row, position of the answer's first token), in their order.

    ids and mask are [B, T]. Padding goes right, where no token can see it. The logits at a position are about the token
    at the next one: what says how likely the answer's tokens `start` to `end - 1` are stands one position to the left,
    at `start - 1` to `end - 2`. So an answer begins at 1 at the earliest. Logits are made at those positions alone: at
    all T they would take more memory than the training did, with long prompts and a wide vocabulary.
    """
    found: list[Likelihood] = []
    for batch in _batches(sequences, batch_size):
        tick()
        width = max(len(ids) for ids, _ in batch)
        ids = torch.full((len(batch), width), pad)
        mask = torch.zeros((len(batch), width), dtype=torch.long)
        for index, (tokens, _) in enumerate(batch):
            ids[index, : len(tokens)] = torch.tensor(tokens)
            mask[index, : len(tokens)] = 1
        needed = sorted({at for tokens, start in batch for at in range(start - 1, len(tokens) - 1)})
        logits = _logits(model, ids.to(model.device), mask.to(model.device), needed)
        for index, (tokens, start) in enumerate(batch):
            first = bisect_left(needed, start - 1)
            found.append(_of_row(logits[index, first : first + len(tokens) - start], tokens[start:]))
    return found


def _logits(model: Any, ids: torch.Tensor, mask: torch.Tensor, needed: Sequence[int]) -> torch.Tensor:
    """Return the logits [B, len(needed), V] at some positions, the same in all rows."""
    own = model.get_base_model() if hasattr(model, "get_base_model") else model  # PEFT's hides the signature
    positions = torch.tensor(needed, device=ids.device)
    if "logits_to_keep" in signature(own.forward).parameters:
        kept: torch.Tensor = model(input_ids=ids, attention_mask=mask, logits_to_keep=positions).logits
        return kept
    whole: torch.Tensor = model(input_ids=ids, attention_mask=mask).logits
    return whole[:, positions]


def _of_row(logits: torch.Tensor, answer: list[int]) -> Likelihood:
    """Count one answer: logits [A, V], each about the token of `answer` (A of them) at its own place."""
    wanted = torch.tensor(answer, device=logits.device)
    nll = torch.nn.functional.cross_entropy(logits.float(), wanted, reduction="sum")
    return Likelihood(float(nll), len(answer), int((logits.argmax(-1) == wanted).sum()))


@torch.inference_mode()
def greedy_answers(
    model: Any,
    renderer: Renderer,
    prompts: Sequence[list[int]],
    *,
    max_new_tokens: int,
    batch_size: int,
    tick: Callable[[], None],
) -> list[str]:
    """Return the model's answers, special tokens and surrounding white space removed.

    ids and mask are [B, T]; padding goes left, so that every prompt ends where its answer begins. What comes back is
    [B, T + new tokens], the prompts first.
    """
    answers: list[str] = []
    tokenizer = renderer.tokenizer
    config = generation_config(model, renderer, max_new_tokens=max_new_tokens, do_sample=False)
    for batch in _batches(prompts, batch_size):
        tick()
        width = max(len(ids) for ids in batch)
        ids = torch.tensor([[tokenizer.pad_token_id] * (width - len(tokens)) + tokens for tokens in batch])
        mask = torch.tensor([[0] * (width - len(tokens)) + [1] * len(tokens) for tokens in batch])
        made = model.generate(
            input_ids=ids.to(model.device), attention_mask=mask.to(model.device), generation_config=config
        )
        answers += [text.strip() for text in tokenizer.batch_decode(made[:, width:], skip_special_tokens=True)]
    return answers


def generation_config(model: Any, renderer: Renderer, **wanted: Any) -> GenerationConfig:
    """Return how to generate: as `wanted`, and with nothing of the sampling habits that a model's own config may bring.

    The ends are those that the rendering teaches and those that the model knows.
    """
    ends, pad = renderer.stop_ids(model), renderer.tokenizer.pad_token_id
    return GenerationConfig(eos_token_id=ends, pad_token_id=pad, use_cache=True, **wanted)


def _batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]
