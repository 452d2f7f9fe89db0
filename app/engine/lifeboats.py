"""A lifeboat in its turn: one page of the provider's list, one file, one job's curves or one answer a turn.

Each is written down in the transaction of its turn, and fetched again where that did not happen: nothing there changes
by being read, and a file that is here already is the same dataset.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from app.domain.backend import BackendError, ChatRequest, NotAuthorised, NotFound, Permanent, Rejected, Transient
from app.domain.backend_abilities import TellsHistory
from app.domain.canonical import Question, question, read
from app.domain.errors import DomainError
from app.domain.events import EventLevel
from app.domain.lifeboats import Lifeboat, LifeboatStatus, RecordedAnswer, RescuedJob, RescueStage, after
from app.engine import admission, backoff
from app.engine.apart import try_again
from app.engine.background_tasks import NotReady
from app.engine.reconciling import DeferredResult, ReconcileContext, StepResult
from app.engine.step import entry, sentence
from app.services import datasets
from app.services.scope import Scope
from app.store import connections
from app.store import lifeboats as store

_LOOK = timedelta(seconds=1)
_BETWEEN = timedelta(seconds=1)  # of two calls: jobs that train there come first
_LONGEST_ANSWER = 1024  # tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What one turn is to fetch, and how what came of it is written down."""

    name: str
    fetch: Callable[[], Callable[[Scope], None]]


def reconcile(context: ReconcileContext) -> DeferredResult | None:
    """Fetch the next thing, or take in what was fetched; None where nothing is left to do."""
    with context.open() as scope:
        lifeboat = store.get(scope.read, context.id)
        if lifeboat is None or lifeboat.status is not LifeboatStatus.RUNNING:
            return None
        connection = connections.get(scope.read, lifeboat.connection) if lifeboat.connection else None
        rescued = store.next_job(scope.read, lifeboat.id) if lifeboat.listed else None
    if connection is None:
        return _over(context, lifeboat, "Its connection was deleted.")
    if connection.paused_reason is not None:
        note = f"The connection is paused: {connection.paused_reason}"
        return StepResult(values={"note": note}, due_in=backoff.PAUSED)
    if lifeboat.listed and rescued is None:
        return _over(context, lifeboat)
    with context.open() as scope:
        backend = scope.backends.of(connection)
    if not isinstance(backend, TellsHistory):
        return _over(context, lifeboat, "This connection's provider tells nothing of what was trained there.")
    fetching = _Fetching(context, lifeboat, backend)
    return _fetched(context, lifeboat, fetching.page() if rescued is None else fetching.of(rescued))


def _fetched(context: ReconcileContext, lifeboat: Lifeboat, unit: Unit) -> DeferredResult:
    """Return what has come of a unit by now: another look, another try, or its writing."""
    try:
        write = context.tasks.result(f"{context.id}:{unit.name}", unit.fetch, calls_out=True)
    except NotReady:
        return StepResult(values={}, due_in=_LOOK)
    except NotAuthorised as error:
        said = sentence(error)
        pausing = [admission.pause(lifeboat.connection, said)] if lifeboat.connection else []
        return StepResult(values={"note": said}, due_in=backoff.PAUSED, side_effects=pausing)
    except Transient as error:
        return _again(lifeboat, sentence(error), error.retry_after)
    except BackendError as error:
        return _again(lifeboat, sentence(error), None)
    except DomainError as error:
        return try_again(context, f"{error.message} {error.fix}".strip(), EventLevel.WARNING)
    return StepResult(values={"note": "", "attempts": 0}, due_in=_BETWEEN, side_effects=[write])


def _again(lifeboat: Lifeboat, said: str, asked: timedelta | None) -> StepResult:
    attempts = lifeboat.attempts + 1
    first = [entry(lifeboat.id, said, level=EventLevel.WARNING)] if attempts == 1 else []
    wait = backoff.retry_delay(attempts, asked=asked)
    return StepResult(values={"note": said, "attempts": attempts}, due_in=wait, side_effects=first)


def _over(context: ReconcileContext, lifeboat: Lifeboat, note: str = "") -> StepResult:
    ended = replace(lifeboat, status=LifeboatStatus.DONE, note=note, ended_at=context.now())
    return StepResult(
        values=store.values(ended), due_in=None, side_effects=[entry(lifeboat.id, ended.status.value, kind="status")]
    )


