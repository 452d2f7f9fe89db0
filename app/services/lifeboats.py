"""Verbs on lifeboats: look at what a provider has, bring it home, train it again elsewhere, and compare."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.backend_abilities import TellsHistory
from app.domain.connections import Connection
from app.domain.drafts import JobDraft
from app.domain.errors import Conflict, Invalid, Problem, or_not_found
from app.domain.jobs import TRAINED, Method, ValidationKind
from app.domain.lifeboats import Lifeboat, PastJob, RescuedJob
from app.domain.names import model_name_problem
from app.kit.paging import DEFAULT_LIMIT, Page
from app.services import connections, drafts, evaluations, projects, verbs
from app.services.provider_errors import provider_errors
from app.services.scope import Scope
from app.store import events as event_store
from app.store import lifeboats as store

MAX_ROWS = 200
_OURS = {"n_epochs", "batch_size", "learning_rate_multiplier", "beta"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What a lifeboat would find, by the first page of the provider's list; `more`: there are further pages.

    `answers`: how many questions its models would be asked at most, by these jobs. They are billed as any chat.
    """

    jobs: int
    models: int
    answers: int
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Voyage:
    """A lifeboat with how far it is: jobs found, and those of which everything is here."""

    lifeboat: Lifeboat
    found: int
    home: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One held-out row: what the model that is gone answered, and what another one does."""

    line: int
    asked: str
    expected: str
    then: str
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Rows that both have answered; `then_right` and `now_right` count answers that are the expected one."""

    rows: Sequence[Compared]
    then_right: int
    now_right: int


@verbs.reads("lifeboats")
def foresee(scope: Scope, connection: str, rows: int = 0) -> Foreseen:
    """Return what a lifeboat would find; asks the provider, and makes nothing.

    Raises:
        Conflict: the provider tells nothing of what was trained there.
        ProviderFailed: it does not answer.
    """
    _check_rows(rows)
    backend = _able(scope, connection)
    scope.release()
    with provider_errors():
        page = backend.past_jobs(None)
    models = sum(1 for each in page.jobs if each.model and each.validation_file)
    return Foreseen(jobs=len(page.jobs), models=models, answers=models * rows, more=page.after is not None)


@verbs.reads("connections")
def can_begin(scope: Scope, connection: Connection) -> bool:
    """Tell whether a connection's provider tells what was trained there; asks nobody."""
    return scope.backends.opened(connection, TellsHistory) is not None


@verbs.spends("lifeboats")
def begin(scope: Scope, connection: str, project: str, rows: int = 0) -> Lifeboat:
    """Begin to bring everything home; the engine does it, beside the jobs of the connection and after them.

    `rows`: how many held-out rows each model that still answers is asked; 0 asks none, and costs nothing.

    Raises:
        Conflict: the provider tells nothing of what was trained there.
        Invalid: more rows than `MAX_ROWS`, or no project.
    """
    _check_rows(rows)
    _able(scope, connection)
    if not project:
        raise Invalid([Problem("/project", "missing", "Choose a project.", "Create one first if there is none.")])
    tx = scope.write
    projects.get(scope, project)
    known = store.running(tx, connection)
    if known is not None:
        return known
    made = Lifeboat(id=scope.new_id("lif"), connection=connection, project=project, rows=rows, created_at=scope.now())
    store.add(tx, made, due_at=scope.due_now())
    event_store.add(tx, made.id, "Begun.", at=scope.now(), kind="note")
    scope.nudge()
    return made


@verbs.reads("lifeboats")
def get(scope: Scope, identifier: str) -> Voyage:
    """Return a lifeboat with how far it is."""
    found = or_not_found(store.get(scope.read, identifier), "lifeboat", identifier)
    return _voyage(scope, found)


