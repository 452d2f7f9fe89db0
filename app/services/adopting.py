"""Verbs that take into the record what others made on a connected account: files as datasets, and trainings as jobs.

The provider is asked first, and what it gave is recorded in one transaction: whoever dies before that has changed
nothing, and whoever asks again is given what the first one recorded.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from app.domain import backend as seam
from app.domain.adoption import Account, AccountFile, AccountJob, AdoptedFile, Adopts
from app.domain.connections import Connection
from app.domain.datasets import Dataset
from app.domain.errors import Conflict, Invalid, NotFound, Problem, ProviderFailed, or_not_found
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import (
    PROVIDER_METHOD,
    TRAINED,
    FineTuningJob,
    JobParts,
    JobSpec,
    JobStatus,
    Method,
    ValidationChoice,
    ValidationKind,
)
from app.domain.lifeboats import PastJob
from app.domain.names import checked_name, fitting_name, model_name_problem
from app.services import connections, datasets, projects, verbs
from app.services.orphans import job_of
from app.services.reading_in import Checked
from app.services.scope import Scope
from app.store import adoptions as store
from app.store import events as event_store
from app.store import jobs as job_store
from app.store.database import Reader

T = TypeVar("T")
_GONE = (seam.NotFound, seam.Rejected, seam.Permanent)
_REMOTE_ID = re.compile(r"[A-Za-z0-9][\w.:-]{0,199}")  # stands in a provider's addresses
_LONGEST_VALUE, _MOST_VALUES = 200, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReport:
    """What is on a connection's account and not in the record, looked up at `checked_at`; and the files that are."""

    connection: Connection
    checked_at: datetime
    jobs: Sequence[AccountJob]
    files: Sequence[AccountFile]
    adopted: Sequence[AdoptedFile]
    cut: bool
    missing: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Rows for a job: a dataset that is here, or a file that was fetched and is yet to be recorded as one."""

    dataset: Dataset | None = None
    file: AccountFile | None = None
    checked: Checked | None = None


@verbs.reads("connections")
def can_adopt(scope: Scope, connection: Connection) -> bool:
    """Tell whether a connection's provider shows what others made there; asks nobody."""
    return scope.backends.opened(connection, Adopts) is not None


@verbs.reads("adoptions")
def source(scope: Scope, connection: str) -> Connection:
    """Return the connection whose account something is to be adopted from; asks nobody.

    Raises:
        Conflict: where the provider shows nothing of that.
    """
    where = connections.get(scope, connection)
    if not can_adopt(scope, where):
        fix = "Choose a connection to OpenAI, or to a server like it."
        raise Conflict(scope.backends.of(where).profile.why_not(Adopts), fix=fix)
    return where


@verbs.reads("adoptions")
def report(scope: Scope, connection: str) -> AccountReport:
    """Ask the provider now what is on the account, and compare it with the record.

    Raises:
        Conflict: where the provider shows nothing of that.
        ProviderFailed: when it does not answer.
    """
    where = connections.get(scope, connection)
    found: Account = _ask(scope, connection, "account", lambda backend: backend.account())
    tx = scope.read
    adopted = store.files(tx, connection)
    known = {each.remote_id for each in adopted}
    return AccountReport(
        connection=where,
        checked_at=scope.now(),
        jobs=[
            each
            for each in found.jobs
            if not job_store.is_taken(tx, connection, each.id) and job_of(tx, each.tag) is None
        ],
        files=[each for each in found.files if each.id not in known and job_of(tx, each.tag) is None],
        adopted=adopted,
        cut=found.cut,
        missing=found.missing,
    )


@verbs.writes("adoptions", verbs.NAMED)
def adopt_file(scope: Scope, connection: str, file: str, project: str, name: str = "") -> Dataset:
    """Take a file of the account into the record, as a dataset; asking again finds it.

    Raises:
        NotFound: there is no such file, or project.
        Conflict: it was sent for a job that is here, or the provider cannot do this.
        Invalid: its name, or its rows, are wrong.
    """
    _check_project(scope, project)
    label = checked_name(name, "/name", "The dataset") if name else ""
    return _recorded(scope, connection, _fetched(scope, connection, file), project, label)


