"""An evaluation's rows as tokens: the prompt, and the answer that is expected of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from app.training.failures import ChildError
from app.training.rows import MESSAGES, PREFERENCE, PROMPT, TEXT, Row, read_rows


@dataclass(frozen=True, eq=False)
class Question:
    """One row, equal to itself only. `shown` is the prompt for people, `turns` (or `text`) what the model is given."""

    line: int
    shown: str
    expected: str
    turns: tuple[dict[str, str], ...] = ()
    text: str = ""


class Asker:
    """Turns rows into questions, and questions into tokens, with one tokenizer, system prompt and set of examples."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, *, system_prompt: str | None, few_shot: Sequence[Mapping[str, Any]]
    ) -> None:
        self.tokenizer = tokenizer
        self.system_prompt = system_prompt
        self.few_shot = few_shot

    def questions(self, path: Path) -> list[Question]:
        """Return a file's rows as questions: the last assistant turn, or the completion, is the expected answer."""
        rows = read_rows(path)
        if _with_chosen(rows[0]).shape == MESSAGES and not self.tokenizer.chat_template:
            raise ChildError(
                "no_chat_template",
                "This model's tokenizer has no chat template, so it cannot be asked in conversations.",
                "Choose an instruct model, or test rows with prompt and completion.",
            )
        return [self._question(_with_chosen(row)) for row in rows]

    def _question(self, row: Row) -> Question:
        if row.shape == MESSAGES:
            turns = row.value["messages"]
            last = max(index for index, turn in enumerate(turns) if turn["role"] == "assistant")
            asked = tuple(self._with_examples(turns[:last]))
            shown = next((turn["content"] for turn in reversed(turns[:last]) if turn["role"] == "user"), "")
            return Question(row.line, shown, turns[last]["content"], turns=asked)
        if row.shape == PROMPT:
            examples = [
                f"{example['prompt']}{example['completion']}" for example in self.few_shot if "prompt" in example
            ]
            before = [self.system_prompt] if self.system_prompt else []
            text = "\n\n".join([*before, *examples, row.value["prompt"]])
            return Question(row.line, row.value["prompt"], row.value["completion"], text=text)
        return Question(row.line, "", row.value[TEXT])

    def _with_examples(self, turns: Sequence[dict[str, str]]) -> list[dict[str, str]]:
        """Put the system prompt (instead of the row's own) and the examples before the row's turns."""
        system = [turn for turn in turns if turn["role"] == "system"]
        if self.system_prompt is not None:
            system = [{"role": "system", "content": self.system_prompt}]
        shots = [
            {"role": turn["role"], "content": turn["content"]}
            for example in self.few_shot
            for turn in example.get("messages", [])
            if turn["role"] != "system"
        ]
        return [*system, *shots, *(turn for turn in turns if turn["role"] != "system")]

    def prompt_ids(self, question: Question) -> list[int]:
        """Return the tokens that the model is given before it answers."""
        if question.turns:
            text = self.tokenizer.apply_chat_template(list(question.turns), tokenize=False, add_generation_prompt=True)
            return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        return list(self.tokenizer(question.text)["input_ids"]) if question.text else []

    def full_ids(self, question: Question, answer: str) -> list[int]:
        """Return the tokens of prompt and answer, the end of the turn or text included, as training sees them."""
        if question.turns:
            turns = [*question.turns, {"role": "assistant", "content": answer}]
            text = self.tokenizer.apply_chat_template(turns, tokenize=False)
            return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        end = "" if answer.endswith(self.tokenizer.eos_token) else self.tokenizer.eos_token
        return list(self.tokenizer(question.text + answer + end)["input_ids"])


def _with_chosen(row: Row) -> Row:
    """Return a pair of answers as a row that expects the chosen one."""
    if row.shape != PREFERENCE:
        return row
    prompt, chosen = row.value["prompt"], row.value["chosen"]
    if isinstance(prompt, str):
        return Row(row.line, PROMPT, {"prompt": prompt, "completion": chosen})
    return Row(row.line, MESSAGES, {"messages": [*prompt, *chosen]})


def answer_start(prompt_ids: Sequence[int], full_ids: Sequence[int]) -> int:
    """Return where the answer begins in `full_ids`: at the first token that differs from the prompt's.

    The rule of TRL's prompt and completion (1.16, `common_prefix_length`): a tokenizer may merge the prompt's last
    token with the answer's first one. The very first token has nothing before it and is never predicted.
    """
    start = 0
    for ours, theirs in zip(prompt_ids, full_ids, strict=False):
        if ours != theirs:
            break
        start += 1
    return max(1, start)
