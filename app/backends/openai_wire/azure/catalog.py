"""What Azure tunes, where and as what kind of training: dated data, which is a notice and never a gate.

The dates moved by a year between April and July 2026, so a model that should have ended can still be tried here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from app.backends.openai_wire.azure.settings import AzureSettings
from app.backends.openai_wire.catalog.hyperparameters import PRESETS, SPECS
from app.backends.openai_wire.catalog.lookup import ListedModel, LooksUpList
from app.backends.openai_wire.catalog.models import as_of, data, day
from app.backends.openai_wire.training.past import moment
from app.domain.backend import Backend, NotFound
from app.domain.backend_abilities import NamesBases
from app.domain.catalog import CatalogModel, Lifecycle, LifecycleStatus
from app.domain.hyperparameters import HyperparameterSpec, HyperparameterType

TRAINING_TYPE = "training_type"
STANDARD, GLOBAL, DEVELOPER = "Standard", "GlobalStandard", "developerTier"  # as the service takes them
_TRAINED = frozenset({"sft", "dpo"})
# By the base's name, where the data does not say (Microsoft's azure-skills, 2026-08-21). Case counts: a wrong one is
# answered by a 500 without a message.
_FORMATS = (("oss", "Microsoft"), ("mistral", "Mistral AI"), ("ministral", "Mistral AI"), ("llama", "Meta"),
            ("meta", "Meta"), ("qwen", "Alibaba"))  # fmt: skip
OPENAI_FORMAT = "OpenAI"


def rows() -> Sequence[Mapping[str, Any]]:
    """Return the data's rows of what Azure tunes by examples."""
    return [row for row in data()["azure"] if _TRAINED & set(row.get("methods") or ())]


def name_of(row: Mapping[str, Any]) -> str:
    """Return a row's model as a create names it: with its version where that is known."""
    version = row.get("version")
    is_dated = row.get("format") == OPENAI_FORMAT and version
    return f"{row['model']}-{version}" if is_dated else str(row["model"])


def row_of(model: str) -> Mapping[str, Any] | None:
    """Return the row of a base model, by its name with or without the version."""
    return next((row for row in rows() if model in {name_of(row), row["model"]}), None)


def format_of(model: str) -> str:
    """Return the `format` that a deployment of a model, or of one tuned from it, has to name."""
    row = row_of(model)
    if row is not None and row.get("format"):
        return str(row["format"])
    lowered = model.lower()
    return next((found for part, found in _FORMATS if part in lowered), OPENAI_FORMAT)


def training_types(row: Mapping[str, Any], region: str) -> Sequence[str]:
    """Return the kinds of training of a model in a region; every kind where no region is known."""
    kinds = []
    if region in row.get("standard", ()) or (not region and row.get("standard")):
        kinds.append(STANDARD)
    if row.get("global") and (not region or region in global_regions()):
        kinds.append(GLOBAL)
    if row.get("developer"):
        kinds.append(DEVELOPER)
    return kinds


def global_regions() -> Sequence[str]:
    """Return the regions that train globally; those of four new models alone are left out."""
    known = data()["azure_global_training_regions"]
    return [*known["all_models"], *known["without_four_new_oss"]]


def listed_at_azure(body: Mapping[str, Any]) -> ListedModel | None:
    """Return a base model of a resource's list (dated plane 2024-10-21); None for a tuned one.

    `deprecation.fine_tune` is when training from it ends; `inference` ends the base, and its tuned models later.
    `capabilities.fine_tune` is not read: it is false of open models that train (azure-skills, 2026-08-21).
    """
    if body.get("fine_tune"):
        return None
    found = body.get("deprecation")
    ends: Mapping[str, Any] = found if isinstance(found, dict) else {}
    train, base = moment(ends.get("fine_tune")), moment(ends.get("inference"))
    return ListedModel(
        id=str(body["id"]), shutdown=base.date() if base else None, train_until=train.date() if train else None
    )