@verbs.writes("adoptions", verbs.NAMED)
def adopt_job(
    scope: Scope, connection: str, job: str, project: str, name: str = "", training_dataset: str = ""
) -> FineTuningJob:
    """Take a training of the account into the record, with its rows; asking again finds it.

    From then on it is followed as any, and never submitted, steered or billed from here. A method that is not known
    here (reinforcement) keeps its provider's word. `training_dataset` names its rows where the provider has them no
    more.

    Raises:
        NotFound: there is no such job, project or dataset.
        Conflict: it is a job of this installation's, or the provider cannot do this.
        Invalid: its rows cannot be had and none are named; its name is wrong.
    """
    known = _adopted(scope.read, connection, job)
    if known is not None:
        return known
    _check_project(scope, project)
    found: AccountJob = _ask(scope, connection, job, lambda backend: backend.account_job(job))
    _refuse_ours(scope.read, found.tag, job)
    label = _name(found.job, name)
    training = _training_rows(scope, connection, found.job, training_dataset)
    validation = _validation_rows(scope, connection, found.job)
    tx = scope.write
    known = _adopted(tx, connection, job)  # somebody may have been quicker
    if known is not None:
        return known
    parts = JobParts(
        training=_recorded(scope, connection, training, project).id,
        validation=None if validation is None else _recorded(scope, connection, validation, project).id,
    )
    return _record(scope, found.job, _spec(found.job, connection, project, label, parts), parts)


@verbs.deletes("adoptions")
def remove_file(scope: Scope, connection: str, file: str, confirm: str) -> str:
    """Remove an adopted file at its provider, and return how; its rows stay here.

    Raises:
        NotFound: no such file was adopted.
        Invalid: unless `confirm` is its name there.
        Conflict: a job that is followed still trains on it.
    """
    known = or_not_found(store.file(scope.read, connection, file), "adopted file", file[:120])
    if confirm != known.name:
        fix = f"Type {known.name} exactly."
        raise Invalid([Problem("/confirm", "mismatch", "The name you typed is not the file's name.", fix)])
    for each in job_store.followed(scope.read, connection):
        if known.dataset in {each.datasets.training, each.datasets.validation}:
            raise Conflict(f"The job {each.spec.name} still trains on this file.", fix="Wait for its end.")
    with scope.ask(connection, Adopts) as backend:
        backend.remove_account_file(file)
    tx = scope.write
    if store.file(tx, connection, file) is not None:  # the same press may have come twice
        store.forget_file(tx, connection, file)
        sentence = f"{scope.actor} removed the adopted file {known.name}."
        event_store.add(tx, connection, sentence, at=scope.now(), kind="note")
    return f"{known.name} is removed at the provider; its rows stay here."


def _ask(scope: Scope, connection: str, name: str, call: Callable[[Adopts], T]) -> T:
    """Return what a provider says.

    Raises:
        NotFound: it has nothing of that name.
        Conflict, ProviderFailed: as `Scope.ask`.
    """
    if _REMOTE_ID.fullmatch(name) is None:
        raise NotFound("thing on the account", name[:120])
    with scope.ask(connection, Adopts, fix="Choose a connection to OpenAI, or to a server like it.") as backend:
        try:
            return call(backend)
        except seam.NotFound as error:
            raise NotFound("thing on the account", name) from error


def _check_project(scope: Scope, project: str) -> None:
    if not project:
        raise Invalid([Problem("/project", "missing", "Choose a project.", "Create one first if there is none.")])
    projects.get(scope, project)


def _adopted(tx: Reader, connection: str, job: str) -> FineTuningJob | None:
    """Return the record of a job that was adopted before.

    Raises:
        Conflict: the job is another one's here.
    """
    known = job_store.by_remote_id(tx, connection, job)
    if known is None and job_store.is_taken(tx, connection, job):
        raise Conflict("It is in the record already, in a project that you do not see.", fix="Ask an administrator.")
    if known is not None and not known.adopted:
        raise Conflict(f"It is in the record already: {known.id}.", fix="Look at that job.")
    return known


def _refuse_ours(tx: Reader, tag: str, name: str) -> None:
    """Refuse what belongs to a job that is here: one whose submit got no answer finds it by itself."""
    ours = job_of(tx, tag)
    if ours is not None:
        raise Conflict(f"{name} belongs to {ours}, which is in the record.", fix="Look at that job.")


def _name(past: PastJob, given: str) -> str:
    """Return the name for a job: that which was given, else its own, else one made of its id.

    Raises:
        Invalid: the one that was given cannot be a model's.
    """
    problem = model_name_problem(given, "/name") if given else None
    if problem is not None:
        raise Invalid([problem])
    made = re.sub(r"[^a-z0-9]", "", past.id.lower())[-12:]
    own = past.name if model_name_problem(past.name, "/name") is None else ""
    return given or own or f"adopted-{made or 'job'}"


