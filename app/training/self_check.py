"""A look at what is about to be trained, before the first step: the trainer's tensors against the person's rows.

One side is what TRL's collator hands to the model. The other is the row through `apply_chat_template` alone: this
module shares nothing with `rendering`, so that a fault there, in TRL or in transformers is found now and not hours on.
"""

import copy
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from transformers import PreTrainedTokenizerBase

from app.domain.canonical import Message, Shape
from app.training.failures import ChildError
from app.training.rows import Row

_MOST_ROWS = 64  # looked at, spread over the file, beside one of each sequence of roles
_IGNORED = -100
_END = 8  # tokens: the longest end that templates write after the one that stops

Run = tuple[bool, list[int]]  # whether it is learned, and its ids


class Differs(Exception):
    """What is trained is not what the row says; the text says how."""


def check(trainer: Any, rows: Sequence[Row], *, answers_only: bool) -> list[int]:
    """Compare what the trainer's collator makes of the kept rows with the rows themselves.

    Args:
        trainer: TRL's, with a training set that names each sequence's `line`, and the tokenizer as it was loaded.
        rows: the person's.
        answers_only: whether the answers alone are learned.

    Returns:
        The lines that were compared, one for each sequence.

    Raises:
        ChildError: with the first line that differs, and how.
    """
    by_line = {row.line: row for row in rows}
    parts = Counter(trainer.train_dataset["line"])  # a row may be several sequences, one for each answer
    look, compared = _Look(trainer.processing_class, answers_only=answers_only), list[int]()
    for sequence in _chosen(trainer.train_dataset, by_line):
        row = by_line[sequence["line"]]
        columns = {name: value for name, value in sequence.items() if name != "line"}
        batch = {name: value.tolist() for name, value in trainer.data_collator([columns]).items()}
        try:
            for messages, runs in _sides(row, batch):
                look.compare(row, messages, runs, cut=_is_cut(trainer, runs), alone=parts[row.line] > 1)
        except Differs as difference:
            raise ChildError(
                "self_check",
                f"Line {row.line} would not be trained as it stands: {difference}",
                "Nothing was trained. Choose another model, or report this with the line and the model's name.",
            ) from None
        compared.append(row.line)
    return compared


