"""Everything that was accepted, in order: what was submitted, made, changed and deleted, and whose it was."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

# A resource is ours if one of its tags begins so.
OUR_TAG = "tunedesk"


def tagged(tags: Mapping[str, str]) -> bool:
    """Whether one of the tags is TuneDesk's."""
    return any(key.lower().startswith(OUR_TAG) for key in tags)


@dataclass(frozen=True, slots=True)
class Entry:
    """One accepted mutation: `verb` is submit, create, update, cancel, archive, delete or read-keys."""

    at: datetime
    verb: str
    kind: str
    id: str
    name: str
    tags: Mapping[str, str]
    caller: str


@dataclass
class Ledger:
    """An append-only list of entries."""

    entries: list[Entry] = field(default_factory=list)
    ours: Callable[[Mapping[str, str]], bool] = tagged
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, entry: Entry) -> None:
        """Append an entry."""
        with self._lock:
            self.entries.append(entry)

    def of(self, verb: str, kind: str | None = None) -> list[Entry]:
        """Return the entries of a verb, and of the resource type's last word if that is given."""
        found = [entry for entry in list(self.entries) if entry.verb == verb]
        return [entry for entry in found if kind is None or entry.kind.lower().rsplit("/", 1)[-1] == kind.lower()]

    def submitted(self, tag: str | None = None) -> list[Entry]:
        """Return the accepted job submissions, all or those named or tagged `tag`."""
        submits = self.of("submit")
        return [entry for entry in submits if tag is None or entry.name == tag or tag in entry.tags.values()]

    @property
    def foreign(self) -> list[Entry]:
        """What was changed, cancelled, archived or deleted although no tag of ours was on it."""
        touched = {"update", "cancel", "archive", "delete"}
        return [entry for entry in list(self.entries) if entry.verb in touched and not self.ours(entry.tags)]
