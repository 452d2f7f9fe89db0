"""Rows as sequences, many at once: the same as `examples.each` gives one by one, for a fraction of the time.

A conversation's text comes from an outline where there is one, and a whole batch of texts goes to the tokenizer in one
call. Tokenizers cut a text at its added tokens before anything else, so behind the last of them in a prompt the tokens
are those of the rest alone: where a prompt ends in the whole text is known without encoding the prompt once more.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

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


@dataclass
class Encoder:
    """Encodes turns as `Renderer.encode` does."""

    renderer: Renderer
    ends: dict[str, tuple[list[int], tuple[tuple[int, ...], int]]] = field(default_factory=dict)
    rests: dict[str, tuple[int, int, list[int]] | None] = field(default_factory=dict)

    def encode(self, turns: Sequence[Turn]) -> list[Tokens]:
        """Return the turns' tokens."""
        if not turns or self._backend is None:
            return [self.renderer.encode(turn) for turn in turns]
        texts = [turn.prompt + turn.answer + turn.end for turn in turns]
        encoded = self._backend.encode_batch(texts, add_special_tokens=False)
        return [self._tokens(*each) for each in zip(turns, encoded, strict=True)]

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

    def _tokens(self, turn: Turn, encoding: Any) -> Tokens:
        tail = turn.prompt[-_TAIL:]
        if tail not in self.rests:
            self.rests[tail] = self._rest(tail)
        known = self.rests[tail]
        if known is None:
            return self.renderer.encode(turn)
        token, behind, rest = known
        at = len(turn.prompt) - behind
        begin = encoding.char_to_token(at - 1)
        ids = encoding.ids
        if begin is None or ids[begin] != token:
            return self.renderer.encode(turn)
        prompt = ids[: begin + 1] + rest
        if ids[begin + 1 : len(prompt)] != rest:
            return self.renderer.encode(turn)  # prompt and answer share a token
        if turn.end not in self.ends:
            self.ends[turn.end] = self.renderer.ending(turn.end)
        end, stops = self.ends[turn.end]
        answer = ids[len(prompt) :]
        if end and answer[-len(end) :] != end:
            return self.renderer.encode(turn)
        return Tokens(tuple(prompt), tuple(answer[: len(answer) - len(end)]), *stops)

    def _rest(self, tail: str) -> tuple[int, int, list[int]] | None:
        """Return the last added token in a prompt's end, how many characters follow it, and their tokens."""
        found = [
            (tail.rfind(token.content) + len(token.content), len(token.content), number)
            for number, token in self.renderer.tokenizer.added_tokens_decoder.items()
            if token.content in tail
        ]
        if not found:
            return None
        at, _, number = max(found)
        token = self.renderer.tokenizer.added_tokens_decoder[number].content
        ids = self._backend.encode(token + tail[at:], add_special_tokens=False).ids
        return (number, len(tail) - at, ids[1:]) if ids and ids[0] == number else None
