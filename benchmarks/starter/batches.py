"""Cuts the stream of generated chats into batches of token ids of similar length."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from transformers import PreTrainedTokenizerFast

from benchmarks.starter.grammar import Chat

IGNORED = -100
POOLED_BATCHES = 8
DROPPED_MERGES = 0.1
POOLS_WITH_DROPPED_MERGES = 0.6


@dataclass(frozen=True)
class Batch:
    """Token ids, next-token targets (``IGNORED`` on padding), and which targets are the assistant's; each [rows, n]."""

    ids: torch.Tensor
    targets: torch.Tensor
    is_answer: torch.Tensor


def encode(tokenizer: PreTrainedTokenizerFast, chat: Chat) -> tuple[list[int], list[int]]:
    """The token ids of a chat up to the assistant's turn, and those of the assistant's answer with its end mark."""
    whole = tokenizer.apply_chat_template(chat.messages, tokenize=False)
    prompt = tokenizer.apply_chat_template(chat.messages[:-1], tokenize=False, add_generation_prompt=True)
    answer = whole[len(prompt) :]
    return (
        tokenizer(prompt, add_special_tokens=False)["input_ids"],
        tokenizer(answer, add_special_tokens=False)["input_ids"],
    )


def collate(encoded: list[tuple[list[int], list[int]]], pad: int) -> Batch:
    """Pad encoded chats to the longest of them and shift the targets by one."""
    longest = max(len(prompt) + len(answer) for prompt, answer in encoded)
    ids = torch.full((len(encoded), longest), pad)
    targets = torch.full((len(encoded), longest), IGNORED)
    is_answer = torch.zeros((len(encoded), longest), dtype=torch.bool)
    for row, (prompt, answer) in enumerate(encoded):
        tokens = torch.tensor(prompt + answer)
        ids[row, : len(tokens)] = tokens
        targets[row, : len(tokens)] = tokens
        is_answer[row, len(prompt) : len(tokens)] = True
    return Batch(ids[:, :-1], targets[:, 1:], is_answer[:, 1:])


def batches(
    chats: Iterator[Chat], tokenizer: PreTrainedTokenizerFast, size: int, rng: random.Random
) -> Iterator[Batch]:
    """An endless stream of batches.

    Rows of similar length share a batch, which saves padding. In most pools some of the tokenizer's merges are left out
    at random (BPE dropout, Provilkov et al. 2020), so that the model learns to read unusual splits of a word.
    """
    while True:
        merges = tokenizer.backend_tokenizer.model
        merges.dropout = DROPPED_MERGES if rng.random() < POOLS_WITH_DROPPED_MERGES else None
        pool = sorted(
            (encode(tokenizer, chat) for chat in islice(chats, size * POOLED_BATCHES)),
            key=lambda pair: len(pair[0]) + len(pair[1]),
        )
        merges.dropout = None
        cut = [pool[start : start + size] for start in range(0, len(pool), size)]
        rng.shuffle(cut)
        for encoded in cut:
            yield collate(encoded, tokenizer.pad_token_id)
