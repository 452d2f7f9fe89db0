"""The verb behind a chat by a model's name: the deployment that answers it, begun where nothing is billed."""

from collections.abc import Sequence

from app.domain.deployments import Deployment, DeploymentGoal, DeploymentStatus, Target
from app.domain.errors import Conflict, Forbidden, Invalid, Problem
from app.services import checkpoints, deployments, openai_jobs, openai_models, verbs
from app.services.openai_models import NamedModel
from app.services.scope import Scope
from app.store import deployments as store

COMING = (DeploymentStatus.PENDING, DeploymentStatus.CREATING)


@verbs.reads("deployments")
def ready(scope: Scope, name: str) -> Deployment | None:
    """Return the deployment that answers for a model, if it is ready.

    Raises:
        NotFound, Invalid: the name means no model.
    """
    meant = openai_models.named(scope, name)
    if meant.checkpoint is not None:
        return None
    tuned = meant.tuned.id if meant.tuned else None
    target = Target(connection=meant.connection.id, base_model=meant.base_model, model=tuned)
    return store.ready_for(scope.read, target)


@verbs.spends("answers", verbs.LATER)
def serving(scope: Scope, name: str) -> Deployment:
    """Return the deployment that answers for a model, ready or on its way; where it costs nothing it is begun.

    Raises:
        NotFound, Invalid: the name means no model; or nothing serves it, and serving it is billed or not allowed.
        Conflict: what served it has failed.
    """
    meant = openai_models.named(scope, name)
    target = _target(scope, meant)
    known = [each for each in store.of_target(scope.read, target) if each.goal is DeploymentGoal.PRESENT]
    for statuses in ((DeploymentStatus.READY,), COMING):
        found = [each for each in known if each.status in statuses]
        if found:
            return found[-1]
    _raise_if_failed(known)
    asked = {"model": target.model}
    if target.model is None:
        asked = {"base_model": target.base_model, "connection": target.connection}
    try:
        openai_jobs.check_spending(scope, meant.connection)
    except Forbidden as error:
        raise _needed(name, f"{error.message} {error.fix}") from error
    if not deployments.is_free(scope, asked):
        raise _needed(name, "Serving it is billed: deploy it on its page, where the cost is shown first.")
    return deployments.create(scope, target=asked)


def _target(scope: Scope, meant: NamedModel) -> Target:
    tuned = meant.tuned
    if meant.checkpoint is not None:
        tuned = checkpoints.make_model(scope, *meant.checkpoint)
    return Target(
        connection=meant.connection.id, base_model=meant.base_model, model=None if tuned is None else tuned.id
    )


def _raise_if_failed(known: Sequence[Deployment]) -> None:
    failed = next((each for each in known if each.status is DeploymentStatus.FAILED), None)
    if failed is not None:
        fix = f"Look at /deployments/{failed.id}; once it is deleted, asking begins another one."
        raise Conflict(f"The deployment {failed.name!r} has failed. {failed.message}".strip(), fix=fix)


def _needed(name: str, why: str) -> Invalid:
    return Invalid([Problem("/model", "deployment_required", f"Nothing serves {name} now.", why)])
