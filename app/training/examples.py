"""Rows as the tokens that are trained: which are given, which are learned, and where an answer ends.

The trainer is handed tokens with labels, so that what is learned is decided here and nowhere else, and is the same
rendering that evaluation and serving ask with (`rendering`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset

from app.domain.canonical import Message, Shape
from app.training.failures import ChildError
from app.training.rendering import Renderer, TemplateRefused, Tokens
from app.training.rows import Row

_REPORTED_EVERY = 256  # rows
IGNORED = -100  # the label of a token that is not learned (torch's cross entropy)


@dataclass(frozen=True, slots=True)
class Example:
    """One sequence of a supervised training, of the row at `line`: `labels` has an id where `ids` is learned."""

    line: int
    ids: list[int]  # [T]
    labels: list[int]  # [T], IGNORED where a token is only shown

    def as_columns(self) -> dict[str, object]:
        """Return it under the names that TRL's `SFTTrainer` (1.16) takes as tokenized; `line` is left alone there."""
        return {"input_ids": self.ids, "labels": self.labels, "line": self.line}


@dataclass(frozen=True, slots=True)
class Pair:
    """One prompt with two answers, each with its end, of the row at `line`."""

    line: int
    prompt: list[int]
    chosen: list[int]
    rejected: list[int]

    def as_columns(self) -> dict[str, object]:
        """Return it under the names that TRL's `DataCollatorForPreference` (1.16) takes."""
        return {
            "prompt_ids": self.prompt,
            "chosen_ids": self.chosen,
            "rejected_ids": self.rejected,
            "line": self.line,
        }


def each(
    rows: Sequence[Row], renderer: Renderer, *, answers_only: bool, tell: Callable[[int], None] = lambda _: None
) -> Iterator[tuple[Row, Sequence[Example] | Sequence[Pair] | TemplateRefused]]:
    """Yield each row with its sequences, in order; a row that the template refuses with what it says.

    A row in which nothing is to be learned gives none. Where the template writes an earlier answer otherwise than as
    the last one (its thoughts are taken out, say), each learned answer becomes a sequence of its own: what is learned
    is always what will be asked for. `tell` is given how many rows are done, now and then.
    """
    for number, row in enumerate(rows):
        if number % _REPORTED_EVERY == 0:
            tell(number)
        try:
            yield row, list(_sequences(row, renderer, answers_only=answers_only))
        except TemplateRefused as error:
            yield row, error


def sequences(rows: Sequence[Row], renderer: Renderer, *, answers_only: bool) -> list[Any]:
    """Return the sequences of all rows: examples, or pairs where the rows have two answers.

    Raises:
        ChildError: the template refuses a row, with its line.
    """
    every: list[Any] = []
    for row, made in each(rows, renderer, answers_only=answers_only):
        if isinstance(made, TemplateRefused):
            raise refused(row.line, made) from made
        every += made
    return every


def _sequences(row: Row, renderer: Renderer, *, answers_only: bool) -> Iterator[Any]:
    match row.shape:
        case Shape.PREFERENCE:
            yield _pair(row, renderer)
        case Shape.MESSAGES:
            yield from _chat(row, renderer, answers_only=answers_only)
        case _:
            yield from _text(row, renderer, answers_only=answers_only)


def _pair(row: Row, renderer: Renderer) -> Pair:
    prompt, answers = row.value["prompt"], (row.value["chosen"], row.value["rejected"])
    sides = [_side(renderer, prompt, answer, row.value.get("tools")) for answer in answers]
    chosen, rejected = ([*side.answer, *side.end] for side in sides)
    return Pair(row.line, list(sides[0].prompt), chosen, rejected)


def columns(made: Sequence[Example] | Sequence[Pair]) -> Dataset:
    """Return them as a dataset under the names that TRL takes.

    Raises:
        ChildError: where there is none.
    """
    if not made:
        fix = "Give at least one answer the weight 1."
        raise ChildError("no_rows", "Every answer has the weight 0: nothing is left to learn.", fix)
    return Dataset.from_list([each.as_columns() for each in made])


