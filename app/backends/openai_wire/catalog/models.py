"""Dated facts on models (data/models.json) as the catalog's rows. A null there is unknown, not "none"."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from app.backends.openai_wire.catalog.hyperparameters import PRESETS, SPECS
from app.domain.catalog import CatalogModel, Lifecycle, LifecycleStatus

CLOSES = date(2027, 1, 6)  # OpenAI, "deprecations": from this day nobody can create fine-tuning jobs there
CLOSING = (
    "OpenAI closes its self-serve fine-tuning: since 2 July 2026 only organisations train that used a tuned model in "
    "the 60 days before, and from 6 January 2027 none. Tuned models answer until their base model is shut down."
)
DEPRECATIONS = "https://developers.openai.com/api/docs/deprecations"
_TRAINED = frozenset({"sft", "dpo"})


@cache
def data() -> Mapping[str, Any]:
    """Return the data file."""
    text = files("app.backends.openai_wire.catalog").joinpath("data/models.json").read_text(encoding="utf-8")
    found: Mapping[str, Any] = json.loads(text)
    return found


def as_of() -> date:
    """Return the day on which the data was collected."""
    return date.fromisoformat(str(data()["as_of"]))


def openai_models(today: date, shutdowns: Mapping[str, date | None]) -> Sequence[CatalogModel]:
    """Return what OpenAI can tune, or could; `shutdowns` are the dates that its own list names, which count more."""
    return [_openai(row, today, shutdowns) for row in data()["openai"] if _TRAINED & set(row["methods"])]


def _openai(row: Mapping[str, Any], today: date, shutdowns: Mapping[str, date | None]) -> CatalogModel:
    name = str(row["model"])
    serve_until = shutdowns.get(name) or _day(row.get("base_shutdown"))
    closed = f"{CLOSING} Who may still train this one: {row.get('who') or 'unknown'}."
    life = Lifecycle(
        train_until=_day(row.get("create_until")),
        serve_until=serve_until,
        source=str(row.get("source") or "") or None,
        as_of=_day(row.get("source_date")),
        note=closed,
    ).on(today)
    return CatalogModel(
        id=name,
        name=name,
        publisher="OpenAI",
        connection="",
        summary=f"Tuned at OpenAI until {row.get('create_until')}, answers until {serve_until}.",
        family=name.rsplit("-", 3)[0],
        methods=tuple(each for each in row["methods"] if each in _TRAINED),
        hyperparameters=SPECS,
        presets=PRESETS,
        lifecycle=life,
        known_from="the data file",
        source=str(row.get("source") or "") or None,
        as_of=_day(row.get("source_date")),
    )


def listed_model(name: str, owner: str, shutdown: date | None, today: date, *, where: str) -> CatalogModel:
    """Return a model of which nothing is known but that a server lists it; whether it can be tuned, it does not say."""
    life = Lifecycle()
    if shutdown is not None:
        status = LifecycleStatus.RETIRED if today >= shutdown else LifecycleStatus.RETIRING
        life = Lifecycle(
            status=status.value, serve_until=shutdown, train_until=shutdown, note="From the server's own list."
        )
    return CatalogModel(
        id=name,
        name=name,
        publisher=owner,
        connection="",
        summary=f"Listed by {where}; whether it can be tuned there, the list does not say.",
        methods=("sft", "dpo"),
        hyperparameters=SPECS,
        presets=PRESETS,
        lifecycle=life,
        known_from="the server's list",
    )


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None


def day(value: object) -> date | None:
    """Return an ISO day; None for anything else."""
    return _day(value)


def openai_names() -> Sequence[str]:
    """Return the names of what OpenAI can tune, or could."""
    return [str(row["model"]) for row in data()["openai"] if _TRAINED & set(row["methods"])]
