"""Verbs on AutoTrain's configuration files: what one would become here, and the draft that it becomes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.data.mapping import columns_of
from app.domain.autotrain import reading, rows, translating
from app.domain.autotrain.entries import Surroundings
from app.domain.autotrain.report import ImportReport
from app.domain.catalog import CatalogModel
from app.domain.datasets import Dataset, DatasetStatus
from app.domain.drafts import JobDraft
from app.domain.errors import Invalid
from app.domain.mappings import ColumnMapping
from app.services import catalog, connections, datasets, drafts, mappings, projects, verbs
from app.services.provider_errors import PROVIDER_ERRORS
from app.services.scope import Scope
from app.training import trl_arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What a person says beside the file, by id; "" for nothing. Without a connection, the first one is meant."""

    project: str = ""
    connection: str = ""
    training_dataset: str = ""
    validation_dataset: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The draft that was made, and what became of each line of the file."""

    draft: JobDraft
    report: ImportReport


@verbs.reads("drafts")
def report(scope: Scope, text: str, chosen: Chosen) -> ImportReport:
    """Return what would become of each line; makes nothing.

    Raises:
        Invalid: the file is none of AutoTrain's, or of a task that is not trained here, by name.
        NotFound: one of the chosen things is not here.
    """
    return _translated(scope, _configuration(text), chosen, _datasets(scope, chosen)).report


@verbs.writes("drafts", verbs.Within(parameter="chosen"))
def create(scope: Scope, text: str, chosen: Chosen) -> Imported:
    """Begin a draft with the file's answers, wrong ones included, as the wizard keeps them.

    Where the chosen rows need roles for their columns, and the file names them, they are mapped by it.

    Raises:
        Invalid, NotFound: as `report`.
    """
    configuration = _configuration(text)
    brought = [each and _mapped(scope, configuration, each) for each in _datasets(scope, chosen)]
    translation = _translated(scope, configuration, chosen, (brought[0], brought[1]))
    given = {"project": chosen.project, "connection": _connection(scope, chosen)}
    answers = {**{name: value for name, value in given.items() if value}, **translation.fields}
    return Imported(draft=drafts.create(scope, answers), report=translation.report)


Brought = tuple[Dataset | None, Dataset | None]


def _configuration(text: str) -> reading.Configuration:
    from app.domain.autotrain import yaml_text

    return reading.read(yaml_text.load(text))


def _connection(scope: Scope, chosen: Chosen) -> str:
    return chosen.connection or connections.default_id(scope)


def _datasets(scope: Scope, chosen: Chosen) -> Brought:
    """Return the chosen rows, for training and for validation.

    Raises:
        NotFound: any of the chosen things is not here.
    """
    if chosen.project:
        projects.get(scope, chosen.project)
    connections.get(scope, _connection(scope, chosen))
    training, validation = chosen.training_dataset, chosen.validation_dataset
    return (
        datasets.get(scope, training) if training else None,
        datasets.get(scope, validation) if validation else None,
    )


def _translated(
    scope: Scope, configuration: reading.Configuration, chosen: Chosen, brought: Brought
) -> translating.Translation:
    model = _model(scope, configuration, _connection(scope, chosen))
    training, validation = brought
    around = Surroundings(
        training=training,
        validation=validation,
        specs=model.hyperparameters if model is not None else None,
        total_steps=_total_steps(training.rows) if training is not None and training.rows else None,
    )
    return translating.translate(configuration, around)


def _model(scope: Scope, configuration: reading.Configuration, connection: str) -> CatalogModel | None:
    """Return the base model there; None where it is not known, which the wizard says."""
    try:
        return catalog.model(scope, connection, translating.base_model(configuration))
    except (Invalid, *PROVIDER_ERRORS):
        return None


def _total_steps(rows_: int) -> Callable[[Mapping[str, Any]], int]:
    def total(settings: Mapping[str, Any]) -> int:
        alone = {"batch_size": 1, "gradient_accumulation_steps": 1, "n_epochs": 1}
        return trl_arguments.total_steps(rows_, {**alone, **settings})

    return total


def _mapped(scope: Scope, configuration: reading.Configuration, dataset: Dataset) -> Dataset:
    """Return the dataset, as the version whose columns have the roles that the file gives them, where it needs any."""
    if dataset.status is not DatasetStatus.NEEDS_MAPPING:
        return dataset
    columns = [each.name for each in columns_of(datasets.path(scope, dataset.id))]
    roles = rows.roles_of(configuration, columns)
    return dataset if roles is None else mappings.apply(scope, dataset.id, ColumnMapping(roles=roles))
