"""An evaluation's rows as tokens: the prompt, and the answer that is expected of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from transformers import PreTrainedTokenizerBase

from app.domain import canonical
from app.domain.canonical import Question, Shape
from app.training.examples import refused
from app.training.failures import ChildError
from app.training.rendering import Renderer, TemplateRefused, Tokens
from app.training.rows import Row


class Asker:
    """Turns rows into questions, and questions into tokens, with one tokenizer, system prompt and set of examples."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, *, system_prompt: str | None, few_shot: Sequence[Mapping[str, Any]]
    ) -> None:
        self.tokenizer = tokenizer
        self.renderer = Renderer(tokenizer)
        self.system_prompt = system_prompt
        self.examples = [canonical.parse(example) for example in few_shot]

    def questions(self, rows: Sequence[Row]) -> list[Question]:
        """Return a file's rows as questions: the last assistant turn, or the completion, is the expected answer.

        Raises:
            ChildError: for conversations without a chat template, and what it refuses, with its line.
        """
        if rows[0].is_conversation and not self.tokenizer.chat_template:
            raise ChildError(
                "no_chat_template",
                "This model's tokenizer has no chat template, so it cannot be asked in conversations.",
                "Choose an instruct model, or test rows with prompt and completion.",
            )
        return [self._asked(row) for row in rows]

    def _asked(self, row: Row) -> Question:
        """Return the row as a question whose rendering is known to go through; a call of a tool is expected as text.

        Raises:
            ChildError: the chat template refuses it, with its line.
        """
        question = self._question(row)
        try:
            if question.answer is not None:
                turn = self.renderer.turn([*question.turns, question.answer], tools=question.tools)
                return replace(question, expected=turn.answer.strip())
            if question.turns:
                self.renderer.prompt(question.turns, tools=question.tools)
        except TemplateRefused as error:
            raise refused(row.line, error) from error
        return question

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
            return self.renderer.prompt_ids(question.turns, tools=question.tools)
        return self.renderer.text_ids(question.text) if question.text else []

    def tokens(self, question: Question, answer: str) -> Tokens:
        """Return the tokens of prompt and answer with its end, as training has them."""
        if not question.turns:
            return self.renderer.encode_text(question.text, answer)
        said = question.answer if question.answer is not None and answer == question.expected else {"content": answer}
        turns = [*question.turns, {**said, "role": "assistant"}]
        return self.renderer.encode(self.renderer.turn(turns, tools=question.tools))