class AzureCatalog(LooksUpList, NamesBases, Backend):
    """To list base models."""

    settings: AzureSettings

    def base_models(self) -> Sequence[CatalogModel]:
        """Return what the data names, with the last days that the resource's own list has; calls nobody."""
        return [self._model(row) for row in rows()]

    def base_model(self, identifier: str) -> CatalogModel:
        """Return one base model.

        Raises:
            NotFound: when the data does not name it.
        """
        row = row_of(identifier)
        if row is None:
            fix = "Choose one from the catalog."
            raise NotFound(f"{identifier} is not among the models that Azure OpenAI tunes by examples.", fix=fix)
        return self._model(row)

    def base_name(self, identifier: str) -> str:
        """Return the name, which is the id."""
        return identifier

    def _model(self, row: Mapping[str, Any]) -> CatalogModel:
        kinds = training_types(row, self.settings.region)
        sources = data()["azure_sources"]
        everywhere = [*row.get("standard", ()), *(global_regions() if row.get("global") else ())]
        where = self.settings.region or "some region"
        return CatalogModel(
            id=name_of(row),
            name=name_of(row),
            publisher=str(row.get("format") or "OpenAI"),
            connection="",
            summary=f"Tuned in {where} as {', '.join(kinds) or 'nothing that is known'}.",
            family=str(row["model"]),
            methods=tuple(each for each in row["methods"] if each in _TRAINED),
            hyperparameters=(*SPECS, _training_type(kinds)),
            presets=PRESETS,
            lifecycle=self._lifecycle(row, str(sources["retirement"])),
            regions=tuple(dict.fromkeys(everywhere)),
            serve_regions=tuple(row.get("std_deploy", ())),
            known_from="the data file",
            source=str(sources["models_regions"]),
            as_of=date.fromisoformat(str(data()["as_of"])),
        )

    def _lifecycle(self, row: Mapping[str, Any], source: str) -> Lifecycle:
        """Return the data's days, or the resource's own: its list says when training ends, and when the base does."""
        known, fetched = _lifecycle(row, source), self.lookup.fetched_at()
        listed = next((each for each in self.lookup.models() if each.id == name_of(row)), None)
        if listed is None or fetched is None or listed.train_until is None:
            return known
        base = f" It answers untuned until {listed.shutdown}." if listed.shutdown else ""
        return replace(
            known,
            status=LifecycleStatus.RETIRING.value,
            train_until=listed.train_until,
            source="the resource's own list of models",
            as_of=fetched.date(),
            note=f"{known.note} The resource's own list ends its training on {listed.train_until}.{base}".strip(),
        )


def _training_type(kinds: Sequence[str]) -> HyperparameterSpec:
    offered = tuple(kinds) or (STANDARD, GLOBAL, DEVELOPER)
    return HyperparameterSpec(
        name=TRAINING_TYPE,
        label="Kind of training",
        type=HyperparameterType.CHOICE,
        default=GLOBAL if GLOBAL in offered else offered[0],
        choices=offered,
        option=True,
        help="Global is cheaper and may run anywhere; Standard stays in this region; Developer may be interrupted.",
    )


def _lifecycle(row: Mapping[str, Any], source: str) -> Lifecycle:
    train, serve = day(row.get("training_retirement")), day(row.get("deployment_retirement"))
    if train is None and serve is None:
        return Lifecycle(note="When it ends, no source says.")
    who, base = row.get("training_retirement_note") or "", row.get("base_retirement")
    who = who.replace("no earlier than; ", "These are the earliest days, and for ")
    note = f"{who}. The base model retires on {base}. Dates have moved before".removeprefix(". ")
    return Lifecycle(
        status=LifecycleStatus.RETIRING.value,
        train_until=train,
        serve_until=serve,
        source=source,
        as_of=as_of(),
        note=f"{note}.",
    )