def refused(line: int, error: TemplateRefused) -> ChildError:
    """Return the failure of a row that the chat template does not write."""
    return ChildError(
        "template_refused",
        f"Line {line}: the model's chat template does not take this conversation. It says: {error}",
        "Bring the row to the order of roles that the model was made for, or choose another model.",
    )


def _side(renderer: Renderer, prompt: str | list[Message], answer: str | list[Message], tools: Any) -> Tokens:
    if isinstance(prompt, str) and isinstance(answer, str):
        return renderer.encode_text(prompt, answer)
    turns = [*_as_turns(prompt, "user"), *_as_turns(answer, "assistant")]
    last = renderer.encode(renderer.turn(turns, tools=tools))
    if len(answer) <= 1 or isinstance(answer, str):
        return last
    # An answer of several turns begins where the prompt ends; all of it is compared.
    first = renderer.encode(renderer.turn(turns[: len(turns) - len(answer) + 1], tools=tools))
    between = last.ids[len(first.prompt) : len(last.ids) - len(last.end)]
    return Tokens(first.prompt, tuple(between), last.end, last.stop)


def _as_turns(part: str | list[Message], role: str) -> list[Message]:
    if isinstance(part, str):
        return [{"role": role, "content": part}] if part else []
    return list(part)


def _text(row: Row, renderer: Renderer, *, answers_only: bool) -> Iterator[Example]:
    if row.shape is Shape.TEXT:
        tokens = renderer.encode_text("", row.value["text"])
    else:
        tokens = renderer.encode_text(row.value["prompt"], row.value["completion"])
    shown = len(tokens.prompt) if answers_only and row.shape is not Shape.TEXT else 0
    yield Example(row.line, tokens.ids, [IGNORED] * shown + tokens.ids[shown:])


def answers(row: Row) -> list[int]:
    """Return the positions of the answers that a conversation is encoded for: none behind the last that is learned."""
    every = [n for n, turn in enumerate(row.value["messages"]) if turn["role"] == "assistant"]
    learned = [n for n in every if n not in row.ignored_turns]
    return [n for n in every if learned and n <= learned[-1]]


def _chat(row: Row, renderer: Renderer, *, answers_only: bool) -> Iterator[Example]:
    turns, tools = row.value["messages"], row.value.get("tools")
    asked = {n: renderer.encode(renderer.turn(turns[: n + 1], tools=tools)) for n in answers(row)}
    if asked:
        yield from labelled(row, asked, answers_only=answers_only)


def labelled(row: Row, asked: Mapping[int, Tokens], *, answers_only: bool) -> Iterator[Example]:
    """Yield a conversation's sequences, given the tokens of each of its answers by position."""
    learned = [n for n in asked if n not in row.ignored_turns]
    ids = asked[learned[-1]].ids
    before = {n: each for n, each in asked.items() if n != learned[-1]}
    if any(ids[: each.until_stop] != each.ids[: each.until_stop] for each in before.values()):
        for n in learned:
            own, shown = asked[n].ids, len(asked[n].prompt)
            yield Example(row.line, own, [IGNORED] * shown + own[shown:])
        return
    labels = [IGNORED] * len(ids) if answers_only else list(ids)
    for n, each in asked.items():
        begin, end = len(each.prompt), _same(ids, each.ids) if n in before else len(ids)
        labels[begin:end] = ids[begin:end] if n in learned else [IGNORED] * (end - begin)
    yield Example(row.line, ids, labels)


def _same(ours: Sequence[int], theirs: Sequence[int]) -> int:
    """Return how many tokens both begin with."""
    pairs = zip(ours, theirs, strict=False)
    return next((n for n, (one, other) in enumerate(pairs) if one != other), min(len(ours), len(theirs)))
