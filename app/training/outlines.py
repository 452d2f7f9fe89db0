"""A chat template's outline for one sequence of roles: rendered once, and filled in for all rows that it treats alike.

The template is run on stand-ins for the contents, which write down whatever it asks of them (whether `</think>` is in
one, say) and what came of it. Another row of the same roles for which all of that comes out alike takes the same way
through the template, so its text is the outline with its own contents. What cannot be followed is rendered.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from jinja2.exceptions import TemplateError
from transformers.utils import chat_template_utils

from app.training.rendering import PROBE, Message, Renderer, Turn

_MOST = 8  # outlines of one sequence of roles
_OPEN, _CLOSE = "\ue000", "\ue001"  # around a stand-in's number; a content that has them is rendered
# Filters that ask nothing of a text, or ask it by its own methods; all others end the following.
_FOLLOWED = frozenset({"trim", "default", "d", "first", "last", "list", "string", "selectattr", "rejectattr", "length"})
_ASKED = ("__contains__", "startswith", "endswith", "__eq__", "__ne__")
_CHANGED = ("strip", "lstrip", "rstrip")
Question = tuple[int, tuple[tuple[str, tuple[Any, ...]], ...], str, tuple[Any, ...], Any]


class _Lost(BaseException):
    """The template does with a content what cannot be followed. No `Exception`: templates' own tests catch those."""


class _Followed(str):
    """A text with stand-ins in it, of which nothing can be asked."""

    __slots__ = ()

    def __str__(self) -> str:
        return self

    def __add__(self, other: str) -> "_Followed":
        return _joined((self, other))

    def __radd__(self, other: str) -> "_Followed":
        return _joined((other, self))


def _lost(*_: Any, **__: Any) -> Any:
    raise _Lost


class _StandIn(_Followed):
    """One content, changed as the template has changed it; what is asked of it is written down."""

    number: int
    content: str
    changes: tuple[tuple[str, tuple[Any, ...]], ...]
    trace: "_Trace"

    def __bool__(self) -> bool:
        return bool(self._ask("__len__", (), bool(self.content)))

    def _ask(self, method: str, given: tuple[Any, ...], answer: Any) -> Any:
        if any(isinstance(each, _Followed) for each in given):
            raise _Lost
        self.trace.asked.append((self.number, self.changes, method, given, answer))
        return answer


@dataclass
class _Trace:
    """What was asked of stand-ins, and which change of which content each mark in the text is."""

    asked: list[Question] = field(default_factory=list)
    marks: list[tuple[int, tuple[tuple[str, tuple[Any, ...]], ...]]] = field(default_factory=list)

    def stand_in(self, number: int, content: str, changes: tuple[tuple[str, tuple[Any, ...]], ...] = ()) -> _StandIn:
        """Return a text that stands for a content, or for what a change has made of it."""
        if (number, changes) not in self.marks:
            self.marks.append((number, changes))
        made = _StandIn(f"{_OPEN}{self.marks.index((number, changes))}{_CLOSE}")
        made.number, made.content, made.changes, made.trace = number, content, changes, self
        return made


def _asking(name: str) -> Callable[..., Any]:
    def method(self: _StandIn, *given: Any) -> Any:
        return self._ask(name, given, getattr(self.content, name)(*given))

    return method


def _changing(name: str) -> Callable[..., _StandIn]:
    def method(self: _StandIn, *given: Any) -> _StandIn:
        if any(isinstance(each, _Followed) for each in given):
            raise _Lost
        changed = getattr(self.content, name)(*given)
        return self.trace.stand_in(self.number, changed, (*self.changes, (name, given)))

    return method


_KEPT = frozenset(dir(object)) - {"__eq__", "__ne__", "__hash__", "__lt__", "__le__", "__gt__", "__ge__", "__format__"}
for _name in set(dir(str)) - _KEPT - {"__add__"}:
    setattr(_Followed, _name, _lost)
for _name in _ASKED:
    setattr(_StandIn, _name, _asking(_name))
for _name in _CHANGED:
    setattr(_StandIn, _name, _changing(_name))


def _joined(parts: Iterable[str]) -> Any:
    kept = [str(each) for each in parts]
    text = "".join(kept)
    return _Followed(text) if any(isinstance(each, _Followed) for each in kept) else text


def _compiled(template: str) -> Any:
    """Return a template whose own joins of texts are followed; compiled anew, for the other one is shared."""
    made = chat_template_utils._cached_compile_jinja_template(template)  # noqa: SLF001 -- the environment is made there
    environment, names = made.environment, made.root_render_func.__globals__
    environment.concat = _joined
    names["str_join"] = names["markup_join"] = _joined
    for name in set(environment.filters) - _FOLLOWED:
        environment.filters[name] = _lost
    return made


