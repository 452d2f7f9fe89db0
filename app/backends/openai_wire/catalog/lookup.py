"""The provider's own list of models, looked up in the background and kept in a file; what is tuned is no base."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from app.backends.openai_wire.catalog.models import as_of, day
from app.backends.openai_wire.transport.plane import Plane
from app.domain.backend import BackendError
from app.domain.catalog import CatalogState, LooksUpModels
from app.kit.clock import Clock
from app.kit.whole_files import draft_of

_TUNED = "ft:"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """A model as the list has it. `shutdown`: its last day; `train_until`: the last one of training from it."""

    id: str
    owner: str = ""
    shutdown: date | None = None
    train_until: date | None = None


def openais(body: Mapping[str, Any]) -> ListedModel | None:
    """Return a base model of OpenAI's list, whose `shutdown_date` is there since 2026-08-14; None for a tuned one."""
    if str(body["id"]).startswith(_TUNED):
        return None
    owner = str(body.get("owned_by") or "")
    return ListedModel(id=str(body["id"]), owner=owner, shutdown=day(body.get("shutdown_date")))


Read = Callable[[Mapping[str, Any]], ListedModel | None]


class ModelLookup:
    """The last look-up, from a file or anew."""

    def __init__(self, plane: Plane, clock: Clock, file: Path, read: Read = openais) -> None:
        """`read` returns a base model of the provider's list, and None for what is none."""
        self._plane, self._clock, self._file, self._read_model = plane, clock, file, read
        self._lock = Lock()
        self._known: tuple[datetime, Sequence[ListedModel]] | None = None
        self._thread: Thread | None = None
        self.problem = ""

    @property
    def refreshing(self) -> bool:
        """Whether a look-up is under way."""
        return self._thread is not None and self._thread.is_alive()

    def fetched_at(self) -> datetime | None:
        """Return when the list was looked up last."""
        known = self._last()
        return None if known is None else known[0]

    def models(self) -> Sequence[ListedModel]:
        """Return the base models of the last look-up; calls nobody."""
        known = self._last()
        return () if known is None else known[1]

    def shutdowns(self) -> Mapping[str, date | None]:
        """Return the dates of the last look-up."""
        return {each.id: each.shutdown for each in self.models()}

    def refresh(self) -> None:
        """Begin to look the list up; once at a time."""
        with self._lock:
            if not self.refreshing:
                self._thread = Thread(target=self._work, name="models", daemon=True)
                self._thread.start()

    def look(self) -> Sequence[ListedModel]:
        """Look the list up now.

        Raises:
            BackendError: when it cannot be had.
        """
        body = self._plane.get("models")
        listed = [each for each in body.get("data") or () if isinstance(each, dict) and each.get("id")]
        found = tuple(model for model in map(self._read_model, listed) if model is not None)
        at = self._clock.now()
        with self._lock:
            self._known = (at, found)
        rows = [{name: str(value or "") for name, value in asdict(each).items()} for each in found]
        self._file.parent.mkdir(parents=True, exist_ok=True)
        half = draft_of(self._file)
        half.write_text(json.dumps({"at": at.isoformat(), "models": rows}), encoding="utf-8")
        half.replace(self._file)
        return found

    def _work(self) -> None:
        try:
            self.look()
            self.problem = ""
        except BackendError as error:
            self.problem = f"{error.detail} {error.fix}".strip()
        except OSError as error:
            self.problem = f"The list cannot be kept: {error.strerror or error}."

    def _last(self) -> tuple[datetime, Sequence[ListedModel]] | None:
        with self._lock:
            if self._known is None:
                self._known = self._read()
            return self._known

    def _read(self) -> tuple[datetime, Sequence[ListedModel]] | None:
        try:
            body = json.loads(self._file.read_text(encoding="utf-8"))
            rows = tuple(
                ListedModel(
                    id=str(each["id"]),
                    owner=str(each["owner"]),
                    shutdown=day(each["shutdown"]),
                    train_until=day(each.get("train_until")),
                )
                for each in body["models"]
            )
            return datetime.fromisoformat(body["at"]), rows
        except (OSError, ValueError, KeyError, TypeError):
            return None


class LooksUpList(LooksUpModels):
    """To look the provider's own list of models up, at either plane."""

    lookup: ModelLookup

    @property
    def data_as_of(self) -> date | None:
        """Return how old the dated data is that this backend goes by; None where it goes by none."""
        return as_of()

    def catalog_state(self) -> CatalogState:
        """Return how fresh the list and the data file are."""
        return CatalogState(
            fetched_at=self.lookup.fetched_at(),
            refreshing=self.lookup.refreshing,
            data_as_of=self.data_as_of,
            problem=self.lookup.problem,
        )

    def refresh_catalog(self) -> None:
        """Begin to look the list up again."""
        self.lookup.refresh()
