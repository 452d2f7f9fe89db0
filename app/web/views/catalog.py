"""The catalog as values: a model with its lifecycle in words, its prices, and how old that knowledge is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from app.domain.catalog import CatalogModel, Lifecycle, LifecycleStatus
from app.domain.money import Money
from app.domain.prices import Meter, is_stale
from app.web.i18n import gettext as _


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """One model of the catalog. `end` says in a sentence how its life ends, "" while it does not."""

    model: CatalogModel
    connection_name: str
    end: str = ""
    replacement: CatalogModel | None = None
    prices: Sequence[tuple[str, Money, str]] = ()  # what, how much, of what unit
    stale: bool = False

    @property
    def retired(self) -> bool:
        """Whether nothing new can be trained from it."""
        return self.model.lifecycle.status == LifecycleStatus.RETIRED


def shown(
    model: CatalogModel, others: Sequence[CatalogModel], connections: Mapping[str, str], today: date
) -> ModelView:
    """Return a model as the catalog and the wizard show it; `others` are searched for its replacement."""
    life = model.lifecycle
    same = [each for each in others if each.connection == model.connection and each.id == life.replacement]
    return ModelView(
        model=model,
        connection_name=connections.get(model.connection, model.connection),
        end=end_of(life),
        replacement=same[0] if same else None,
        prices=[
            (word, model.prices[meter.value], unit) for meter, word, unit in _meters() if meter.value in model.prices
        ],
        stale=is_stale(model.as_of, today) or is_stale(life.as_of, today),
    )


def end_of(life: Lifecycle) -> str:
    """Return in a sentence when a model can no longer be trained and served."""
    if life.status == LifecycleStatus.ACTIVE:
        return ""
    train, serve = (day.isoformat() if day else "" for day in (life.train_until, life.serve_until))
    words = {"train": train, "serve": serve}
    if life.status == LifecycleStatus.RETIRED:
        sentence = _("Retired on %(serve)s; nothing new could be trained from %(train)s on.") % words
        if not serve or serve == train:
            sentence = _("Retired on %(train)s.") % words if train else _("Retired.")
    elif train:
        sentence = _("Can be trained until %(train)s.") % words
        if serve and serve != train:
            sentence = _("Can be trained until %(train)s and served until %(serve)s.") % words
    else:
        sentence = _("Retiring soon; no date has been announced.")
    return f"{sentence} {life.note}".strip()


def _meters() -> Sequence[tuple[Meter, str, str]]:
    million, hour = _("a million tokens"), _("an hour")
    return (
        (Meter.TRAINING, _("Training"), million),
        (Meter.HOSTING, _("Hosting"), hour),
        (Meter.INPUT, _("Tokens read"), million),
        (Meter.OUTPUT, _("Tokens written"), million),
    )