def _training_rows(scope: Scope, connection: str, past: PastJob, named: str) -> _Rows:
    if named:
        return _Rows(dataset=datasets.get(scope, named))
    if past.training_file:
        try:
            return _fetched(scope, connection, past.training_file)
        except (NotFound, Invalid) as error:
            reason = error.message
    else:
        reason = "The provider names none."
    message = f"The rows that it was trained on cannot be had: {reason}"
    raise Invalid([Problem("/training_dataset", "missing_data", message, "Choose the dataset that has them.")])


def _validation_rows(scope: Scope, connection: str, past: PastJob) -> _Rows | None:
    try:
        return _fetched(scope, connection, past.validation_file) if past.validation_file else None
    except (NotFound, Invalid):
        return None  # it is followed without them


def _fetched(scope: Scope, connection: str, file: str) -> _Rows:
    """Return a file's rows: the dataset that they are here, or themselves; records nothing, holds no transaction."""
    known = store.file(scope.read, connection, file)
    if known is not None:
        return _Rows(dataset=datasets.get(scope, known.dataset))

    def fetch(backend: Adopts) -> tuple[AccountFile, bytes]:
        try:
            return backend.account_file(file), backend.account_rows(file)
        except _GONE as error:
            raise seam.NotFound(error.detail, fix=error.fix) from error

    found, content = _ask(scope, connection, file, fetch)
    _refuse_ours(scope.read, found.tag, found.name)
    scope.release()
    stored = scope.files.store([content])
    return _Rows(file=found, checked=datasets.read_stored(scope, stored, found.name))


def _recorded(scope: Scope, connection: str, rows: _Rows, project: str, name: str = "") -> Dataset:
    """Return the dataset of rows, recorded where it was not."""
    if rows.dataset is not None:
        return rows.dataset
    if rows.file is None or rows.checked is None:
        raise ProviderFailed("The file came without rows.", fix="Try again.")
    filename = rows.file.name
    label = name or fitting_name(Path(filename).stem, "dataset")
    made = datasets.record(scope, rows.checked, name=label, filename=filename, project=project, made_by="adopted")
    noted = AdoptedFile(
        connection=connection, remote_id=rows.file.id, name=filename, dataset=made.id, created_at=scope.now()
    )
    store.keep_file(scope.write, noted)
    return made


def _spec(past: PastJob, connection: str, project: str, name: str, parts: JobParts) -> JobSpec:
    method = Method(past.method) if past.method in TRAINED else Method.OTHER
    validation = ValidationChoice()
    if parts.validation is not None:
        validation = ValidationChoice(kind=ValidationKind.DATASET, dataset=parts.validation)
    return JobSpec(
        project=project,
        connection=connection,
        base_model=past.base_model or "unknown",
        name=name,
        method=method,
        training_dataset=parts.training,
        validation=validation,
        hyperparameters=_values(past),
        options={} if method in TRAINED else {PROVIDER_METHOD: past.method[:_LONGEST_VALUE]},
        seed=past.seed,
    )


def _values(past: PastJob) -> dict[str, Hyperparameter]:
    short = [each for each in past.hyperparameters.items() if len(str(each[1])) <= _LONGEST_VALUE and each[0]]
    return {name[:_LONGEST_VALUE]: value for name, value in short[:_MOST_VALUES]}


def _record(scope: Scope, past: PastJob, spec: JobSpec, parts: JobParts) -> FineTuningJob:
    tx, now = scope.write, scope.now()
    job = FineTuningJob(
        id=scope.new_id("job"),
        spec=spec,
        status=JobStatus.QUEUED,
        remote_id=past.id,
        raw_status=past.word,
        parts=parts,
        created_at=now,
        changed_at=now,
        adopted=True,
    )
    job_store.add(tx, job, due_at=scope.due_now())
    event_store.add(tx, job.id, JobStatus.QUEUED.value, at=now)
    made = f", made on {past.made_at:%-d %B %Y}" if past.made_at is not None else ""
    said = (
        f"{scope.actor} adopted {past.id}{made}. It is followed, and neither submitted, steered nor billed from here."
    )
    event_store.add(tx, job.id, said, at=now, kind="request")
    scope.nudge()
    return job
