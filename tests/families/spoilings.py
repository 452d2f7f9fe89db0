"""A rendering spoiled on purpose, each way as a bug would, and what the self-check says of it.

Run by a runtime's interpreter: `python -m tests.families.spoilings`. Prints a line for each spoiling and template.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from trl.trainer.dpo_trainer import DataCollatorForPreference
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from app.domain.canonical import Shape
from app.training import examples, self_check
from app.training.examples import IGNORED, Example, Pair
from app.training.failures import ChildError
from app.training.rendering import Renderer, TemplateRefused
from app.training.rows import Row
from tests.families.templates import TEMPLATES, of_bytes

CHATML = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
HEADERS = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
TEMPLATE = {"qwen2_5": CHATML, "qwen3": CHATML, "llama3": HEADERS}

TURNS = [
    {"role": "system", "content": "Name the queue."},
    {"role": "user", "content": "The parcel is late"},
    {"role": "assistant", "content": "delivery"},
    {"role": "user", "content": "And the invoice?"},
    {"role": "assistant", "content": "billing"},
]
WHOLE = Row(4, Shape.MESSAGES, {"messages": TURNS})
SHOWN = replace(WHOLE, ignored_turns=(2,))
TEXT = Row(5, Shape.PROMPT, {"prompt": "Queue of a late parcel:", "completion": " delivery"})
PAIR = Row(6, Shape.PREFERENCE, {"prompt": TURNS[:2], "chosen": TURNS[2:3], "rejected": TURNS[4:]})

Made = list[Example] | list[Pair]
Spoil = Callable[[list[Any], Renderer], list[Any]]


def made(row: Row, renderer: Renderer) -> list[Any]:
    """What the product makes of a row."""
    ((_, sequences),) = examples.each([row], renderer, answers_only=True)
    assert not isinstance(sequences, TemplateRefused), sequences
    return list(sequences)


def said(row: Row, sequences: Made, renderer: Renderer) -> str:
    """What the self-check says of sequences, handed over by TRL's own collator; empty where it finds nothing."""
    pad = renderer.tokenizer.pad_token_id
    make = DataCollatorForPreference if row.shape is Shape.PREFERENCE else DataCollatorForLanguageModeling
    trainer = SimpleNamespace(
        processing_class=renderer.tokenizer,
        train_dataset=examples.columns(sequences),
        data_collator=make(pad_token_id=pad),
        args=SimpleNamespace(max_length=512),
    )
    try:
        self_check.check(trainer, [row], answers_only=True)
    except ChildError as error:
        return str(error)
    return ""


def _labels(change: Callable[[list[int], list[int]], list[int]]) -> Spoil:
    return lambda found, _: [replace(each, labels=change(each.ids, each.labels)) for each in found]


def _of(row: Row) -> Spoil:
    """The sequences of another row, under this one's line."""
    return lambda found, renderer: [replace(each, line=found[0].line) for each in made(row, renderer)]


def _without_special(special: frozenset[int]) -> Spoil:
    return _labels(lambda ids, labels: [IGNORED if ids[n] in special else each for n, each in enumerate(labels)])


def _doubled(found: list[Any], _: Renderer) -> list[Any]:
    return [
        replace(each, ids=[*each.ids, *answer], labels=[*each.labels, *answer])
        for each in found
        for answer in [each.ids[_last_run(each.labels) :]]
    ]


def _last_run(labels: list[int]) -> int:
    return max(n for n, label in enumerate(labels) if label != IGNORED and labels[n - 1] == IGNORED)


SPOILINGS: Mapping[str, tuple[Row, Spoil]] = {
    "the end is not learned": (WHOLE, lambda found, renderer: _without_special(_special(renderer))(found, renderer)),
    "a turn is learned twice": (WHOLE, _doubled),
    "the mask is moved by one": (WHOLE, _labels(lambda _, labels: [IGNORED, *labels[:-1]])),
    "the mask begins one early": (
        WHOLE,
        _labels(
            lambda ids, labels: [
                ids[n] if n + 1 < len(ids) and labels[n + 1] != IGNORED else each for n, each in enumerate(labels)
            ]
        ),
    ),
    "the system message is lost": (WHOLE, _of(replace(WHOLE, value={"messages": TURNS[1:]}))),
    "an earlier turn is lost": (WHOLE, _of(replace(WHOLE, value={"messages": [TURNS[0], *TURNS[3:]]}))),
    "a question is changed": (
        WHOLE,
        _of(replace(WHOLE, value={"messages": [*TURNS[:3], {**TURNS[3], "content": "And the bill?"}, TURNS[4]]})),
    ),
    "weight 0 is learned": (SHOWN, _of(WHOLE)),
    "everything is learned": (WHOLE, _labels(lambda ids, _: list(ids))),
    "nothing is learned": (WHOLE, _labels(lambda ids, _: [IGNORED] * len(ids))),
    "an answer is cut": (
        WHOLE,
        lambda found, _: [replace(each, ids=each.ids[:-3], labels=each.labels[:-3]) for each in found],
    ),
    "the beginning stands twice": (
        WHOLE,
        lambda found, _: [
            replace(each, ids=[each.ids[0], *each.ids], labels=[IGNORED, *each.labels]) for each in found
        ],
    ),
    "a text loses its end": (
        TEXT,
        lambda found, _: [replace(each, ids=each.ids[:-1], labels=each.labels[:-1]) for each in found],
    ),
    "a prompt is learned": (TEXT, _labels(lambda ids, _: list(ids))),
    "chosen and rejected change places": (
        PAIR,
        lambda found, _: [replace(each, chosen=each.rejected, rejected=each.chosen) for each in found],
    ),
    "a pair's prompt stands twice": (
        PAIR,
        lambda found, _: [replace(each, chosen=[*each.prompt, *each.chosen]) for each in found],
    ),
}


def _special(renderer: Renderer) -> frozenset[int]:
    return frozenset(n for n, token in renderer.tokenizer.added_tokens_decoder.items() if token.special)


def main() -> None:
    """Say what the self-check says, a line each."""
    for name, special in TEMPLATE.items():
        template = (TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8")
        renderer = Renderer(of_bytes(["<pad>", "<s>", "</s>", *special], template))
        for row in (WHOLE, SHOWN, TEXT, PAIR):
            print(f"{name}: sound {row.shape}: {said(row, made(row, renderer), renderer) or 'taken'}", flush=True)  # noqa: T201
        for spoiling, (row, spoil) in SPOILINGS.items():
            found = said(row, spoil(made(row, renderer), renderer), renderer)
            print(f"{name}: {spoiling}: {found or 'MISSED'}", flush=True)  # noqa: T201 -- the result


if __name__ == "__main__":
    main()
