"""One model answering the rows of one file: what it answers, how likely it finds the right answers, and the figures."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from app.domain import intervals, scoring
from app.domain.canonical import Question, Shape
from app.training import examples, identity, likelihood, loading
from app.training.answering import Answer, Answerer
from app.training.channel import Channel
from app.training.examples import Pair
from app.training.failures import ChildError
from app.training.likelihood import Likelihood, Tick
from app.training.questions import Asker
from app.training.rows import Row, read_rows
from app.training.run_lock import write_whole

ROWS, RESULT = "rows.jsonl", "result.json"
_LEAST_NEW_TOKENS, _MOST_NEW_TOKENS = 16, 512


@dataclass(frozen=True)
class RowResult:
    """A question with what became of it; `answer` and `choice` are None where there is nothing to ask.

    `margin`: how much likelier the chosen answer is than the rejected one, in nats; None where there are not two.
    """

    question: Question
    likelihood: Likelihood
    answer: Answer | None
    choice: str | None
    margin: float | None = None


def evaluate(spec: dict[str, Any], channel: Channel) -> None:
    """Evaluate as `spec` says; rows and figures are whole files in the run folder when the state is `succeeded`."""
    torch.set_num_threads(spec["threads"])
    device = loading.find_device(spec["device"])
    channel.raise_if_stopped()
    channel.state("loading", device=device)
    answering = _identity(spec)
    model, tokenizer = loading.load_target(spec["target"], device=device)
    asker = Asker(tokenizer, system_prompt=spec.get("system_prompt"), few_shot=spec.get("few_shot") or ())
    rows, context = read_rows(Path(spec["rows"])), loading.context_length(model)
    questions, skipped = _that_fit(asker, asker.questions(rows), context)
    if skipped:
        channel.log(f"{skipped} rows are longer than the model's context and were left out.", level="warning")
    labels = list(spec.get("labels") or scoring.find_labels([question.expected for question in questions]))
    channel.state("answering", rows=len(questions))
    results = _RowEvaluator(model, asker, spec["batch_size"], channel).evaluate_rows(
        questions, labels, _pairs(rows, asker, context)
    )
    _write_rows(channel.run / ROWS, results)
    metrics = figures(results, labels)
    write_whole(channel.run / RESULT, {"metrics": metrics, "skipped": skipped, "identity": answering})
    channel.state("succeeded", done=len(results), total=len(results))


def _identity(spec: dict[str, Any]) -> dict[str, Any] | None:
    """Return what answers: the rendering's version and the hash of the files, read before they are loaded."""
    kept = spec.get("hashes")
    folders = identity.folders_of(spec["target"], Path(kept["hub"])) if kept else None
    found = identity.Hashes(Path(kept["file"])).of_model(folders, reading=True) if kept and folders else None
    return None if found is None else {"rendering": identity.RENDERING_VERSION, "model": found}