def _chosen(dataset: Any, by_line: Mapping[int, Row]) -> Iterator[dict[str, Any]]:
    lines, seen = dataset["line"], set()
    step = max(1, len(lines) // _MOST_ROWS)
    for index, line in enumerate(lines):
        roles = tuple(str(turn["role"]) for turn in by_line[line].turns)
        if index % step == 0 or roles not in seen:
            seen.add(roles)
            yield dataset[index]


def _sides(row: Row, batch: Mapping[str, list[list[int]]]) -> Iterator[tuple[list[Message] | str, list[Run]]]:
    """Yield what each sequence of a batch should say, and what it does say."""
    marks = batch.get("completion_mask")
    names = ("chosen", "rejected") if marks is not None else ("",)
    for index, name in enumerate(names):
        learned = (
            [mark == 1 for mark in marks[index]]
            if marks is not None
            else [label != _IGNORED for label in batch["labels"][index]]
        )
        shown = zip(batch["input_ids"][index], learned, batch["attention_mask"][index], strict=True)
        pairs = [(token, mark) for token, mark, here in shown if here]
        runs = [(mark, [token for token, _ in run]) for mark, run in groupby(pairs, key=lambda pair: pair[1])]
        yield _said(row, name), runs


def _said(row: Row, name: str) -> list[Message] | str:
    if row.shape is Shape.MESSAGES:
        return list(row.value["messages"])
    prompt, answer = row.value.get("prompt", ""), row.value.get(name or "completion", row.value.get("text", ""))
    if isinstance(prompt, str) and isinstance(answer, str):
        return prompt + answer
    turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
    return [*turns, *([{"role": "assistant", "content": answer}] if isinstance(answer, str) else answer)]


def _is_cut(trainer: Any, runs: Sequence[Run]) -> bool:
    limit = trainer.args.max_length
    return limit is not None and sum(len(ids) for _, ids in runs) >= limit


@dataclass(frozen=True)
class _Look:
    """Compares one sequence with what it should be."""

    tokenizer: PreTrainedTokenizerBase
    answers_only: bool

    def compare(self, row: Row, said: list[Message] | str, runs: Sequence[Run], *, cut: bool, alone: bool) -> None:
        """Compare texts, then what is learned of them; `alone`: only the last of several answers is."""
        text = self.tokenizer.decode([token for _, run in runs for token in run])
        if isinstance(said, str):
            self._same(text, list(self.tokenizer(said)["input_ids"]), cut=cut)
            prompt = row.value.get("prompt", "")
            answers = [said.removeprefix(prompt) if self.answers_only or row.shape is Shape.PREFERENCE else said]
        else:
            answers = self._conversation(row, said, text, cut=cut)
        every = row.shape is Shape.TEXT or (not self.answers_only and row.shape is not Shape.PREFERENCE)
        self._learned(runs, answers[-1:] if alone else answers, every=every, cut=cut)

    def _conversation(self, row: Row, turns: list[Message], text: str, *, cut: bool) -> list[str]:
        """Return the answers that are to be learned in a sequence, which ends with one of the row's."""
        learned = _answers(row, turns)
        whole = {n: self._written(turns[: n + 1], row.value.get("tools")) for n in learned}
        last = next((n for n in reversed(learned) if self._is(text, whole[n], cut=cut)), None)
        if last is None:
            last = learned[-1]
            self._same(text, whole[last], cut=cut)
        missing = next((n for n, turn in enumerate(turns[: last + 1]) if not cut and not self._seen(turn, text)), None)
        if missing is not None:
            raise Differs(f"message {missing + 1} (role {turns[missing]['role']}) would not be in what the model sees.")
        return [str(turns[n].get("content") or "") for n in learned if n <= last]

    def _seen(self, turn: Message, text: str) -> bool:
        """Tell whether a message's words are in what the model sees, as the tokenizer writes them."""
        return _stands(turn, text) or self._as_tokens(str(turn.get("content") or "").strip()) in text

    def _as_tokens(self, text: str) -> str:
        """Return a text as the tokenizer gives it back: some lower it, or have no token for a character of it."""
        return str(self.tokenizer.decode(self.tokenizer(text, add_special_tokens=False)["input_ids"])).strip()

    def _written(self, turns: Sequence[Message], tools: object) -> list[int]:
        """Return a conversation as the template alone has it, as ids."""
        turns = [_with_objects(turn) for turn in turns]
        renamed = [{**turn, "role": "system"} if turn["role"] == "developer" else turn for turn in turns]
        in_parts = [{**turn, "content": [{"type": "text", "text": turn["content"]}]} for turn in renamed]
        for form in (turns, renamed, in_parts):
            try:
                text = str(self.tokenizer.apply_chat_template(form, tools=tools, tokenize=False))
            except Exception:  # noqa: BLE001, S112 -- a template raises whatever it likes; another form may do
                continue
            if all(_stands(turn, text) for turn in turns):
                return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        raise Differs("the model's chat template does not write all of its messages.")

    def _is(self, text: str, whole: list[int], *, cut: bool) -> bool:
        """Tell whether a text is these ids', with or without the tokenizer's end, which some decode after a blank."""
        eos = self.tokenizer.eos_token_id
        ended = self.tokenizer.decode(whole if eos is None else [*whole, eos])
        return text in {self.tokenizer.decode(whole), ended} or (cut and ended.startswith(text))

    def _same(self, text: str, ids: list[int], *, cut: bool) -> None:
        if self._is(text, ids, cut=cut):
            return
        whole = self.tokenizer.decode(ids)
        both = enumerate(zip(text, whole, strict=False))
        at = next((n for n, (one, other) in both if one != other), min(len(text), len(whole)))
        raise Differs(f"the model would see {text[at : at + 60]!r} where it should be {whole[at : at + 60]!r}.")

    def _learned(self, runs: Sequence[Run], answers: Sequence[str], *, every: bool, cut: bool) -> None:
        """Compare the learned runs with the answers, and see that each ends with a token that can stop."""
        learned = [ids for mark, ids in runs if mark]
        if not learned:
            raise Differs("nothing of it would be learned.")
        if not every and not cut and len(learned) != len(answers):
            raise Differs(f"{len(learned)} answers would be learned; it has {len(answers)} to learn.")
        added = self.tokenizer.added_tokens_decoder
        special = {self.tokenizer.eos_token_id, *(number for number, token in added.items() if token.special)}
        for number, (ids, answer) in enumerate(zip(learned, answers, strict=False), start=1):
            if cut and number == len(learned):
                return
            # To the character: a mask that begins one token early learns a line break of the template's, and no word.
            text, wanted = self.tokenizer.decode(ids), answer.rpartition("</think>")[2].strip()
            forms = (answer, wanted, self._as_tokens(wanted))
            right = any(form in text for form in forms[1:]) if every or "</think>" in answer else text.startswith(forms)
            if not right:
                raise Differs(f"answer {number} would be learned as {text[:60]!r}, and not as it stands.")
            if special.isdisjoint(ids[-_END:]):
                raise Differs(f"the end of answer {number} would not be learned, so the model would not stop.")


def _answers(row: Row, turns: Sequence[Message]) -> list[int]:
    """Return the positions of the answers that are to be learned; of a pair, those after its prompt."""
    ignored = row.ignored_turns if row.shape is Shape.MESSAGES else ()
    prompt = row.value.get("prompt")
    given = len(prompt) if isinstance(prompt, list) else 0
    return [n for n, turn in enumerate(turns) if turn["role"] == "assistant" and n >= given and n not in ignored]


def _with_objects(turn: Message) -> Message:
    """Return a message whose tool calls have objects as arguments, which OpenAI writes as texts."""
    calls = copy.deepcopy(turn.get("tool_calls")) or []
    for call in calls:
        function = call.get("function", call)
        if isinstance(function.get("arguments"), str):
            function["arguments"] = json.loads(function["arguments"] or "{}")
    return {**turn, "tool_calls": calls} if calls else turn


def _stands(turn: Message, text: str) -> bool:
    """Tell whether a message's words are in a text; some templates take thoughts out of earlier answers."""
    content = str(turn.get("content") or "").strip()
    return content in text or content.rpartition("</think>")[2].strip() in text
