"""The first batch as the model sees it: its tokens as text, and which of them are learned from."""

from itertools import groupby
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from app.training.run_lock import BATCH, write_whole

_MOST_ROWS, _MOST_TOKENS = 8, 2048
_IGNORED = -100


def keep(run: Path, inputs: dict[str, Any], tokenizer: PreTrainedTokenizerBase) -> None:
    """Write down a batch of TRL's, padding left out.

    All of `inputs` are integers [B, T]. Of SFT: `input_ids`, `attention_mask` (1 for a token, 0 for padding) and
    `labels` (the token where it is learned, else -100). Of DPO, instead of labels, `completion_mask` (1 for the tokens
    of an answer); there the first B / 2 rows are the chosen answers and the others the rejected ones, in the same
    order, and are shown pair by pair.
    """
    ids, shown = inputs["input_ids"].tolist(), inputs["attention_mask"].tolist()
    pairs = "completion_mask" in inputs
    if pairs:
        learned = [[mark == 1 for mark in row] for row in inputs["completion_mask"].tolist()]
        labels = ["chosen", "rejected"]
        half = len(ids) // 2
        order = [(pair + half * side, labels[side]) for pair in range(half) for side in (0, 1)]
    else:
        learned = [[label != _IGNORED for label in row] for row in inputs["labels"].tolist()]
        order = [(position, "") for position in range(len(ids))]
    rows = [
        _row(ids[position], shown[position], learned[position], label, tokenizer)
        for position, label in order[:_MOST_ROWS]
    ]
    write_whole(run / BATCH, {"sequences": len(ids), "rows": rows})


def _row(
    ids: list[int], shown: list[int], learned: list[bool], label: str, tokenizer: PreTrainedTokenizerBase
) -> dict[str, Any]:
    """Return one row, its three lists [T], as runs of text that are learned or not; the counts are of all tokens."""
    seen = [(token, mark) for token, here, mark in zip(ids, shown, learned, strict=True) if here]
    pieces = [
        {"text": tokenizer.decode([token for token, _ in run]), "learned": mark}
        for mark, run in groupby(seen[:_MOST_TOKENS], key=lambda pair: pair[1])
    ]
    return {"label": label, "tokens": len(seen), "learned": sum(mark for _, mark in seen), "pieces": pieces}