class _Fetching:
    """One turn's call, whichever it is."""

    def __init__(self, context: ReconcileContext, lifeboat: Lifeboat, backend: TellsHistory) -> None:
        self.context, self.lifeboat, self.backend = context, lifeboat, backend

    def page(self) -> Unit:
        """Return the reading of the next page of the list."""

        def fetch() -> Callable[[Scope], None]:
            found = self.backend.past_jobs(self.lifeboat.cursor)

            def write(scope: Scope) -> None:
                store.note_jobs(scope.write, self.lifeboat, found.jobs)
                store.set_cursor(scope.write, self.lifeboat.id, found.after)

            return write

        return Unit(name=f"page:{self.lifeboat.cursor}", fetch=fetch)

    def of(self, rescued: RescuedJob) -> Unit:
        """Return the fetching of what a job lacks next."""
        fetch = {
            RescueStage.TRAINING: self._file,
            RescueStage.VALIDATION: self._file,
            RescueStage.CURVES: self._curves,
            RescueStage.ANSWERS: self._answer,
        }[rescued.stage]
        return Unit(name=f"{rescued.id}:{rescued.stage}:{len(rescued.answers)}", fetch=lambda: fetch(rescued))

    def _file(self, rescued: RescuedJob) -> Callable[[Scope], None]:
        is_training = rescued.stage is RescueStage.TRAINING
        wanted = rescued.job.training_file if is_training else rescued.job.validation_file
        following = after(rescued.stage)
        if not wanted:
            return _write(store.moved(rescued, following))
        try:
            content = self.backend.past_file(wanted)
        except (NotFound, Rejected, Permanent) as error:
            said = f"The {rescued.stage} file {wanted} could not be had: {sentence(error)}"
            return _write(store.moved(rescued, following, said))
        name = f"{rescued.job.name or rescued.remote_id}-{rescued.stage}"
        with self.context.open() as scope:
            brought = datasets.upload(
                scope, name=name, filename=f"{wanted}.jsonl", chunks=[content], project=self.lifeboat.project
            )
        further = store.moved(rescued, following)
        if is_training:
            return _write(replace(further, training_dataset=brought.id))
        return _write(replace(further, validation_dataset=brought.id))

    def _curves(self, rescued: RescuedJob) -> Callable[[Scope], None]:
        try:
            curves, problem = tuple(self.backend.past_curves(rescued.remote_id)), ""
        except (NotFound, Rejected, Permanent) as error:
            curves, problem = (), f"The curves could not be had: {sentence(error)}"
        return _write(replace(store.moved(rescued, after(rescued.stage), problem), curves=curves))

    def _answer(self, rescued: RescuedJob) -> Callable[[Scope], None]:
        following = RescueStage.DONE
        if not self.lifeboat.rows or not rescued.job.model:
            return _write(store.moved(rescued, following))
        if rescued.held_out is None:
            return _write(store.moved(rescued, following, "No answers: the job had no validation rows to be asked."))
        questions = self._questions(rescued.held_out)
        number = len(rescued.answers)
        if number >= len(questions):
            return _write(store.moved(rescued, following))
        asked = questions[number]
        try:
            answer = self._ask(rescued.job.model, asked)
        except (NotFound, NotAuthorised) as error:
            said = f"The model does not answer any more: {sentence(error)}"
            return _write(store.moved(rescued, following, said))
        except Permanent as error:  # a filter's refusal is an answer of its own
            answer = replace(_recorded(asked), problem=sentence(error))
        last = number + 1 >= len(questions)
        answered = replace(rescued, answers=(*rescued.answers, answer))
        return _write(store.moved(answered, following) if last else answered)

    def _questions(self, dataset: str) -> list[Question]:
        with self.context.open() as scope:
            path = datasets.canonical(scope, dataset)
        found: list[Question] = []
        with path.open("rb") as stream:
            for row in read(stream):
                if len(found) >= self.lifeboat.rows:
                    break
                if row.is_conversation:
                    found.append(question(row))
        return found

    def _ask(self, model: str, asked: Question) -> RecordedAnswer:
        turns = [dict(each) for each in asked.turns]
        request = ChatRequest(messages=turns, tools=asked.tools or (), max_tokens=_LONGEST_ANSWER)
        return replace(_recorded(asked), answer=self.backend.past_answer(model, request))


def _recorded(asked: Question) -> RecordedAnswer:
    return RecordedAnswer(line=asked.line, asked=asked.shown, expected=asked.answer_text)


def _write(rescued: RescuedJob) -> Callable[[Scope], None]:
    def write(scope: Scope) -> None:
        store.save_job(scope.write, rescued)

    return write
