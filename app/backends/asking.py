"""Evaluating by chat, for every backend that gives answers and no likelihoods: held-out rows are asked one by one.

A thread asks; every answer is on the disk before the next question, and whoever looks after a crash starts the thread
again where the file ends. A backend says how one question is asked (`asker`), and what its provider is called.
"""

import json
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from app.domain import canonical, scoring, tool_calls
from app.domain.backend import (
    BackendError,
    ChatChunk,
    ChatRequest,
    DataRejected,
    Evaluates,
    EvaluationObservation,
    EvaluationRequest,
    NoCapacity,
    NotFound,
    RateLimited,
    Refused,
    Transient,
    Unavailable,
)
from app.domain.canonical import Question, Row
from app.domain.evaluations import EvaluationMetrics, EvaluationRow, EvaluationStatus
from app.domain.jobs import JobReason
from app.domain.serving import EvaluatesByChat
from app.kit.whole_files import draft_of

LONGEST_ANSWER = 512  # tokens that an evaluation lets a row's answer have, at the most
_LOOK, _GLANCE_S = timedelta(seconds=2), 0.3
_PAUSE_S, _LONGEST_PAUSE_S, _PAUSES = 5.0, 65.0, 10  # when a provider asks for a pause; limits are by the minute
_LEAST_TOKENS, _CHARS_PER_TOKEN = 16, 3
_UNLIKELY = ("loss", "perplexity", "token_accuracy", "forced_choice_accuracy")
Ask = Callable[[ChatRequest], Iterator[ChatChunk]]


@dataclass
class _Run:
    """One evaluation under way in this process."""

    stop: Event = field(default_factory=Event)
    issue: BackendError | None = None
    thread: Thread | None = None


