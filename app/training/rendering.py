"""One rendering: messages and a chat template become prompt, answer and end, the same wherever a model is met.

Training, first batch, samples, evaluation and serving ask here, so that what is taught is what is asked. What a
template writes around an answer (end marks, empty think blocks, line breaks) is found by rendering a probe in its
stead: what stands before the probe belongs to the prompt, what stands after it to the end, and neither is ever part of
an answer that is judged or shown.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jinja2.exceptions import TemplateError
from transformers import PreTrainedTokenizerBase

Message = Mapping[str, Any]
PROBE = "Qx7vProbe"  # letters and a digit only: no template trims, escapes or lowers what has no blank
_ROLE_OF = {"developer": "system"}  # OpenAI's newer name of the same role, which few templates know


class TemplateRefused(Exception):
    """The chat template does not write these messages; the text is its own."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer in its conversation, as text: `prompt + answer + end` is what the template writes up to its end."""

    prompt: str
    answer: str
    end: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """The same as token ids: `prompt` is given to the model, `answer` and `end` are learned.

    `stop` is the number of tokens of the end up to and with the one at which generation stops.
    """

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    end: tuple[int, ...]
    stop: int

    @property
    def until_stop(self) -> int:
        """How many of `ids` there are up to and with the one that stops."""
        return len(self.prompt) + len(self.answer) + self.stop

    @property
    def ids(self) -> list[int]:
        """All of it, in order."""
        return [*self.prompt, *self.answer, *self.end]


