"""What every part of the rehearsal shares: its folder, its book, its script and the time."""

from collections import Counter
from pathlib import Path
from threading import Event

from app.backends.rehearsal.faults import OF_LOOKS, Fault, Script, error
from app.backends.rehearsal.ledger import Entry, Ledger
from app.domain.backend import NotFound
from app.kit.clock import Clock

LABEL = "Rehearsal"


class RehearsalState:
    """The rehearsal's state; everything that must outlive the process is in the ledger."""

    def __init__(self, folder: Path, *, clock: Clock, script: Script) -> None:
        self.folder = folder
        self.ledger = Ledger(folder / "ledger.jsonl")
        self.script = script
        self._clock = clock
        self._turns: Counter[tuple[str, str]] = Counter()

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        return self._clock.now().timestamp()

    def take_time(self) -> None:
        """Let a call last as long as the script says, so that a killed process may be killed within it."""
        if self.script.latency_s:
            Event().wait(self.script.latency_s)

    def number(self, tag: str) -> int:
        """Return which tag this is in the order in which they first came, so that chance is the same in every run."""
        known = self._met(tag)
        if known is None:
            with self.ledger.locked():
                known = self._met(tag)
                if known is None:  # another process may have met it meanwhile
                    known = self.ledger.count("met")
                    self.write("met", tag, number=known)
        return known

    def _met(self, tag: str) -> int | None:
        numbers = (entry.data.get("number") for entry in self.ledger.of(tag) if entry.call == "met")
        return next((number for number in numbers if number is not None), None)  # ledgers before 2026-12 have none

    def fault_at(self, call: str, tag: str) -> Fault | None:
        """Return what goes wrong with this call, and write that down; what goes wrong is decided before it is done."""
        if not self.script.faults:
            return None
        entries = self.ledger.of(tag)
        if (call, tag) not in self._turns:
            self._turns[call, tag] = sum(entry.call == call for entry in entries)
        spent = sum(entry.call == call and entry.fault is not None for entry in entries)
        fault = self.script.fault(call, tag, self.number(tag), turn=self._turns[call, tag], spent=spent)
        self._turns[call, tag] += 1
        return fault

    def stumble(self, call: str, tag: str) -> Fault | None:
        """Raise the error that the script has for this call; return any fault that is no error."""
        fault = self.fault_at(call, tag)
        if fault is None:
            return None
        self.write(call, tag, fault=fault.kind)
        if fault.kind in OF_LOOKS:
            return fault
        raise error(fault)

    def write(
        self,
        call: str,
        tag: str,
        *,
        id: str | None = None,  # noqa: A002
        fault: str | None = None,
        **data: object,
    ) -> Entry:
        """Append to the ledger and return the entry."""
        entry = Entry(call=call, tag=tag, at=self.now(), id=id, fault=fault, data=data)
        self.ledger.append(entry)
        return entry

    def made(self, call: str, tag: str) -> list[Entry]:
        """Return what the calls for a tag really made, oldest first."""
        return [entry for entry in self.ledger.of(tag) if entry.call == call and entry.id is not None]

    def missing(self, kind: str, identifier: str) -> NotFound:
        """Return the error for something that the rehearsal never made."""
        return NotFound(f"{LABEL}: there is no {kind} {identifier!r}.", fix="Start again with a new one.")


def tag_of(job: str) -> str:
    """Return the tag that a job's id carries: `reh-TAG-NUMBER`."""
    return job.removeprefix("reh-").rpartition("-")[0]
