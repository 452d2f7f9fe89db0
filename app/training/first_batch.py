"""The first batch as the model sees it: its tokens as text, and which of them are learned from."""

from itertools import groupby
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from app.training.run_lock import BATCH, write_whole

_MOST_ROWS, _MOST_TOKENS = 8, 2048
_IGNORED = -100


def keep(run: Path, inputs: dict[str, Any], tokenizer: PreTrainedTokenizerBase) -> None:
    """Write down a batch of TRL's, padding left out: of SFT with its labels, of DPO first chosen, then rejected."""
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
    seen = [(token, mark) for token, here, mark in zip(ids, shown, learned, strict=True) if here]
    pieces = [
        {"text": tokenizer.decode([token for token, _ in run]), "learned": mark}
        for mark, run in groupby(seen[:_MOST_TOKENS], key=lambda pair: pair[1])
    ]
    return {"label": label, "tokens": len(seen), "learned": sum(mark for _, mark in seen), "pieces": pieces}
