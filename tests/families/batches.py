"""What an evaluation reads and answers in batches, against one row at a time; and a digest of how rows are written.

Run by a runtime's interpreter: `python -m tests.families.batches FOLDER NAMES`. Prints a line of JSON for each
family, and one for the digest.
"""

import hashlib
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from app.domain.canonical import Shape
from app.training import examples
from app.training.answering import Answerer
from app.training.failures import ChildError
from app.training.identity import RENDERING_VERSION
from app.training.likelihood import likelihoods
from app.training.rendering import Renderer, TemplateRefused
from app.training.rows import Row
from tests.families import vocabulary
from tests.families.make import make, template
from tests.families.table import BY_NAME, FAMILIES

_ROWS, _NEW, _TOGETHER = 24, 12, 8
# Rows that hold what renderings differ in: a system message, an earlier answer, an end of white space, an empty answer.
_WRITTEN: tuple[list[dict[str, Any]], ...] = (
    [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "delivery"}],
    [
        {"role": "system", "content": "In capitals."}, {"role": "user", "content": "  Where?\n"},
        {"role": "assistant", "content": "HERE \n"}, {"role": "user", "content": "Thanks"},
        {"role": "assistant", "content": ""},
    ],
)  # fmt: skip


def rows(seed: int, vocabulary: int) -> list[tuple[list[int], int]]:
    """Return sequences of many lengths, each with the position of its answer."""
    chance = random.Random(seed)
    made = []
    for _ in range(_ROWS):
        given, answer = chance.randint(1, 120), chance.randint(1, 40)
        made.append(([chance.randrange(vocabulary) for _ in range(given + answer)], given))
    return made


def differences(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """Return how far batches are from single rows: the greatest relative difference, and the answers that differ."""
    sequences, pad = rows(0, len(tokenizer)), tokenizer.pad_token_id
    sizes: list[int] = []
    alone = likelihoods(model, sequences, pad=pad, rows=1, tick=lambda _: None)
    together = likelihoods(model, sequences, pad=pad, rows=_TOGETHER, tick=sizes.append)
    apart = max(abs(one.nll - other.nll) / one.nll for one, other in zip(alone, together, strict=True))
    assert [(each.tokens, each.right) for each in alone] == [(each.tokens, each.right) for each in together]
    prompts, renderer = [ids[:start] for ids, start in sequences], Renderer(tokenizer)
    answers = [
        Answerer(model, renderer, rows=at_once).answers(prompts, max_new_tokens=_NEW, tick=lambda _: None)
        for at_once in (1, _TOGETHER)
    ]
    batches = Answerer(model, renderer, rows=_TOGETHER).batches(prompts, _NEW)
    return {
        "apart": apart,
        "read": max(sizes),
        "answered": max(map(len, batches)),
        "others": sum(one != other for one, other in zip(*answers, strict=True)),
        "ended": sum(each.ended for each in answers[0]),
    }


def _learned(row: Row, renderer: Renderer) -> list[examples.Example]:
    try:
        return examples.sequences([row], renderer, answers_only=True)
    except ChildError:
        return []


def written(tokenizer: PreTrainedTokenizerBase) -> list[object]:
    """Return what the rendering makes of some rows."""
    renderer = Renderer(tokenizer)
    found: list[object] = []
    for turns in _WRITTEN:
        row = Row(1, Shape.MESSAGES, {"messages": turns})
        try:
            turn = renderer.turn(turns)
            ids = renderer.encode(turn).ids
            learned = [[each.ids, each.labels] for each in _learned(row, renderer)]
            found.append([turn.prompt, turn.answer, turn.end, ids, learned, renderer.prompt_ids(turns[:-1])])
        except TemplateRefused as error:
            found.append(str(error))
    texts = renderer.encode_text("Where is it?\n", " delivery")
    return [*found, texts.prompt, texts.answer, texts.end]


def own_tokenizers() -> list[PreTrainedTokenizerBase]:
    """Return the tokenizers whose chat template is of our own, which no release of a library changes.

    A unigram vocabulary is left out: training one gives another each time (tokenizers 0.23).
    """
    made = []
    for family in FAMILIES:
        if family.tokenizer == "unigram" or not isinstance(family.template, str):
            continue
        if not family.template.startswith("trl:"):
            words = vocabulary.tokenizer(family)
            words.chat_template = template(family.template)
            made.append(words)
    return made


def digest(tokenizers: Sequence[PreTrainedTokenizerBase]) -> str:
    """Return one hash of how all of them are written."""
    text = json.dumps([written(each) for each in tokenizers], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def main(folder: Path, names: Sequence[str]) -> None:
    """Print what was found."""
    torch.set_num_threads(1)
    for family in (BY_NAME[name] for name in names):
        where = make(family, folder / family.name)
        tokenizer = AutoTokenizer.from_pretrained(where)
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        model = AutoModelForCausalLM.from_pretrained(where, dtype=torch.float32).eval()
        sys.stdout.write(json.dumps({"family": family.name, **differences(model, tokenizer)}) + "\n")
    sys.stdout.write(json.dumps({"version": RENDERING_VERSION, "digest": digest(own_tokenizers())}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
