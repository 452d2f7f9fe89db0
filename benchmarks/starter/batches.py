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
CUT_CHATS = 0.6
CUTS_PER_LETTER = 0.04


@dataclass(frozen=True)
class Batch:
    """Token ids, next-token targets (``IGNORED`` on padding), and which targets are the assistant's; each [rows, n]."""

    ids: torch.Tensor
    targets: torch.Tensor
    is_answer: torch.Tensor


def pieces(text: str, rng: random.Random) -> list[str]:
    """The text, cut inside words at random places."""
    found, start = [], 0
    for installation in range(1, len(text)):
        if text[installation - 1].isalpha() and text[installation].isalpha() and rng.random() < CUTS_PER_LETTER:
            found.append(text[start:installation])
            start = installation
    return [*found, text[start:]]


def encode(tokenizer: PreTrainedTokenizerFast, chat: Chat, rng: random.Random) -> tuple[list[int], list[int]]:
    """The token ids of a chat up to the assistant's turn, and those of the assistant's answer with its end mark.

    In most chats some words of the message are cut before they become tokens, so that the model learns to read unusual
    splits of a word. That is the idea of BPE dropout (Provilkov et al. 2020), whose own form takes no seed.
    """
    whole = tokenizer.apply_chat_template(chat.messages, tokenize=False)
    prompt = tokenizer.apply_chat_template(chat.messages[:-1], tokenize=False, add_generation_prompt=True)
    parts = [prompt]
    if rng.random() < CUT_CHATS:
        at = prompt.index(chat.user, len(chat.system))
        parts = [prompt[:at], *pieces(chat.user, rng), prompt[at + len(chat.user) :]]
    encoded = tokenizer([*parts, whole[len(prompt) :]], add_special_tokens=False)["input_ids"]
    return [token for part in encoded[:-1] for token in part], encoded[-1]


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
    """An endless stream of batches; rows of similar length share one, which saves padding."""
    while True:
        pool = sorted(
            (encode(tokenizer, chat, rng) for chat in islice(chats, size * POOLED_BATCHES)),
            key=lambda pair: len(pair[0]) + len(pair[1]),
        )
        cut = [pool[start : start + size] for start in range(0, len(pool), size)]
        rng.shuffle(cut)
        for encoded in cut:
            yield collate(encoded, tokenizer.pad_token_id)
