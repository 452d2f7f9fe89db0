"""An evaluation's rows as tokens: the prompt, and the answer that is expected of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from app.domain import canonical
from app.domain.canonical import Question, Shape
from app.training.failures import ChildError
from app.training.rows import Row, read_rows


class Asker:
    """Turns rows into questions, and questions into tokens, with one tokenizer, system prompt and set of examples."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, *, system_prompt: str | None, few_shot: Sequence[Mapping[str, Any]]
    ) -> None:
        self.tokenizer = tokenizer
        self.system_prompt = system_prompt
        self.examples = [canonical.parse(example) for example in few_shot]

    def questions(self, path: Path) -> list[Question]:
        """Return a file's rows as questions: the last assistant turn, or the completion, is the expected answer."""
        rows = read_rows(path)
        if rows[0].is_conversation and not self.tokenizer.chat_template:
            raise ChildError(
                "no_chat_template",
                "This model's tokenizer has no chat template, so it cannot be asked in conversations.",
                "Choose an instruct model, or test rows with prompt and completion.",
            )
        return [self._question(row) for row in rows]

    def _question(self, row: Row) -> Question:
        if row.is_conversation or row.shape is Shape.TEXT:
            return canonical.question(row, system=self.system_prompt, examples=self.examples)
        before = [self.system_prompt] if self.system_prompt else []
        shots = [each.value for each in self.examples if each.shape is Shape.PROMPT]
        examples = [f"{value['prompt']}{value['completion']}" for value in shots]
        asked, answer = row.value["prompt"], row.value.get("completion", row.value.get("chosen"))
        return Question(row.line, asked, str(answer), text="\n\n".join([*before, *examples, asked]))

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
