"""What can be fine-tuned at Azure: the data files, and over them what the registries told when they were last asked.

One model may be offered twice, once for each way of training, because nearly everything differs between the two:
where, on what, for how much, and until when.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from app.backends.azure_foundry.catalog import hyperparameters, reference_data
from app.backends.azure_foundry.catalog.model_ids import ModelId, Way
from app.backends.azure_foundry.catalog.reference_data import LifecycleFact, ModelFact
from app.backends.azure_foundry.catalog.registry import RegistryModel
from app.backends.azure_foundry.catalog.registry_cache import RegistryCache
from app.domain.backend import Backend, NotFound
from app.domain.backend_abilities import NamesBases
from app.domain.catalog import CatalogModel, CatalogState, Lifecycle, LifecycleStatus, LooksUpModels
from app.kit.clock import Clock

_WAYS = {Way.SERVERLESS: "serverless", Way.MANAGED: "managed compute"}


class Catalog(LooksUpModels, NamesBases, Backend):
    """To list base models, and to look them up again."""

    clock: Clock
    looked_up: RegistryCache

    def base_models(self) -> Sequence[CatalogModel]:
        """Return what can be fine-tuned, from the last look-up and the data files; calls nobody."""
        return tuple(_listed(self.looked_up.models(), self.clock.now().date()))

    def base_model(self, identifier: str) -> CatalogModel:
        """Return one base model, perhaps of a version.

        Raises:
            NotFound: when the id is none of Azure's, or no such model is offered that way.
        """
        wanted = ModelId.parse(identifier)
        plain = str(replace(wanted, version=None))
        found = next((model for model in self.base_models() if model.id == plain), None)
        if found is None:
            raise NotFound(
                f"{wanted.name} cannot be fine-tuned by {_WAYS[wanted.way]}, as far as the catalog knows.",
                fix="Choose one from the catalog, or look the catalog up again.",
            )
        return replace(found, id=str(wanted))

    def base_name(self, identifier: str) -> str:
        """Return the name for people: model, version if one is named, and way; an id that is none of ours as it is."""
        try:
            wanted = ModelId.parse(identifier)
        except NotFound:
            return identifier
        return f"{wanted.name}{f':{wanted.version}' if wanted.version else ''} ({_WAYS[wanted.way]})"

    def newest_version(self, model: ModelId) -> str | None:
        """Return the version to name for a model: what the registry told last, else the data file's. None: unknown.

        An archived model is not in the registry's list any more, and can be trained by its version only.
        """
        entry = _of(self.looked_up.models(), model)
        return model.version or (entry.version if entry else None) or hyperparameters.newest_version(model)

    def catalog_state(self) -> CatalogState:
        """Return how fresh the look-up and the data files are."""
        last = self.looked_up.last()
        return CatalogState(
            fetched_at=last.fetched_at if last else None,
            refreshing=self.looked_up.refreshing,
            data_as_of=reference_data.oldest(),
            problem=self.looked_up.problem,
        )

    def refresh_catalog(self) -> None:
        """Begin to look the registries up again."""
        self.looked_up.refresh()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """All that is known about one model: its fact, and what its registry told."""

    registry: str
    name: str
    fact: ModelFact | None
    entry: RegistryModel | None

    def id(self, way: Way) -> ModelId:
        return ModelId(way=way, registry=self.registry, name=self.name)


def _listed(entries: Sequence[RegistryModel], today: date) -> Iterator[CatalogModel]:
    reported = {(entry.registry, entry.name): entry for entry in entries}
    known = {(fact.registry, fact.name): fact for fact in reference_data.models()}
    for key in dict.fromkeys([*known, *reported]):
        one = _Known(registry=key[0], name=key[1], fact=known.get(key), entry=reported.get(key))
        yield from (_made(one, way, today) for way in Way if _is_offered(one, way))


def _is_offered(one: _Known, way: Way) -> bool:
    if _lifecycle_fact(one.id(way)) is not None:
        return True  # also what has ended: people look for it, and are told
    if way is Way.SERVERLESS:
        return bool(_regions(one)[0])
    return hyperparameters.managed_fact(one.id(way)) is not None or bool(one.entry and one.entry.instance_types)


def _made(one: _Known, way: Way, today: date) -> CatalogModel:
    fact, entry, model = one.fact, one.entry, one.id(way)
    train, serve = _regions(one) if way is Way.SERVERLESS else ((), ())
    where = f"the registry {one.registry}" if entry else "the data file"
    return CatalogModel(
        id=str(model),
        name=f"{one.name} ({_WAYS[way]})",
        publisher=(fact.publisher if fact else "") or (entry.publisher if entry else ""),
        connection="",
        summary=(fact.summary if fact else "") or (entry.summary if entry else ""),
        family=fact.family if fact else "",
        licence=(fact.licence if fact else None) or (entry.licence if entry else "") or "",
        methods=fact.methods if fact else ("sft",),
        task_types=fact.task_types if fact else ("chat_completion",),
        context_length=(fact.context_length if fact else None) or (entry.context_length if entry else None),
        parameters=fact.parameters if fact else None,
        takes_seed=False,
        hyperparameters=hyperparameters.specs(model, entry.instance_types if entry else ()),
        presets=hyperparameters.presets(),
        lifecycle=lifecycle(model, entry, today),
        regions=train,
        serve_regions=serve,
        known_from=where,
        source=fact.source if fact else None,
        as_of=fact.as_of if fact else None,
    )


def lifecycle(model: ModelId, entry: RegistryModel | None, today: date) -> Lifecycle:
    """Return a model's lifecycle: the data file's dates, else those in the registry's tags (which are serverless's)."""
    fact = _lifecycle_fact(model)
    if fact is not None:
        plain = Lifecycle(
            status=(LifecycleStatus.RETIRING if fact.legacy and fact.legacy <= today else LifecycleStatus.ACTIVE).value,
            train_until=fact.deprecated or fact.retired,
            serve_until=fact.retired,
            replacement=fact.replacement,
            source=fact.source,
            as_of=fact.as_of,
            note=fact.note,
        )
        return plain.on(today)
    if entry is not None and model.way is Way.SERVERLESS and (entry.deprecated or entry.retired):
        end = entry.deprecated or entry.retired
        return Lifecycle(train_until=end, serve_until=entry.retired, note="From the registry's tags.").on(today)
    return Lifecycle()


def train_regions(model: ModelId, entries: Sequence[RegistryModel] = ()) -> Sequence[str]:
    """Return where a model is fine-tuned serverless, as far as is known."""
    return _regions(_Known(registry=model.registry, name=model.name, fact=None, entry=_of(entries, model)))[0]


def _regions(one: _Known) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (train, serve): what the registry tells counts, the documentation's table else."""
    fact = next(
        (each for each in reference_data.regions() if (each.registry, each.name) == (one.registry, one.name)), None
    )
    train = (one.entry.train_regions if one.entry else ()) or (fact.train if fact else ())
    serve = (one.entry.serve_regions if one.entry else ()) or (fact.serve if fact else ())
    return train, serve


def _lifecycle_fact(model: ModelId) -> LifecycleFact | None:
    wanted = (model.way.value, model.registry, model.name)
    return next((fact for fact in reference_data.lifecycles() if (fact.way, fact.registry, fact.name) == wanted), None)


def _of(entries: Sequence[RegistryModel], model: ModelId) -> RegistryModel | None:
    wanted = (model.registry, model.name)
    return next((each for each in entries if (each.registry, each.name) == wanted), None)
