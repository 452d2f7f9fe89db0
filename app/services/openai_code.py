"""A job as code for our own `/v1`: for OpenAI's clients, which need no more than its address."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.domain.connections import Connection
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobSpec
from app.domain.openai_code.request import HYPERPARAMETERS, CodeRequest, Rows
from app.domain.openai_code.targets import TARGETS, write
from app.domain.openai_names import FILE, outside
from app.services import connections, openai_jobs, verbs
from app.services.openai_models import full_name
from app.services.scope import Scope

_PREFIX = "v1-"
_MOST = {"n_epochs": 50, "batch_size": 256, "beta": 2}  # what the clients' types take


@verbs.reads("jobs")
def targets(scope: Scope, connection: Connection) -> Mapping[str, str]:
    """Return what a job of a connection can be shown as; nothing where programs may begin nothing there."""
    if not openai_jobs.spends(scope, connection):
        return {}
    return {f"{_PREFIX}{target}": f"/v1 ({title})" for target, title in TARGETS.items()}


def is_target(target: str) -> bool:
    """Whether a target is one of ours."""
    return target.removeprefix(_PREFIX) in TARGETS and target.startswith(_PREFIX)


@verbs.reads("jobs")
def write_job(
    scope: Scope, spec: JobSpec, target: str, *, base_url: str, training: str | Path, validation: str | Path | None
) -> str:
    """Return the code. Rows are the id of a dataset, which is the file's id there, or a file that is sent."""
    connection = connections.get(scope, spec.connection)
    request = CodeRequest(
        name=spec.name,
        base_url=f"{base_url}/v1",
        key="TUNEDESK_API_KEY",
        key_otherwise="any",
        headers={"project": spec.project},
        model=full_name(connection, spec.base_model),
        method=spec.method,
        training=_rows(training),
        validation=None if validation is None else _rows(validation),
        hyperparameters={name: value for name, value in spec.hyperparameters.items() if _is_theirs(name, value)},
        suffix=spec.name,
        seed=spec.seed,
        metadata=dict(spec.metadata),
        further=_further(spec),
        poll_s=2,
        after=_after(spec),
    )
    return write(target.removeprefix(_PREFIX), request)


def _rows(given: str | Path) -> Rows:
    return Rows(path=given) if isinstance(given, Path) else Rows(id=outside(given, FILE))


def _is_theirs(name: str, value: Hyperparameter) -> bool:
    """Whether the clients' types have a hyperparameter, with that value."""
    most = _MOST.get(name)
    return name in HYPERPARAMETERS and (most is None or not isinstance(value, int | float) or value <= most)


def _further(spec: JobSpec) -> dict[str, Any]:
    more = {name: value for name, value in spec.hyperparameters.items() if not _is_theirs(name, value)}
    groups = {"hyperparameters": more, "options": dict(spec.options)}
    chosen = {name: values for name, values in groups.items() if values}
    return {"tunedesk": chosen} if chosen else {}


def _after(spec: JobSpec) -> str:
    if spec.test_dataset is None and not spec.validation.test_ratio:
        return ""
    return "Test rows have no name on this wire: evaluate the model on its page, or by POST /api/v1/evaluations."
