"""What the wizard's templates are given: a draft with everything that its answers stand for."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from app.domain.catalog import CatalogModel
from app.domain.datasets import Dataset
from app.domain.drafts import Checked, DraftReview, JobDraft, Step
from app.domain.errors import DomainError, Problem
from app.domain.prices import UNKNOWN
from app.domain.splits import SplitResult
from app.services import catalog, checkpoints, connections, datasets, drafts, preflights, projects, splits
from app.services import models as tuned_models
from app.services.scope import Scope
from app.web.presses import fresh_key
from app.web.views import catalog as catalog_view
from app.web.views import costs
from app.web.views import datasets as dataset_view
from app.web.views import wizard as view
from app.web.views.parts import Lenient
from app.web.views.prices import price_lines

T = TypeVar("T")
_LISTED = 100
_SHOWN_ROWS = 3


def step_context(
    scope: Scope, review: DraftReview, step: Step, problems: Sequence[Problem], *, query: str = ""
) -> dict[str, Any]:
    """Return what a step's page shows; `query` narrows the list of base models."""
    draft, chosen = review.draft, review.checked
    context: dict[str, Any] = {
        "draft": draft,
        "step": step.value,
        "label": view.labels()[step.value],
        "steps": view.marks(review, step.value),
        "readiness": view.readiness(review),
        "review": review,
        "estimate": review.estimate,
        "chosen": chosen,
        "answers": Lenient(draft.values),
        "errors": Lenient(view.errors_by_field(problems)),
        "error_links": view.error_links(problems),
        "pressed": False,
        "typed": "",
        "is_first": step is Step.PROJECT,
        "dropped": (),
        "carried": "",
        "price_lines": price_lines(review.estimate.bill, scope.now().date()) if review.estimate else (),
    }
    if step is Step.MODEL:
        return {**context, **_models(scope, draft, chosen, query)}
    return {**context, **_of_step(scope, draft, step, chosen)}


def review_context(scope: Scope, draft: JobDraft, key: str) -> dict[str, Any]:
    """Return what the review shows."""
    review = drafts.review_of(scope, draft)
    chosen, today = review.checked, scope.now().date()
    bill = review.estimate.bill if review.estimate else UNKNOWN
    return {
        "draft": draft,
        "steps": view.marks(review, view.REVIEW),
        "review": review,
        "estimate": review.estimate,
        "missing": view.missing(review),
        "readiness": view.readiness(review),
        "chosen": chosen,
        "hyperparameter_fields": view.hyperparameter_fields(chosen.model, draft) if chosen.model else [],
        "answers": Lenient(draft.values),
        "validation": Lenient(view.values_of(draft, "validation")),
        "split": _split(scope, draft, chosen),
        "key": key,
        "preflight": preflights.of_checked(scope, chosen),
        "price_lines": price_lines(bill, today),
        "cost": costs.of_job(bill, chosen.connection.id if chosen.connection else "", today),
        "errors": [],
        "errors_by_field": Lenient(),
    }


def _of_step(scope: Scope, draft: JobDraft, step: Step, chosen: Checked) -> dict[str, Any]:
    match step:
        case Step.PROJECT:
            listed = projects.list_projects(scope, limit=_LISTED).items
            return {
                "projects": listed,
                "project_options": view.options(listed),
                "connections": [connections.shown(scope, each) for each in connections.list_connections(scope)],
            }
        case Step.DATA:
            # What cannot be trained on stands last, with its status, and is not to be chosen.
            stored = datasets.list_datasets(scope, with_parts=True, limit=_LISTED).items
            chosen_id = draft.values.get("training_dataset")
            found = [each for each in stored if each.may_be_trained_on or each.id == chosen_id]
            return {
                "datasets": sorted(found, key=lambda each: not each.is_ready),
                "import_roots": scope.app_context.import_roots,
                "upload_key": fresh_key(),
                **_look_into(scope, chosen),
            }
        case Step.VALIDATION:
            values, tested = view.values_of(draft, "validation"), draft.values.get("test_dataset")
            return {
                "dataset_options": view.options(_ready(scope)),
                "validation": Lenient(values),
                "ratio": view.percent_of(values.get("ratio"), 10),
                # An evaluation on rows that chose the checkpoint flatters: without another answer some are kept apart.
                "test_ratio": view.percent_of(values.get("test_ratio"), 0 if values or tested else 10),
                "split": _split(scope, draft, chosen),
            }
        case Step.HYPERPARAMETERS | Step.MODEL:
            return {"hyperparameter_fields": view.hyperparameter_fields(chosen.model, draft) if chosen.model else []}


def _models(scope: Scope, draft: JobDraft, chosen: Checked, query: str) -> dict[str, Any]:
    """Return the second step: models that fit the search, and the chosen one in any case, lest saving forgets it."""
    connection = str(draft.values.get("connection") or "") or None
    models = _found(lambda: catalog.search(scope, connection=connection)) or ()
    mine = chosen.model
    if mine is not None and mine.id not in {model.id for model in models} and _is_tuned(scope, mine):
        models = (mine, *models)  # what is trained further stands among the others, by its name
    fitting = models if not query else _found(lambda: catalog.search(scope, connection=connection, query=query)) or ()
    wanted = {model.id for model in fitting} | {str(draft.values.get("base_model") or "")}
    names = {each.id: each.name for each in connections.list_connections(scope)}
    today = scope.now().date()
    shown = [catalog_view.shown(model, models, names, today) for model in models if model.id in wanted]
    return {
        "models": sorted(shown, key=lambda each: (each.retired, bool(each.end))),  # what can be chosen comes first
        "listed": {model.id for model in models},
        "chosen_model": chosen.model and catalog_view.shown(chosen.model, models, names, today),
        "freshness": [each for each in catalog.freshness(scope) if each.connection.id == connection],
        "query": query,
        "found": bool(fitting),
    }


def _is_tuned(scope: Scope, model: CatalogModel) -> bool:
    behind = (find(scope, model.connection, model.id) for find in (tuned_models.behind, checkpoints.behind))
    return any(each is not None for each in behind)


def _ready(scope: Scope) -> Sequence[Dataset]:
    return datasets.ready(scope, limit=_LISTED)


def _look_into(scope: Scope, chosen: Checked) -> dict[str, Any]:
    training = chosen.training
    if training is None:
        return {"report": None, "lengths": None, "rows": ()}
    rows = _found(lambda: datasets.rows(scope, training.id, limit=_SHOWN_ROWS)) or ()
    report = datasets.report(scope, training.id)
    return {"report": report, "lengths": dataset_view.lengths(report.lengths if report else ()), "rows": rows}


def _split(scope: Scope, draft: JobDraft, chosen: Checked) -> SplitResult | None:
    wanted, training = view.requested_split(draft), chosen.training
    if wanted is None or training is None:
        return None
    return _found(lambda: splits.preview(scope, training.id, wanted))


def _found(ask: Callable[[], T]) -> T | None:
    """Return what is asked for, or None where there is no such thing: a page shows what is there."""
    try:
        return ask()
    except DomainError:
        return None