class Renderer:
    """Renders with one tokenizer and its chat template."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer

    @property
    def template(self) -> str:
        """The chat template that is used where nobody names one; "" where there is none."""
        own = self.tokenizer.chat_template
        return str(own.get("default", "")) if isinstance(own, dict) else own or ""

    def turn(self, messages: Sequence[Message], *, tools: Sequence[Mapping[str, Any]] | None = None) -> Turn:
        """Return the last message, an assistant's, as the answer to those before it.

        Raises:
            TemplateRefused: the template does not take these messages, or loses the answer.
        """
        before, after = self._around(messages[:-1], tools)
        whole = self._write(messages, tools)
        content = messages[-1].get("content")
        if not whole.startswith(before) and messages[-1].get("tool_calls"):
            raise TemplateRefused(
                "The chat template opens calls of tools otherwise than answers: one opening has to do."
            )
        if not whole.startswith(before):  # the answer changes what stands before it, as one with its own thoughts does
            before = self._write(messages[:-1], tools, opened=True)
            if not whole.startswith(before):
                raise TemplateRefused(
                    "The chat template writes the messages before an answer otherwise than without it."
                )
        if not whole.endswith(after):
            after = ""
        answer = whole[len(before) : len(whole) - len(after)]
        if isinstance(content, str) and content.strip() and content.strip() not in answer and "</think>" not in content:
            raise TemplateRefused("The chat template leaves the answer out.")
        return Turn(before, answer, after)

    def fitted(self, messages: Sequence[Message]) -> list[Message]:
        """Return messages as this template wants them: roles that it knows, contents in parts, arguments as objects."""
        return [self._fitted(each) for each in messages]

    def prompt(self, messages: Sequence[Message], *, tools: Sequence[Mapping[str, Any]] | None = None) -> str:
        """Return the text after which the model is to answer these messages.

        Raises:
            TemplateRefused: the template does not take these messages.
        """
        return self._around(messages, tools)[0]

    def prompt_ids(self, messages: Sequence[Message], *, tools: Sequence[Mapping[str, Any]] | None = None) -> list[int]:
        """Return the tokens of `prompt`, which are those that training was given.

        Raises:
            TemplateRefused: the template does not take these messages.
        """
        return self._ids(self.prompt(messages, tools=tools))

    def text_ids(self, text: str) -> list[int]:
        """Return the tokens of a text that is to be completed, without a template."""
        return list(self.encode_text(text, "").prompt)

    def encode(self, turn: Turn) -> Tokens:
        """Return a turn's tokens. The prompt's are those of the prompt alone: a server knows no answer.

        Where prompt and answer would share a token, the answer's tokens are those that follow a token boundary.
        """
        prompt = self._ids(turn.prompt)
        whole = self._ids(turn.prompt + turn.answer + turn.end)
        answer = whole[len(prompt) :] if whole[: len(prompt)] == prompt else self._continued(turn.answer + turn.end)
        tail, ending = self.ending(turn.end)
        if tail and answer[-len(tail) :] == tail:
            answer = answer[: -len(tail)]
        elif tail:
            answer = self._continued(turn.answer)
        return Tokens(tuple(prompt), tuple(answer), *ending)

    def ending(self, end: str) -> tuple[list[int], tuple[tuple[int, ...], int]]:
        """Return an end's tokens as they stand in a text, and as they are taught, with how many until it stops."""
        return self._continued(end) if end else [], self._end(end)

    def encode_text(self, prompt: str, answer: str) -> Tokens:
        """Return two texts as tokens, without a template: what the tokenizer begins with, and its end, are added."""
        given = [*self._opening, *self._ids(prompt)]
        eos = self.tokenizer.eos_token
        written = answer.removesuffix(eos) if eos else answer
        whole = [*self._opening, *self._ids(prompt + written)]
        rest = whole[len(given) :] if whole[: len(given)] == given else self._continued(written)
        return Tokens(
            tuple(given), tuple(rest), () if eos is None else (self.tokenizer.eos_token_id,), int(eos is not None)
        )

    def _end(self, end: str) -> tuple[tuple[int, ...], int]:
        """Return the tokens that end an answer, and how many there are up to and with the one that stops.

        The first special token stops: a template may end turns with another token than the one that the tokenizer
        calls its end. Where it writes none at all, the tokenizer's end is added.
        """
        ids = self._continued(end) if end else []
        stops = {self.tokenizer.eos_token_id, *self.tokenizer.all_special_ids, *self._marked}
        if (index := next((n for n, each in enumerate(ids) if each in stops), None)) is not None:
            return tuple(ids), index + 1
        eos = self.tokenizer.eos_token_id
        return (*ids, *([] if eos is None else [eos])), len(ids) + (eos is not None)

    def servable_template(self) -> str:
        """Return the chat template, changed where its own opening of an answer is not what answers were taught after.

        Hybrid templates open with less than they write before an answer (an empty think block follows), thinking ones
        with more (a think block that is never closed). Whoever loads the saved folder asks with `add_generation_prompt`
        alone, so the opening that was taught has to be the template's.
        """
        template = self.template
        asked = ({"role": "user", "content": "?"},)
        taught, opened = self._around(asked, None)[0], self._write(asked, None, opened=True)
        same = _same(taught, opened)
        more, less = taught[same:], opened[same:]
        if not more and not less:
            return template
        end = f"written[:-{len(less)}]" if less else "written"
        fitting = f"add_generation_prompt and written.endswith({_literal(less)})" if less else "add_generation_prompt"
        return (
            f"{{% set written %}}{template}{{% endset %}}"
            f"{{% if {fitting} %}}{{{{ {end} ~ {_literal(more)} }}}}{{% else %}}{{{{ written }}}}{{% endif %}}"
        )

    @cached_property
    def taught_end(self) -> int | None:
        """The id that ends an answer in this template; None where nothing ends one."""
        after = self._around(({"role": "user", "content": "?"},), None)[1]
        ids, stop = self._end(after)
        return ids[stop - 1] if stop else None

    def stop_ids(self, model: Any) -> list[int]:
        """Return the ids at which `model` is to stop: the template's end where there is one, and those it knows."""
        own = model.generation_config.eos_token_id
        known = [*(own if isinstance(own, list) else [own]), self.tokenizer.eos_token_id]
        taught = self.taught_end if self.template else None
        return sorted({each for each in (taught, *known) if each is not None})

    @cached_property
    def _opening(self) -> tuple[int, ...]:
        """What the tokenizer itself puts before a text: the beginning of text, with some models."""
        bare = set(self.tokenizer("")["input_ids"])
        return tuple(each for each in self.tokenizer("?")["input_ids"][:1] if each in bare)

    @cached_property
    def _marked(self) -> frozenset[int]:
        return frozenset(
            index for index, token in self.tokenizer.added_tokens_decoder.items() if getattr(token, "special", False)
        )

    @cached_property
    def _in_parts(self) -> bool:
        """Whether the template wants a content as a list of parts, as those of models with pictures do."""
        messages = [{"role": "user", "content": f"{PROBE}U"}, {"role": "assistant", "content": f"{PROBE}A"}]
        for in_parts in (False, True):
            try:
                text = self._apply([_as_parts(each) if in_parts else each for each in messages], None, opened=False)
            except TemplateRefused:
                continue
            if f"{PROBE}U" in text and f"{PROBE}A" in text:
                return in_parts
        return False

    @cached_property
    def _knows_developer(self) -> bool:
        try:
            return PROBE in self._apply(
                [{"role": "developer", "content": PROBE}, {"role": "user", "content": "?"}], None, opened=True
            )
        except TemplateRefused:
            return False

    def _around(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None) -> tuple[str, str]:
        """Return what the template writes before and after an answer to these messages."""
        probe = PROBE
        while any(probe in str(each) for each in messages):
            probe += "Z"
        whole = self._write([*messages, {"role": "assistant", "content": probe}], tools)
        if whole.count(probe) != 1:
            raise TemplateRefused("The chat template does not write an assistant's answer once.")
        before, _, after = whole.partition(probe)
        return before, after

    def _write(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None, *, opened: bool = False
    ) -> str:
        plain = self.fitted(messages)
        text = self._apply(plain, tools, opened=opened)
        lost = [
            each
            for each in messages
            if each.get("role") != "assistant" and _text(each).strip() and _text(each).strip() not in text
        ]
        if lost:
            raise TemplateRefused(f"The chat template leaves out a message of the role {lost[0].get('role')}.")
        called = [call for each in plain for call in each.get("tool_calls") or ()]
        if any(_tool_name(each) not in text for each in (*called, *(tools or ()))):
            raise TemplateRefused("The chat template does not write tools, or calls of them.")
        return text

    def _fitted(self, message: Message) -> Message:
        role = str(message.get("role"))
        if role in _ROLE_OF and not self._knows_developer:
            message = {**message, "role": _ROLE_OF[role]}
        if message.get("tool_calls"):
            message = {**message, "tool_calls": [_with_object(each) for each in message["tool_calls"]]}
        return _as_parts(message) if self._in_parts else message

    def _apply(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None, *, opened: bool) -> str:
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    [dict(each) for each in messages],
                    tools=None if tools is None else list(tools),
                    tokenize=False,
                    add_generation_prompt=opened,
                )
            )
        except (TemplateError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise TemplateRefused(str(error).strip() or type(error).__name__) from error

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _continued(self, text: str) -> list[int]:
        """Return the tokens of a text that goes on after another: some tokenizers write a blank at a beginning."""
        for anchor in ("\n", "."):
            first, both = self._ids(anchor), self._ids(anchor + text)
            if both[: len(first)] == first:
                return both[len(first) :]
        return self._ids(text)


def _same(ours: str, theirs: str) -> int:
    """Return how many characters both begin with."""
    pairs = zip(ours, theirs, strict=False)
    return next((n for n, (one, other) in enumerate(pairs) if one != other), min(len(ours), len(theirs)))


def _literal(text: str) -> str:
    """Return a text as Jinja writes it in quotes."""
    return json.dumps(text, ensure_ascii=False)


def _with_object(call: object) -> dict[str, Any]:
    """Return a tool call with its arguments as an object: OpenAI writes them as a text, templates want to read them.

    Raises:
        TemplateRefused: it names no function, or its arguments are not JSON.
    """
    own: Mapping[str, Any] = call if isinstance(call, Mapping) else {}
    function = own.get("function", own)
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise TemplateRefused("A tool call names no function.")
    arguments = function.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            raise TemplateRefused(f"The arguments of the call of {function['name']} are not JSON.") from None
    known = {name: own[name] for name in ("id", "type") if name in own}
    return {**known, "function": {"name": function["name"], "arguments": arguments}}


def _tool_name(tool: Mapping[str, Any]) -> str:
    """Return the function's name of a tool, or of a call of one."""
    function = tool.get("function", tool)
    return str(function.get("name", "")) if isinstance(function, Mapping) else ""


def _text(message: Message) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def _as_parts(message: Message) -> Message:
    content = message.get("content")
    return {**message, "content": [{"type": "text", "text": content}]} if isinstance(content, str) else message
