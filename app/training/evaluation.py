"""One model answering the rows of one file: what it answers, how likely it finds the right answers, and the figures."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from app.domain import scoring
from app.domain.canonical import Question
from app.training import likelihood, loading
from app.training.channel import Channel
from app.training.failures import ChildError
from app.training.likelihood import Likelihood
from app.training.questions import Asker
from app.training.run_lock import write_whole

ROWS, RESULT = "rows.jsonl", "result.json"
_LEAST_NEW_TOKENS, _MOST_NEW_TOKENS = 16, 512


@dataclass(frozen=True)
class RowResult:
    """A question with what became of it; `answer` and `choice` are None where there is nothing to ask."""

    question: Question
    likelihood: Likelihood
    answer: str | None
    choice: str | None


def evaluate(spec: dict[str, Any], channel: Channel) -> None:
    """Evaluate as `spec` says; rows and figures are whole files in the run folder when the state is `succeeded`."""
    torch.set_num_threads(spec["threads"])
    device = loading.find_device(spec["device"])
    channel.raise_if_stopped()
    channel.state("loading", device=device)
    model, tokenizer = loading.load_target(spec["target"], device=device)
    asker = Asker(tokenizer, system_prompt=spec.get("system_prompt"), few_shot=spec.get("few_shot") or ())
    questions, skipped = _that_fit(asker, asker.questions(Path(spec["rows"])), loading.context_length(model))
    if skipped:
        channel.log(f"{skipped} rows are longer than the model's context and were left out.", level="warning")
    labels = list(spec.get("labels") or scoring.find_labels([question.expected for question in questions]))
    channel.state("answering", rows=len(questions))
    results = _RowEvaluator(model, asker, spec["batch_size"], channel).evaluate_rows(questions, labels)
    _write_rows(channel.run / ROWS, results)
    metrics = figures(results, labels)
    write_whole(channel.run / RESULT, {"metrics": metrics, "skipped": skipped})
    channel.state("succeeded", done=len(results), total=len(results))


def _that_fit(asker: Asker, questions: Sequence[Question], context: int | None) -> tuple[list[Question], int]:
    fitting = [
        question
        for question in questions
        if context is None
        or max(
            len(asker.tokens(question, question.expected).ids),
            len(asker.prompt_ids(question)) + _LEAST_NEW_TOKENS,
        )
        <= context
    ]
    if not fitting:
        raise ChildError(
            "rows_too_long",
            f"Every one of the {len(questions)} test rows is longer than the model's context of {context} tokens.",
            "Shorten the rows, the system prompt or the number of examples.",
        )
    return fitting, len(questions) - len(fitting)


class _RowEvaluator:
    """Three passes over the rows: likelihood of the right answers, own answers, and the likeliest label."""

    def __init__(self, model: Any, asker: Asker, batch_size: int, channel: Channel) -> None:
        self.model, self.asker, self.batch_size, self.channel = model, asker, batch_size, channel
        self.pad = asker.tokenizer.pad_token_id

    def evaluate_rows(self, questions: Sequence[Question], labels: Sequence[str]) -> list[RowResult]:
        asked = [question for question in questions if question.shown]
        tick = _Ticker(
            self.channel, self._batches(len(questions), len(asked), len(asked) * len(labels)), len(questions)
        )
        right = self._likelihoods([(question, question.expected) for question in questions], tick)
        answers = dict(
            zip(asked, self._answers(asked, longest=max(found.tokens for found in right), tick=tick), strict=True)
        )
        choices = dict(zip(asked, self._choices(asked, labels, tick), strict=True)) if labels else {}
        return [
            RowResult(question, found, answers.get(question), choices.get(question))
            for question, found in zip(questions, right, strict=True)
        ]

    def _batches(self, *counts: int) -> int:
        return sum(math.ceil(count / self.batch_size) for count in counts)

    def _likelihoods(self, pairs: Sequence[tuple[Question, str]], tick: Callable[[], None]) -> list[Likelihood]:
        sequences = []
        for question, answer in pairs:
            tokens = self.asker.tokens(question, answer)
            sequences.append((tokens.ids, max(1, len(tokens.prompt))))
        return likelihood.likelihoods(self.model, sequences, pad=self.pad, batch_size=self.batch_size, tick=tick)

    def _answers(self, asked: Sequence[Question], *, longest: int, tick: Callable[[], None]) -> list[str]:
        """Answer with room for twice the longest right answer (in tokens), as far as the context goes."""
        prompts = [self.asker.prompt_ids(question) for question in asked]
        room = max(_LEAST_NEW_TOKENS, min(_MOST_NEW_TOKENS, 2 * longest))
        context = loading.context_length(self.model)
        if context is not None and prompts:
            room = min(room, context - max(map(len, prompts)))
        return likelihood.greedy_answers(
            self.model, self.asker.renderer, prompts, max_new_tokens=room, batch_size=self.batch_size, tick=tick
        )

    def _choices(self, asked: Sequence[Question], labels: Sequence[str], tick: Callable[[], None]) -> list[str]:
        """Return for each question the label of greatest likelihood, its end of turn included: the forced choice."""
        found = self._likelihoods([(question, label) for question in asked for label in labels], tick)
        rows = [found[begin : begin + len(labels)] for begin in range(0, len(found), len(labels))]
        return [min(zip(labels, row, strict=True), key=lambda pair: pair[1].nll)[0] for row in rows]


class _Ticker:
    """Counts batches over all passes and tells the progress in rows; stops when asked to."""

    def __init__(self, channel: Channel, batches: int, rows: int) -> None:
        self.channel, self.batches, self.rows = channel, max(1, batches), rows
        self.done = 0

    def __call__(self) -> None:
        self.channel.raise_if_stopped()
        self.channel.emit("progress", done=self.done * self.rows // self.batches, total=self.rows)
        self.done += 1


def figures(results: Sequence[RowResult], labels: Sequence[str]) -> dict[str, Any]:
    """Return the metrics, None where there is none, with the reasons in `missing`."""
    tokens = sum(row.likelihood.tokens for row in results)
    loss = sum(row.likelihood.nll for row in results) / max(1, tokens)
    found: dict[str, Any] = {
        "rows": len(results),
        "loss": loss,
        "perplexity": math.exp(loss) if loss < math.log(1e300) else None,
        "token_accuracy": sum(row.likelihood.right for row in results) / max(1, tokens),
        "missing": {},
    }
    answered = [(row.answer, row.question.expected) for row in results if row.answer is not None]
    names = ("exact_match", "token_f1", "accuracy", "macro_f1", "forced_choice_accuracy", "confusion")
    found |= dict.fromkeys(names)
    if not answered:
        found["missing"] = dict.fromkeys(names, "The rows are plain text: there is no question to answer.")
        return found
    found |= scoring.figures(answered, labels)
    if not labels:
        found["missing"]["forced_choice_accuracy"] = found["missing"]["accuracy"]
        return found
    chosen = [(row.choice, row.question.expected.strip()) for row in results if row.choice is not None]
    found["forced_choice_accuracy"] = sum(choice == expected for choice, expected in chosen) / max(1, len(chosen))
    return found


def _write_rows(path: Path, results: Sequence[RowResult]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in results:
            expected, answer = row.question.expected, row.answer
            line = {
                "line": row.question.line,
                "prompt": row.question.shown,
                "expected": expected,
                "answer": answer or "",
                "correct": answer is not None and scoring.exact_match(answer, expected),
                "choice": row.choice,
                "loss": row.likelihood.nll / max(1, row.likelihood.tokens),
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