def _pairs(rows: Sequence[Row], asker: Asker, context: int | None) -> list[Pair]:
    """Return the answers of preference rows as training had them; none where the model is asked in another way."""
    if rows[0].shape is not Shape.PREFERENCE or asker.system_prompt is not None or asker.examples:
        return []
    return [
        pair
        for pair in examples.sequences(rows, asker.renderer, answers_only=True)
        if context is None or len(pair.prompt) + max(len(pair.chosen), len(pair.rejected)) <= context
    ]


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
    """Passes over the rows: likelihood of the right answers, own answers, the likeliest label, and preferences."""

    def __init__(self, model: Any, asker: Asker, batch_size: int, channel: Channel) -> None:
        self.model, self.asker, self.batch_size, self.channel = model, asker, batch_size, channel
        self.pad = asker.tokenizer.pad_token_id

    def evaluate_rows(
        self, questions: Sequence[Question], labels: Sequence[str], pairs: Sequence[Pair]
    ) -> list[RowResult]:
        asked = [question for question in questions if question.shown]
        passes = len(questions) + len(asked) * (1 + len(labels)) + 2 * len(pairs)
        tick = _Ticker(self.channel, passes, len(questions))
        right = self._likelihoods([(question, question.expected) for question in questions], tick)
        answers = dict(
            zip(asked, self._answers(asked, longest=max(found.tokens for found in right), tick=tick), strict=True)
        )
        choices = dict(zip(asked, self._choices(asked, labels, tick), strict=True)) if labels else {}
        margins = self._margins(pairs, tick)
        return [
            RowResult(question, found, answers.get(question), choices.get(question), margins.get(question.line))
            for question, found in zip(questions, right, strict=True)
        ]

    def _likelihoods(self, pairs: Sequence[tuple[Question, str]], tick: Tick) -> list[Likelihood]:
        sequences = []
        for question, answer in pairs:
            tokens = self.asker.tokens(question, answer)
            sequences.append((tokens.ids, max(1, len(tokens.prompt))))
        return self._of_tokens(sequences, tick)

    def _of_tokens(self, sequences: Sequence[tuple[list[int], int]], tick: Tick) -> list[Likelihood]:
        return likelihood.likelihoods(self.model, sequences, pad=self.pad, rows=self.batch_size, tick=tick)

    def _answers(self, asked: Sequence[Question], *, longest: int, tick: Tick) -> list[Answer]:
        """Answer with room for twice the longest right answer (in tokens), as far as the context goes."""
        prompts = [self.asker.prompt_ids(question) for question in asked]
        room = max(_LEAST_NEW_TOKENS, min(_MOST_NEW_TOKENS, 2 * longest))
        context = loading.context_length(self.model)
        if context is not None and prompts:
            room = min(room, context - max(map(len, prompts)))
        answerer = Answerer(self.model, self.asker.renderer, rows=self.batch_size)
        return answerer.answers(prompts, max_new_tokens=room, tick=tick)

    def _choices(self, asked: Sequence[Question], labels: Sequence[str], tick: Tick) -> list[str]:
        """Return for each question the label of greatest likelihood, its end of turn included: the forced choice."""
        found = self._likelihoods([(question, label) for question in asked for label in labels], tick)
        rows = [found[begin : begin + len(labels)] for begin in range(0, len(found), len(labels))]
        return [min(zip(labels, row, strict=True), key=lambda pair: pair[1].nll)[0] for row in rows]

    def _margins(self, pairs: Sequence[Pair], tick: Tick) -> dict[int, float]:
        """Return log p(chosen) less log p(rejected) by line, each summed over its tokens, as TRL sums them."""
        found = self._of_tokens(
            [
                (ids, max(1, len(pair.prompt)))
                for pair in pairs
                for ids in ([*pair.prompt, *pair.chosen], [*pair.prompt, *pair.rejected])
            ],
            tick,
        )
        return {
            pair.line: rejected.nll - chosen.nll
            for pair, chosen, rejected in zip(pairs, found[::2], found[1::2], strict=True)
        }


class _Ticker:
    """Counts what is read over all passes and tells the progress in rows; stops when asked to."""

    def __init__(self, channel: Channel, passes: int, rows: int) -> None:
        self.channel, self.passes, self.rows = channel, max(1, passes), rows
        self.done = 0

    def __call__(self, rows: int) -> None:
        self.channel.raise_if_stopped()
        self.channel.emit("progress", done=self.done * self.rows // self.passes, total=self.rows)
        self.done += rows


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
    margins = [row.margin for row in results if row.margin is not None]
    liked = scoring.preferences(margins) if margins else {}
    spans = liked.pop("intervals", {})
    found |= liked
    answered = [(row.answer, row.question.expected) for row in results if row.answer is not None]
    names = ("exact_match", "token_f1", "accuracy", "macro_f1", "forced_choice_accuracy", "confusion")
    found |= dict.fromkeys(names)
    if not answered:
        found["missing"] = dict.fromkeys(names, "The rows are plain text: there is no question to answer.")
        return found
    found |= scoring.endings([(answer.text, answer.ended) for answer, _ in answered])
    found |= scoring.figures([(answer.text, expected) for answer, expected in answered], labels)
    spans |= found["intervals"]
    if labels:
        chosen = [row.choice == row.question.expected.strip() for row in results if row.choice is not None]
        found["forced_choice_accuracy"] = sum(chosen) / max(1, len(chosen))
        spans |= {"forced_choice_accuracy": intervals.of_share(sum(chosen), len(chosen))}
    else:
        found["missing"]["forced_choice_accuracy"] = found["missing"]["accuracy"]
    return found | {"intervals": {name: asdict(each) for name, each in spans.items() if each is not None}}


def _write_rows(path: Path, results: Sequence[RowResult]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in results:
            expected, answer = row.question.expected, None if row.answer is None else row.answer.text
            line = {
                "line": row.question.line,
                "prompt": row.question.shown,
                "expected": expected,
                "answer": answer or "",
                "correct": answer is not None and scoring.exact_match(answer, expected),
                "choice": row.choice,
                "ended": None if row.answer is None else row.answer.ended,
                "margin": row.margin,
                "loss": row.likelihood.nll / max(1, row.likelihood.tokens),
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
