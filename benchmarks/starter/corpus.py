"""The starter's text: generated chats, without those that come close to a held-out row."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.starter.decontamination import held_out_runs, is_clean
from benchmarks.starter.grammar import Chat, Grammar

SAMPLE = Path(__file__).parents[2] / "app" / "samples" / "support_triage"
HELD_OUT = ("validation.jsonl", "test.jsonl", "test_indirect.jsonl")


def clean_chats(grammar: Grammar, seed: int) -> Iterator[Chat]:
    """An endless, seeded stream of chats whose message shares no run of words with a held-out row."""
    held_out = held_out_runs(SAMPLE / name for name in HELD_OUT)
    return (chat for chat in grammar.chats(seed) if is_clean(chat.user, held_out))
