"""How likely a model finds given answers. Batches are padded where it cannot matter, and bounded by their memory.

Of shapes: B rows in a batch, T tokens in the longest of them, V entries of the vocabulary, A tokens of one answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from transformers import GenerationConfig

from app.training import token_batches
from app.training.rendering import Renderer
from app.training.token_batches import Budget

_CHUNK = 256  # positions whose softmax is made at once
Tick = Callable[[int], None]  # called before each batch with the number of its rows


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
    model: Any, sequences: Sequence[tuple[list[int], int]], *, pad: int, rows: int, tick: Tick
) -> list[Likelihood]:
    """Return the likelihood of each (tokens of the whole row, position of the answer's first token), in their order.

    At most `rows` rows are read at once. ids and mask are [B, T]. Padding goes right, where no token can see it. The
    logits at a position are about the token at the next one: what says how likely the answer's tokens `start` to
    `end - 1` are stands one position to the left, at `start - 1` to `end - 2`. So an answer begins at 1 at least.
    Logits are made from the first of those positions on: at all T they would take more memory than the training did,
    with long prompts and a wide vocabulary.
    """
    budget = Budget(rows, vocabulary_of(model))
    found: dict[int, Likelihood] = {}
    for batch in token_batches.by_length([(len(ids), start - 1) for ids, start in sequences], budget):
        tick(len(batch))
        width = len(sequences[batch[0]][0])
        ids = torch.full((len(batch), width), pad)
        mask = torch.zeros((len(batch), width), dtype=torch.long)
        for index, row in enumerate(batch):
            tokens = sequences[row][0]
            ids[index, : len(tokens)] = torch.tensor(tokens)
            mask[index, : len(tokens)] = 1
        begin = min(sequences[row][1] - 1 for row in batch)
        logits = _logits(model, ids.to(model.device), mask.to(model.device), begin)
        for index, row in enumerate(batch):
            tokens, start = sequences[row]
            found[row] = _of_row(logits[index, start - 1 - begin : len(tokens) - 1 - begin], tokens[start:])
        del logits  # before the next ones are made
    return [found[row] for row in range(len(sequences))]


def vocabulary_of(model: Any) -> int:
    """Return V: how many logits the model makes at a position."""
    return int(model.config.get_text_config().vocab_size)


def _logits(model: Any, ids: torch.Tensor, mask: torch.Tensor, begin: int) -> torch.Tensor:
    """Return the logits [B, T - 1 - begin, V] at the positions from `begin` on; the last one is about nothing."""
    own = model.get_base_model() if hasattr(model, "get_base_model") else model  # PEFT's hides the signature
    if "logits_to_keep" in signature(own.forward).parameters:
        positions = torch.arange(begin, ids.shape[1] - 1, device=ids.device)
        kept: torch.Tensor = model(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=positions).logits
        return kept
    whole: torch.Tensor = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    return whole[:, begin:-1]


def _of_row(logits: torch.Tensor, answer: list[int]) -> Likelihood:
    """Count one answer: logits [A, V], each about the token of `answer` (A of them) at its own place."""
    wanted = torch.tensor(answer, device=logits.device)
    nll, right = 0.0, 0
    for begin in range(0, len(answer), _CHUNK):
        part, at = logits[begin : begin + _CHUNK], wanted[begin : begin + _CHUNK]
        nll += float(torch.nn.functional.cross_entropy(part.float(), at, reduction="sum"))
        right += int((part.argmax(-1) == at).sum())
    return Likelihood(nll, len(answer), right)


def generation_config(model: Any, renderer: Renderer, **wanted: Any) -> GenerationConfig:
    """Return how to generate: as `wanted`, and with nothing of the sampling habits that a model's own config may bring.

    The ends are those that the rendering teaches and those that the model knows.
    """
    ends, pad = renderer.stop_ids(model), renderer.tokenizer.pad_token_id
    return GenerationConfig(eos_token_id=ends, pad_token_id=pad, use_cache=True, **wanted)
