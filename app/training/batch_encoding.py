"""Rows as sequences, many at once: the same as `examples.each` gives one by one, for a fraction of the time.

A conversation's text comes from an outline where there is one, and a whole batch of texts goes to the tokenizer in one
call. Tokenizers cut a text at its added tokens before anything else, so behind the last of them in a prompt the tokens
are those of the rest alone: where a prompt ends in the whole text is known without encoding the prompt once more.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from app.domain.canonical import Shape
from app.training import examples, handing_out
from app.training.examples import Example, Pair
from app.training.outlines import Outlines
from app.training.rendering import Renderer, TemplateRefused, Tokens, Turn
from app.training.rows import Row

_ROWS = 256  # at once
_TAIL = 24  # characters at a prompt's end, in which its last mark stands


def each(
    rows: Sequence[Row], renderer: Renderer, *, answers_only: bool, tell: Callable[[int], None] = lambda _: None
) -> Iterator[tuple[Row, Sequence[Example] | Sequence[Pair] | TemplateRefused]]:
    """Yield what `examples.each` yields; `tell` is given how many rows are done, now and then."""
    outlines, encoder = Outlines(renderer), Encoder(renderer)
    for begin in range(0, len(rows), _ROWS):
        tell(begin)
        batch = rows[begin : begin + _ROWS]
        plain = [row for row in batch if row.shape is Shape.MESSAGES and not row.value.get("tools")]
        turns: dict[int, dict[int, Turn] | TemplateRefused] = {id(row): _turns(row, outlines) for row in plain}
        flat = [turn for made in turns.values() if isinstance(made, dict) for turn in made.values()]
        tokens = iter(encoder.encode(flat))
        for row in batch:
            made = turns.get(id(row))
            if made is None:
                yield from examples.each([row], renderer, answers_only=answers_only)
            elif isinstance(made, TemplateRefused):
                yield row, made
            else:
                asked = {n: next(tokens) for n in made}
                yield row, list(examples.labelled(row, asked, answers_only=answers_only)) if asked else []


def _turns(row: Row, outlines: Outlines) -> dict[int, Turn] | TemplateRefused:
    try:
        return {n: outlines.turn(row.value["messages"][: n + 1]) for n in examples.answers(row)}
    except TemplateRefused as error:
        return error


class _Mark(NamedTuple):
    """The last added token of a prompt, what follows it, and whether no other added token can share a character."""

    text: str
    number: int
    behind: int  # characters after it
    rest: list[int]  # their tokens
    alone: bool


@dataclass
class Encoder:
    """Encodes turns as `Renderer.encode` does."""

    renderer: Renderer
    ends: dict[str, tuple[list[int], tuple[tuple[int, ...], int]]] = field(default_factory=dict)
    marks: dict[str, _Mark | None] = field(default_factory=dict)

    def encode(self, turns: Sequence[Turn]) -> list[Tokens]:
        """Return the turns' tokens."""
        backend = self._backend
        if not turns or backend is None:
            return [self.renderer.encode(turn) for turn in turns]
        marks = [self._mark(turn.prompt[-_TAIL:]) for turn in turns]
        texts = [turn.prompt + turn.answer + turn.end for turn in turns]
        # Where tokens can be counted nobody needs to know at which character each begins, which takes a sixth longer.
        counted = all(mark is None or mark.alone for mark in self.marks.values())
        encoded = (backend.encode_batch_fast if counted else backend.encode_batch)(texts, add_special_tokens=False)
        made = []
        for turn, text, mark, encoding in zip(turns, texts, marks, encoded, strict=True):
            tokens = None
            if mark is not None:
                at = len(turn.prompt) - mark.behind - 1
                begin = _position(encoding.ids, mark, turn.prompt, text) if counted else encoding.char_to_token(at)
                tokens = None if begin is None else self._tokens(turn, encoding.ids, begin, mark)
            made.append(tokens or self.renderer.encode(turn))
        return made

    @cached_property
    def _backend(self) -> Any:
        """The fast tokenizer, where its added tokens cut a text and take nothing with them; else None."""
        tokenizer = self.renderer.tokenizer
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None or getattr(tokenizer, "split_special_tokens", False):
            return None
        handing_out.settle(tokenizer)
        added = tokenizer.added_tokens_decoder.values()
        return None if any(token.lstrip or token.rstrip or token.single_word for token in added) else backend

    def _tokens(self, turn: Turn, ids: list[int], begin: int, mark: _Mark) -> Tokens | None:
        """Return the tokens of a turn whose prompt's last added token stands at `begin`; None where they overlap."""
        split = begin + 1 + len(mark.rest)
        if ids[begin] != mark.number or ids[begin + 1 : split] != mark.rest:
            return None  # prompt and answer share a token
        if turn.end not in self.ends:
            self.ends[turn.end] = self.renderer.ending(turn.end)
        end, stops = self.ends[turn.end]
        until = len(ids) - len(end)
        if until < split or ids[until:] != end:
            return None
        return Tokens(tuple(ids[:split]), tuple(ids[split:until]), *stops)

    def _mark(self, tail: str) -> _Mark | None:
        if tail not in self.marks:
            self.marks[tail] = self._made(tail)
        return self.marks[tail]

    def _made(self, tail: str) -> _Mark | None:
        """Return the last added token in a prompt's end; None where there is none."""
        added = self.renderer.tokenizer.added_tokens_decoder
        found = [
            (tail.rfind(token.content) + len(token.content), len(token.content), number)
            for number, token in added.items()
            if token.content in tail
        ]
        if not found:
            return None
        at, _, number = max(found)
        text = added[number].content
        ids = self._backend.encode(text + tail[at:], add_special_tokens=False).ids
        if not ids or ids[0] != number:
            return None
        alone = not any(_overlap(text, token.content) for other, token in added.items() if other != number)
        return _Mark(text, number, len(tail) - at, ids[1:], alone and not added[number].normalized)


def _overlap(one: str, other: str) -> bool:
    """Tell whether two texts can share a character somewhere in a third."""
    if one in other or other in one:
        return True
    shorter = min(len(one), len(other))
    return any(one[-n:] == other[:n] or other[-n:] == one[:n] for n in range(1, shorter))


def _position(ids: list[int], mark: _Mark, prompt: str, text: str) -> int | None:
    """Return where the last of a prompt's added tokens is, counted; None where a model's own tokens are among them.

    Added tokens are cut out of a text from the left, so that the tokens are as many as the texts and in their order.
    """
    if ids.count(mark.number) != text.count(mark.text):
        return None
    at = -1
    for _ in range(prompt.count(mark.text)):
        at = ids.index(mark.number, at + 1)
    return at
