"""Verbs that tell where things are used: what rests on a dataset, and what a model came from and serves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.domain.datasets import Dataset, DatasetUse, DatasetUses, UseCount
from app.domain.deployments import Deployment
from app.domain.evaluations import Evaluation
from app.domain.jobs import FineTuningJob
from app.domain.models import FineTunedModel
from app.services import catalog, datasets, verbs
from app.services.scope import Scope
from app.store import deployments as deployment_store
from app.store import evaluations as evaluation_store
from app.store import jobs as job_store
from app.store import models as model_store
from app.store import usage as store

_LISTED = 100  # jobs, and evaluations


@verbs.reads("datasets")
def counts(scope: Scope, identifiers: Sequence[str]) -> Mapping[str, UseCount]:
    """Return how many jobs and evaluations use each dataset; unused ones are left out."""
    return store.counts(scope.read, identifiers)


@verbs.reads("datasets")
def of_dataset(scope: Scope, identifier: str) -> DatasetUses:
    """Return what rests on a dataset, or on parts made from it: jobs, their models, deployments, evaluations."""
    tx = scope.read
    family = {datasets.get(scope, identifier).id, *(each.id for each in datasets.children(scope, identifier))}
    users = store.users(tx, identifier, limit=_LISTED)
    jobs = list(job_store.many(tx, users["jobs"]).values())
    made = model_store.of_jobs(tx, users["jobs"])
    served = deployment_store.of_models(tx, [each.id for each in made])
    evaluated = list(evaluation_store.many(tx, users["evaluations"]).values())
    names = {each.id: each.name for each in made}
    uses = [
        *(_job_use(each, family) for each in jobs),
        *(_model_use(each) for each in made),
        *(_deployment_use(each) for each in served),
        *_evaluation_uses(scope, evaluated, family, names),
    ]
    uses.sort(key=lambda each: (each.created_at, each.id), reverse=True)
    counted = store.counts(tx, [identifier]).get(identifier, UseCount())
    return DatasetUses(counts=counted, uses=tuple(uses))


def _job_use(job: FineTuningJob, family: set[str]) -> DatasetUse:
    spec, parts = job.spec, job.datasets
    named: dict[str, set[str | None]] = {
        "training": {spec.training_dataset, parts.training},
        "validation": {spec.validation.dataset, parts.validation},
        "test": {spec.test_dataset, parts.test},
    }
    used = tuple(part for part, ids in named.items() if ids & family)
    return DatasetUse(
        kind="job", id=job.id, name=spec.name, status=job.status.value, created_at=job.created_at, parts=used
    )


def _model_use(model: FineTunedModel) -> DatasetUse:
    status = model.status.value
    return DatasetUse(
        kind="model", id=model.id, name=model.name, status=status, created_at=model.created_at, of=model.job
    )


def _deployment_use(deployment: Deployment) -> DatasetUse:
    return DatasetUse(
        kind="deployment",
        id=deployment.id,
        name=deployment.name,
        status=deployment.status.value,
        created_at=deployment.created_at,
        of=deployment.target.model,
    )


def _evaluation_uses(
    scope: Scope, found: Sequence[Evaluation], family: set[str], names: Mapping[str, str]
) -> Iterator[DatasetUse]:
    base_name = catalog.BaseNames(scope)
    for each in found:
        used = {"rows": each.dataset, "examples": each.few_shot_dataset}
        model = each.target.model
        name = names.get(model, "") if model else ""
        yield DatasetUse(
            kind="evaluation",
            id=each.id,
            name=name or base_name(each.target.connection, each.target.base_model),
            status=each.status.value,
            created_at=each.created_at,
            parts=tuple(part for part, dataset in used.items() if dataset in family),
            of=each.job,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUse:
    """What a model was trained on, what serves it now, and its newest evaluation that has figures."""

    dataset: Dataset | None
    deployments: Sequence[Deployment]
    evaluation: Evaluation | None


@verbs.reads("models")
def of_models(scope: Scope, found: Sequence[FineTunedModel]) -> Mapping[str, ModelUse]:
    """Return the same of several models by their ids, at the cost of four questions to the database."""
    tx, ids = scope.read, [each.id for each in found]
    jobs = job_store.many(tx, [each.job for each in found if each.job])
    trained_on = datasets.many(scope, [each.spec.training_dataset for each in jobs.values()])
    served = deployment_store.of_models(tx, ids)
    evaluated = {each.target.model: each for each in evaluation_store.of_models(tx, ids)}  # the newest one comes last
    sources = {each.id: jobs[each.job].spec.training_dataset for each in found if each.job in jobs}
    return {
        each: ModelUse(
            dataset=trained_on.get(sources.get(each, "")),
            deployments=[one for one in served if one.target.model == each],
            evaluation=evaluated.get(each),
        )
        for each in ids
    }
