"""What a first batch must hold and come to, computed with transformers and torch alone: nothing here imports `app`.

The rule: each assistant's turn is learned as the last of its conversation. What the template writes before its content
is given, its content and all up to the end of turn are learned, and nothing else is; a turn of weight 0 is not. A blank
that the template writes right before the content may be given, or be part of the first token that is learned: either
is right, as long as it is the same throughout. What the template writes after the end of turn is never asked for, so it
may be learned or not; where it is, it counts in the loss.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import logsigmoid
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from tests.families.rows import COMPLETION, DPO, TEXT
from tests.families.table import Family

Learned = Counter[tuple[tuple[int, ...], int]]  # a token that is learned, after all that stands before it
_STAND_IN = "Xq"


@dataclass(frozen=True)
class Example:
    """One learned answer: its tokens up to its end, those before and after, and how it reads."""

    prompt: tuple[int, ...]
    learned: tuple[int, ...]
    tail: tuple[int, ...]
    asked: Mapping[str, Any]  # what a person would ask: messages and tools, or a prompt
    answer: str  # what ought to be answered, without the end


class Plain:
    """A model directory, read by transformers alone."""

    def __init__(self, family: Family, folder: Path, *, blank_is_learned: bool = False) -> None:
        self.family, self.folder, self.blank_is_learned = family, folder, blank_is_learned
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)

    def model(self) -> PreTrainedModel:
        """Return the weights in float32, ready to be asked."""
        return AutoModelForCausalLM.from_pretrained(self.folder, dtype=torch.float32).eval()

    def examples(self, shape: str, rows: Sequence[Mapping[str, Any]]) -> list[Example]:
        """Return what is learned of rows of a shape: of pairs, chosen and rejected in turn."""
        if shape == TEXT:
            return [self._text(row["text"]) for row in rows]
        if shape == COMPLETION:
            return [self._completion(row["prompt"], row["completion"]) for row in rows]
        if shape == DPO:
            return [self._of_pair(row, side) for row in rows for side in ("chosen", "rejected")]
        return [
            self._turn(row["messages"][: at + 1], row.get("tools"))
            for row in rows
            for at, message in enumerate(row["messages"])
            if message["role"] == "assistant" and message.get("weight") != 0
        ]

    def _of_pair(self, row: Mapping[str, Any], side: str) -> Example:
        if isinstance(row["prompt"], str):
            return self._completion(row["prompt"], row[side])
        return self._turn([*row["prompt"], *row[side]], None)

    def _text(self, text: str) -> Example:
        ids = [*self.tokenizer(text)["input_ids"], self.tokenizer.eos_token_id]
        return Example((ids[0],), tuple(ids[1:]), (), {"tokens": ids[: len(ids) // 2]}, text)

    def _completion(self, prompt: str, completion: str) -> Example:
        before: list[int] = self.tokenizer(prompt)["input_ids"]
        whole: list[int] = self.tokenizer(prompt + completion)["input_ids"]
        after = whole[len(before) :] if whole[: len(before)] == before else self._continued(completion)
        return Example(tuple(before), (*after, self.tokenizer.eos_token_id), (), {"prompt": prompt}, completion)

    def _turn(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any] | None) -> Example:
        *earlier, last = messages
        whole = self._write(messages, tools)
        called = bool(last.get("tool_calls"))
        ending = (self.family.call_end if called else None) or self.family.end
        if called:
            begin = self._call_begins(earlier, tools, whole)
            finish = whole.rindex(ending)
        else:
            content = last["content"].strip()
            begin = whole.rindex(content)
            finish = begin + len(content)
        rest = whole[finish:]
        cut = rest.find(ending)
        end: int = self.tokenizer.convert_tokens_to_ids(ending)
        before, after = self._split(whole[:begin], whole[begin:])
        # A template that writes no end is given the tokenizer's.
        stop = after.index(end) + 1 if cut >= 0 else len(after)
        learned, tail = (after[:stop], after[stop:]) if cut >= 0 else ([*after, end], [])
        given = [{name: value for name, value in message.items() if name != "weight"} for message in earlier]
        asked = {"messages": given, **({"tools": list(tools)} if tools else {})}
        return Example(tuple(before), tuple(learned), tuple(tail), asked, whole[begin:finish])

    def _call_begins(self, earlier: Sequence[Mapping[str, Any]], tools: Sequence[Any] | None, whole: str) -> int:
        """Return where a turn that calls a function begins: where another answer would, or where one is asked for."""
        said = self._write([*earlier, {"role": "assistant", "content": _STAND_IN}], tools)
        before = said[: said.rindex(_STAND_IN)]
        if whole.startswith(before):
            return len(before)
        opened = self._write(earlier, tools, add_generation_prompt=True)
        assert whole.startswith(opened), f"nothing tells where a call begins in {whole!r}"
        return len(opened)

    def written(self, messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return messages as the family's template wants them: arguments as objects, contents in parts or as text."""
        found = []
        for message in messages:
            made = dict(message)
            if self.family.in_parts and isinstance(made["content"], str):
                made["content"] = [{"type": "text", "text": made["content"]}]
            if "tool_calls" in made:
                made["tool_calls"] = [_with_object(each) for each in made["tool_calls"]]
            found.append(made)
        return found

    def _write(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any] | None, **more: object) -> str:
        return str(
            self.tokenizer.apply_chat_template(
                self.written(messages), tools=list(tools) if tools else None, tokenize=False, **more
            )
        )

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _split(self, before: str, after: str) -> tuple[list[int], list[int]]:
        """Return the tokens of a prompt as it is asked, and those that follow it."""
        bare = before.rstrip(" ")
        if self.blank_is_learned and bare != before:
            return self._split(bare, before[len(bare) :] + after)
        prompt, whole = self._ids(before), self._ids(before + after)
        return prompt, whole[len(prompt) :] if whole[: len(prompt)] == prompt else self._continued(after)

    def _continued(self, text: str) -> list[int]:
        """Return the tokens of a text that does not begin anything: after a line feed, which joins with nothing."""
        feed = self._ids("\n")
        whole = self._ids(f"\n{text}")
        assert whole[: len(feed)] == feed, text
        return whole[len(feed) :]