@verbs.reads("lifeboats")
def list_lifeboats(
    scope: Scope, *, connection: str | None = None, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> Page[Voyage]:
    """Return lifeboats, the newest first."""
    page = store.page(scope.read, limit=limit, cursor=cursor, connection=connection)
    return Page(items=[_voyage(scope, each) for each in page.items], next=page.next)


@verbs.reads("lifeboats")
def rescued_jobs(
    scope: Scope, identifier: str, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> Page[RescuedJob]:
    """Return the jobs that a lifeboat has found, the newest first."""
    get(scope, identifier)
    return store.jobs(scope.read, identifier, limit=limit, cursor=cursor)


@verbs.reads("lifeboats")
def rescued(scope: Scope, identifier: str) -> RescuedJob:
    """Return one rescued job."""
    return or_not_found(store.job(scope.read, identifier), "rescued job", identifier)


@verbs.writes("lifeboats")
def train_again(scope: Scope, identifier: str) -> JobDraft:
    """Begin a draft with what a rescued job was trained with; where, and from which base model, is to be chosen.

    Raises:
        Conflict: its rows are not here.
    """
    found = rescued(scope, identifier)
    if found.training_dataset is None:
        message = "The rows of this job are not here, so it cannot be trained again."
        raise Conflict(message, fix=" ".join(found.notes) or "Wait until the lifeboat has fetched them.")
    lifeboat = or_not_found(store.get(scope.read, found.lifeboat), "lifeboat", found.lifeboat)
    return drafts.create(scope, _answers(found, lifeboat))


@verbs.reads("lifeboats")
def compare(scope: Scope, identifier: str, evaluation: str) -> Comparison:
    """Compare the recorded answers of a model with those of an evaluation, row by row.

    Raises:
        Invalid: the evaluation is of other rows.
    """
    found, other = rescued(scope, identifier), evaluations.get(scope, evaluation)
    if other.dataset != found.held_out:
        fix = "Evaluate the new model on the rows that the job was validated with."
        raise Invalid([Problem("/evaluation", "dataset", "This evaluation is of other rows.", fix)])
    now = {each.line: each for each in evaluations.rows(scope, evaluation, limit=MAX_ROWS).items}
    rows = [
        Compared(line=each.line, asked=each.asked, expected=each.expected, then=each.answer, now=now[each.line].answer)
        for each in found.answers
        if not each.problem and each.line in now
    ]
    return Comparison(
        rows=rows,
        then_right=sum(_same(each.then, each.expected) for each in rows),
        now_right=sum(_same(each.now, each.expected) for each in rows),
    )


def _same(answer: str, expected: str) -> bool:
    return answer.strip() == expected.strip()


def _answers(found: RescuedJob, lifeboat: Lifeboat) -> dict[str, Any]:
    job: PastJob = found.job
    name = job.name if model_name_problem(job.name, "/name") is None else ""
    chosen = {key: value for key, value in job.hyperparameters.items() if key in _OURS - {"learning_rate_multiplier"}}
    answers: dict[str, Any] = {
        "project": lifeboat.project,
        "name": name,
        "method": job.method if job.method in TRAINED else Method.SFT.value,
        "training_dataset": found.training_dataset,
        "hyperparameters": chosen,
    }
    if found.validation_dataset is not None:
        answers["validation"] = {"kind": ValidationKind.DATASET.value, "dataset": found.validation_dataset}
    if job.seed is not None:
        answers["seed"] = job.seed
    return {key: value for key, value in answers.items() if value not in ("", None, {})}


def _voyage(scope: Scope, lifeboat: Lifeboat) -> Voyage:
    found, home = store.counts(scope.read, lifeboat.id)
    return Voyage(lifeboat=lifeboat, found=found, home=home)


def _able(scope: Scope, connection: str) -> TellsHistory:
    where = connections.get(scope, connection)
    backend = scope.backends.of(where)
    if not isinstance(backend, TellsHistory):
        raise Conflict(
            backend.profile.why_not(TellsHistory), fix="Choose a connection to OpenAI, or to a server like it."
        )
    return backend


def _check_rows(rows: int) -> None:
    if not 0 <= rows <= MAX_ROWS:
        message = f"{rows} rows are out of range."
        raise Invalid([Problem("/rows", "range", message, f"Ask from 0 to {MAX_ROWS} rows of each model.")])