class AsksRows(Evaluates):
    """To let a model answer held-out rows over its provider's chat, and to count. Answers are kept in `cache`."""

    cache: Path

    @property
    @abstractmethod
    def asked_of(self) -> str:
        """What the provider is called in sentences."""

    @abstractmethod
    def asker(self, asked: Mapping[str, Any]) -> Ask:
        """Return what asks one question; `asked` are the fields of the `EvaluationRequest`. It may call the provider.

        Raises:
            BackendError: there is nothing to ask.
        """

    @cached_property
    def _runs(self) -> dict[str, _Run]:
        return {}

    @cached_property
    def _lock(self) -> Lock:
        return Lock()

    def start_evaluation(self, request: EvaluationRequest) -> None:
        """Begin; a repeat finds what the first call made.

        Raises:
            NoCapacity: without a deployment to ask, where it takes one.
            DataRejected: when the rows ask nothing.
        """
        if isinstance(self, EvaluatesByChat) and request.deployment is None:
            raise NoCapacity("Nothing serves this model.", fix="Deploy it first.")
        questions(request.rows, system=request.system_prompt, few_shot=request.few_shot)
        folder = self._folder(request.tag)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "request.json").exists():
            half = draft_of(folder / "request.json")
            half.write_text(json.dumps({**asdict(request), "rows": str(request.rows)}), encoding="utf-8")
            half.replace(folder / "request.json")
        self._go_on(request.tag)

    def observe_evaluation(self, tag: str) -> EvaluationObservation:
        """Look at an evaluation; one that nobody works at any more goes on.

        Raises:
            NotFound: when it was never begun.
            Transient: when the provider does not answer; it goes on with the next look.
        """
        asked = self._asked(tag)
        if (self._folder(tag) / "stop").exists():
            return EvaluationObservation(status=EvaluationStatus.CANCELLED, reason=JobReason.REQUESTED)
        wanted = questions(Path(asked["rows"]), system=asked["system_prompt"], few_shot=asked["few_shot"])
        run = self._go_on(tag)
        if run.thread is not None:
            run.thread.join(_GLANCE_S)
        done = self._answered(tag)
        if len(done) >= len(wanted):
            return _finished(done, wanted, asked["labels"], self.asked_of)
        if run.issue is not None and not (run.thread and run.thread.is_alive()):
            issue, run.issue = run.issue, None
            if isinstance(issue, Transient):
                raise issue
            message = f"{issue.detail} {issue.fix}".strip()
            return EvaluationObservation(
                status=EvaluationStatus.FAILED, message=message, reason=issue.reason, done_rows=len(done)
            )
        return EvaluationObservation(
            status=EvaluationStatus.RUNNING, done_rows=len(done), total_rows=len(wanted), next_look=_LOOK
        )

    def cancel_evaluation(self, tag: str) -> None:
        """Stop it; one that is gone is fine."""
        folder = self._folder(tag)
        if folder.is_dir():
            (folder / "stop").touch()
        with self._lock:
            run = self._runs.get(tag)
        if run is not None:
            run.stop.set()

    def _folder(self, tag: str) -> Path:
        return self.cache / "evaluations" / tag

    def _asked(self, tag: str) -> dict[str, Any]:
        try:
            text = (self._folder(tag) / "request.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            raise NotFound(f"Evaluation {tag} was not begun here.", fix="Start it again.") from None
        asked: dict[str, Any] = json.loads(text)
        return asked

    def _answered(self, tag: str) -> dict[int, dict[str, Any]]:
        """Return the answers so far by line; half a last line, of a crash, counts for nothing."""
        found: dict[int, dict[str, Any]] = {}
        try:
            text = (self._folder(tag) / "answers.jsonl").read_bytes()
        except FileNotFoundError:
            return found
        for line in text.split(b"\n")[:-1]:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            found.setdefault(int(row["line"]), row)
        return found

    def _go_on(self, tag: str) -> _Run:
        with self._lock:
            run = self._runs.setdefault(tag, _Run())
            busy = run.thread is not None and run.thread.is_alive()
            if not busy and run.issue is None and not run.stop.is_set():
                run.thread = Thread(target=self._work, args=(tag, run), name=f"evaluation-{tag}", daemon=True)
                run.thread.start()
        return run

    def _work(self, tag: str, run: _Run) -> None:
        try:
            asked = self._asked(tag)
            wanted = questions(Path(asked["rows"]), system=asked["system_prompt"], few_shot=asked["few_shot"])
            left = [each for each in wanted if each.line not in self._answered(tag)]
            if left:
                self._ask_all(tag, run, self.asker(asked), left, answer_tokens(wanted))
        except BackendError as error:
            run.issue = error
        except OSError as error:
            run.issue = Unavailable(f"The answers cannot be kept: {error.strerror or error}.", fix="Free some space.")

    def _ask_all(self, tag: str, run: _Run, ask: Ask, left: Sequence[Question], tokens: int) -> None:
        with (self._folder(tag) / "answers.jsonl").open("ab") as file:
            if file.tell():
                file.write(b"\n")  # ends half a line that a crash may have left; an empty one counts for nothing
            for each in left:
                if run.stop.is_set():
                    return
                request = ChatRequest(messages=each.turns, tools=each.tools or (), max_tokens=tokens)
                row = {"line": each.line, **_answer_with_pauses(ask, request, run.stop)}
                file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
                file.flush()


def answer_of(pieces: Iterable[ChatChunk]) -> str:
    """Return a streamed answer whole, with its calls of tools."""
    said = list(pieces)
    return tool_calls.as_text("".join(each.text for each in said), [call for each in said for call in each.tool_calls])


def answer_tokens(wanted: Sequence[Question]) -> int:
    """Return how many tokens an answer may have: twice the longest right answer, by about three characters a token."""
    longest = max(len(each.answer_text) for each in wanted)
    return max(_LEAST_TOKENS, min(LONGEST_ANSWER, 2 * longest // _CHARS_PER_TOKEN))


def _answer_with_pauses(ask: Ask, request: ChatRequest, stop: Event) -> dict[str, object]:
    """Return an answer, whether a content filter refused it, and whether it ended before the limit.

    It waits as often as the provider asks for a pause.

    Raises:
        BackendError: whatever else the provider says, or that it asks for pauses for too long.
    """
    for _ in range(_PAUSES):
        try:
            pieces = list(ask(request))
        except Refused:
            return {"answer": "", "refused": True, "ended": True}
        except RateLimited as error:
            wait = _PAUSE_S if error.retry_after is None else error.retry_after.total_seconds()
            if stop.wait(min(wait, _LONGEST_PAUSE_S)):
                break
        else:
            reasons = {piece.finish_reason for piece in pieces}
            said = answer_of(pieces)
            return {"answer": said, "refused": "content_filter" in reasons, "ended": "length" not in reasons}
    raise RateLimited("The provider keeps asking to wait.", retry_after=timedelta(minutes=5))


def _finished(
    done: dict[int, dict[str, Any]], wanted: Sequence[Question], labels: Sequence[str], name: str
) -> EvaluationObservation:
    rows = [
        EvaluationRow(
            line=each.line,
            prompt=each.shown,
            expected=each.answer_text,
            answer=str(done[each.line]["answer"]),
            correct=scoring.exact_match(str(done[each.line]["answer"]), each.answer_text),
            ended=done[each.line].get("ended"),  # an earlier release wrote down answers alone
        )
        for each in wanted
    ]
    labels = labels or scoring.find_labels([row.expected for row in rows])
    found = scoring.figures([(row.answer, row.expected) for row in rows], labels)
    if all(row.ended is not None for row in rows):
        found |= scoring.endings([(row.answer, bool(row.ended)) for row in rows])
    unlikely = dict.fromkeys(_UNLIKELY, f"{name} gives answers only, no likelihoods of words.")
    refused = sum(bool(done[each.line]["refused"]) for each in wanted)
    filtered = f"The content filter of {name} refused {refused} of {len(rows)} rows; they count as wrong."
    return EvaluationObservation(
        status=EvaluationStatus.SUCCEEDED,
        message=filtered if refused else "",
        done_rows=len(rows),
        total_rows=len(rows),
        metrics=EvaluationMetrics.of({**found, "rows": len(rows), "missing": {**unlikely, **found["missing"]}}),
        rows=rows,
    )


def questions(path: Path, *, system: str | None, few_shot: Sequence[Mapping[str, Any]]) -> list[Question]:
    """Return a file's rows as questions; the last assistant turn, or the completion, is the expected answer.

    Raises:
        DataRejected: for a line that is none, or rows that ask nothing.
    """
    try:
        examples = [canonical.parse(example) for example in few_shot]
        with path.open("rb") as file:
            found = [_question(row, system, examples) for row in canonical.read(file)]
    except OSError as error:
        raise DataRejected("The file with the test rows is gone.", fix="Upload the dataset again.") from error
    except canonical.BadRow as error:
        raise DataRejected(f"Line {error.line} of the test rows {error.reason}.", fix="Fix the line.") from error
    if not found:
        raise DataRejected("There are no test rows.", fix="Choose another dataset.")
    return found


def _question(row: Row, system: str | None, examples: Sequence[Row]) -> Question:
    if all(turn["role"] != "assistant" for turn in row.turns[1:]):
        raise DataRejected(
            f"Line {row.line} of the test rows asks nothing.",
            fix="Use rows with a question: a model is asked.",
        )
    return canonical.question(row, system=system, examples=examples)