def _with_object(called: Mapping[str, Any]) -> dict[str, Any]:
    function = dict(called["function"])
    if isinstance(function["arguments"], str):
        function["arguments"] = json.loads(function["arguments"])
    return {**called, "function": function}


def learned(examples: Sequence[Example]) -> Learned:
    """Return each token to be learned with what stands before it: the same however examples were put into rows."""
    return Counter(
        (example.prompt + example.learned[:at], token)
        for example in examples
        for at, token in enumerate(example.learned)
    )


def after_the_end(examples: Sequence[Example]) -> Learned:
    """Return the tokens that follow an end, in the same form: these may be learned."""
    return Counter(
        (example.prompt + example.learned + example.tail[:at], token)
        for example in examples
        for at, token in enumerate(example.tail)
    )


def least_loss(examples: Sequence[Example]) -> float:
    """Return the loss of a model that knows the examples by heart: above 0 where one beginning goes on in many ways."""
    found = learned(examples)
    beginnings: Counter[tuple[int, ...]] = Counter()
    for (before, _), count in found.items():
        beginnings[before] += count
    return sum(count * math.log(beginnings[before] / count) for (before, _), count in found.items()) / found.total()


def best_accuracy(examples: Sequence[Example]) -> float:
    """Return the share of tokens that such a model finds likeliest: 1 where no beginning goes on in two ways."""
    found = learned(examples)
    likeliest: Counter[tuple[int, ...]] = Counter()
    for (before, _), count in found.items():
        likeliest[before] = max(likeliest[before], count)
    return likeliest.total() / found.total()


def likelihood(model: PreTrainedModel, example: Example, also: Learned) -> torch.Tensor:
    """Return the log likelihood of each learned token, `also` those after the end; one at a time, no padding."""
    taught = example.learned + tuple(
        token
        for at, token in enumerate(example.tail)
        if also[example.prompt + example.learned + example.tail[:at], token]
    )
    ids = torch.tensor([[*example.prompt, *taught]])
    logits = model(input_ids=ids).logits[0, len(example.prompt) - 1 : -1].float()
    found: torch.Tensor = logits.log_softmax(-1).gather(1, torch.tensor(taught).unsqueeze(1)).squeeze(1)
    return found


def supervised_loss(model: PreTrainedModel, examples: Sequence[Example], also: Learned) -> float:
    """Return the mean negative log likelihood of all learned tokens."""
    with torch.no_grad():
        return -float(torch.cat([likelihood(model, example, also) for example in examples]).mean())


def margins(
    policy: PreTrainedModel, reference: PreTrainedModel, pairs: Sequence[Example], also: Learned
) -> torch.Tensor:
    """Return by how much each chosen answer (in nats) has become likelier than the rejected one that follows it."""
    with torch.no_grad():
        moved = torch.stack(
            [likelihood(policy, each, also).sum() - likelihood(reference, each, also).sum() for each in pairs]
        )
    return moved[0::2] - moved[1::2]


def preference_loss(
    policy: PreTrainedModel, reference: PreTrainedModel, pairs: Sequence[Example], also: Learned, *, beta: float
) -> float:
    """Return the loss of Rafailov et al. 2023, equation 7."""
    return -float(logsigmoid(beta * margins(policy, reference, pairs, also)).mean())