@dataclass(frozen=True)
class Outline:
    """Prompt, answer and end with stand-ins; `asked` is what has to come out alike."""

    prompt: Sequence[Any]  # texts, and (number, changes)
    answer: Sequence[Any]
    end: str
    asked: Sequence[Question]

    def fits(self, contents: Sequence[str]) -> bool:
        """Tell whether the template takes the same way with these contents."""
        for number, changes, method, given, answer in self.asked:
            text = _changed(contents[number], changes)
            if (bool(text) if method == "__len__" else getattr(text, method)(*given)) != answer:
                return False
        return True

    def filled(self, contents: Sequence[str]) -> Turn:
        """Return the turn with these contents."""
        return Turn(_filled(self.prompt, contents), _filled(self.answer, contents), self.end)


def _changed(text: str, changes: Sequence[tuple[str, tuple[Any, ...]]]) -> str:
    for name, given in changes:
        text = getattr(text, name)(*given)
    return text


def _filled(pieces: Sequence[Any], contents: Sequence[str]) -> str:
    return "".join(each if isinstance(each, str) else _changed(contents[each[0]], each[1]) for each in pieces)


@dataclass
class Outlines:
    """The outlines of one renderer's template, by roles."""

    renderer: Renderer
    known: dict[tuple[str, ...], list[Outline]] = field(default_factory=dict)
    lost: dict[tuple[str, ...], int] = field(default_factory=dict)  # how often following failed
    template: Any = None

    def turn(self, messages: Sequence[Message]) -> Turn:
        """Return what the renderer's `turn` returns.

        Raises:
            TemplateRefused: as it does.
        """
        if any(len(each) != 2 or not isinstance(each.get("content"), str) for each in messages):  # noqa: PLR2004 -- role, content
            return self.renderer.turn(messages)
        roles = tuple([each["role"] for each in messages])
        contents = [each["content"] for each in messages]
        outlines = self.known.setdefault(roles, [])
        for outline in outlines:
            if outline.fits(contents):
                return outline.filled(contents)
        turn = self.renderer.turn(messages)
        if len(outlines) + self.lost.get(roles, 0) < _MOST:
            made = self._outline(messages, contents)
            # Whatever was not thought of: an outline counts if it gives what was rendered.
            if made is not None and made.fits(contents) and made.filled(contents) == turn:
                outlines.append(made)
            else:
                self.lost[roles] = self.lost.get(roles, 0) + 1
        return turn

    def _outline(self, messages: Sequence[Message], contents: Sequence[str]) -> Outline | None:
        if any(mark in each for each in contents for mark in (_OPEN, _CLOSE, PROBE)):
            return None
        trace = _Trace()
        stood = [{**each, "content": trace.stand_in(n, contents[n])} for n, each in enumerate(messages)]
        try:
            probed = self._written([*stood[:-1], {"role": "assistant", "content": PROBE}])
            whole = self._written(stood)
        except (_Lost, TemplateError, TypeError, ValueError, KeyError, AttributeError):
            return None
        before, _, after = probed.partition(PROBE)
        if probed.count(PROBE) != 1 or not whole.startswith(before) or not whole.endswith(after) or _OPEN in after:
            return None
        prompt, answer = _pieces(before, trace), _pieces(whole[len(before) : len(whole) - len(after)], trace)
        shown = {each[0] for each in (*prompt, *answer) if not isinstance(each, str) and _is_whole(each[1])}
        last = len(messages) - 1
        if any(n not in shown for n, each in enumerate(messages) if each["role"] != "assistant" or n == last):
            return None
        return Outline(prompt, answer, after, tuple(dict.fromkeys(trace.asked)))

    def _written(self, messages: Sequence[Message]) -> str:
        if self.template is None:
            self.template = _compiled(self.renderer.template)
        plain = self.renderer.fitted(messages)
        text = self.template.render(
            messages=[dict(each) for each in plain],
            tools=None,
            documents=None,
            add_generation_prompt=False,
            **self.renderer.tokenizer.special_tokens_map,
        )
        return str.__str__(text) + ""  # a plain text again


def _is_whole(changes: Sequence[tuple[str, tuple[Any, ...]]]) -> bool:
    """Tell whether changes take white space off and nothing else."""
    return all(each is None or not each.strip() for _, given in changes for each in given)


def _pieces(text: str, trace: "_Trace") -> list[Any]:
    """Return a text as what stands between the stand-ins, and these."""
    first, *parts = text.split(_OPEN)
    found: list[Any] = [first]
    for part in parts:
        mark, _, rest = part.partition(_CLOSE)
        found += [trace.marks[int(mark)], rest]
    return [each for each in found if each != ""]
