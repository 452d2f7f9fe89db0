"""The sample project: from nothing to a wizard that is filled in, in one verb."""

import json
from pathlib import Path
from typing import Any

from app.domain.actors import Role
from app.domain.datasets import Dataset
from app.domain.drafts import JobDraft
from app.domain.errors import Conflict
from app.domain.projects import DecisionRecord, Project
from app.services import catalog, connections, datasets, drafts, projects, verbs
from app.services.reading_in import read_in
from app.services.scope import Scope
from app.store import projects as project_store

PROJECT_NAME = "Support triage (sample)"
MODEL_NAME = "support-triage"
DECISION = DecisionRecord(
    use_case="Send a customer's message to one of six queues: billing, delivery, returns, account, technical, sales.",
    alternatives_tried=(
        "The base model with a prompt alone, and with six examples in the prompt: it answers in its own words instead "
        "of naming a queue. TF-IDF with logistic regression: better, on this task."
    ),
    costs="About a minute of training on two processor cores, and 660 labelled messages.",
    benefits="One word for every message, at once, on one's own machine. A demonstration, not a product.",
)
_FILES = ("training", "validation", "test")


@verbs.writes("drafts", verbs.LATER)
def draft(scope: Scope) -> JobDraft:
    """Begin a draft with everything answered, making the sample's project and datasets where they are missing.

    Raises:
        Conflict: when the sample's files are not part of this installation.
    """
    folder = scope.app_context.samples / "support_triage"
    recipe = _recipe(folder)
    project = _project(scope)
    parts = {kind: _dataset(scope, folder / recipe["files"][kind], kind, project) for kind in _FILES}
    connection = connections.default_id(scope)
    model = catalog.model(scope, connection, recipe["base_model"])
    options = {spec.name for spec in model.hyperparameters if spec.option}
    return drafts.create(
        scope,
        {
            "project": project.id,
            "connection": connection,
            "base_model": recipe["base_model"],
            "name": MODEL_NAME,
            "task_type": "chat_completion",
            "method": recipe["method"],
            "training_dataset": parts["training"].id,
            "validation": {"kind": "dataset", "dataset": parts["validation"].id},
            "test_dataset": parts["test"].id,
            "hyperparameters": recipe["hyperparameters"],
            "options": {name: value for name, value in recipe["options"].items() if name in options},
            "seed": recipe["seed"],
        },
    )


def _recipe(folder: Path) -> dict[str, Any]:
    try:
        recipe: dict[str, Any] = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    except OSError as error:
        message = "The sample's files are not part of this installation."
        raise Conflict(message, fix="Clone the repository again; they live in app/samples.") from error
    return recipe


def _project(scope: Scope) -> Project:
    known = project_store.by_name(scope.read, PROJECT_NAME)
    if scope.actor.role is Role.PERSON:  # it goes where they work: only administrators make projects
        own = scope.actor.writable
        if known is None or known.id not in own:
            return projects.get(scope, min(own, key=projects.names(scope).__getitem__))
    if known is not None:
        return known
    made = projects.create(scope, PROJECT_NAME, "The sample that comes with TuneDesk.")
    return projects.decide(scope, made.id, DECISION)


def _dataset(scope: Scope, file: Path, kind: str, project: Project) -> Dataset:
    stored = scope.files.store([file.read_bytes()])
    return datasets.record(
        scope,
        read_in(scope.files, stored, file.name),
        name=f"Support triage, {kind}",
        filename=file.name,
        project=project.id,
        made_by="sample",
    )
