"""A job's live stream as JSON: nothing lost and nothing twice, however often the connection breaks.

An id is `<number>.<journal>.<series=step,…>`: a number that rises with every message, the journal entry and the step
of every series that had been sent by then. Whoever comes back with it goes on exactly there, on any process.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.api.answers import json_of
from app.api.shapes.common import EventOut
from app.api.shapes.jobs import JobOut
from app.domain.metrics import MetricSeries
from app.http.broadcast import Stream
from app.http.dependencies import OpenScope
from app.http.streams import Look, message
from app.services import jobs
from app.services.scope import Scope

_ID = re.compile(r"(\d{1,15})\.(\d{1,15})\.((?:[a-z0-9_]{1,60}=\d{1,15}(?:,|$)){0,50})")
_ENTRIES = 200


@dataclass
class Position:
    """How far a stream has come."""

    number: int = 0
    journal: int = 0
    steps: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, identifier: str | None) -> "Position":
        """Return the position behind a Last-Event-ID; the beginning where it is none of ours."""
        match = _ID.fullmatch(identifier or "")
        if match is None:
            return cls()
        pairs = (pair.split("=") for pair in match[3].split(",") if pair)
        return cls(int(match[1]), int(match[2]), {name: int(step) for name, step in pairs})

    def __str__(self) -> str:
        return f"{self.number}.{self.journal}." + ",".join(f"{name}={step}" for name, step in self.steps.items())


class JobStream:
    """One job told from a position on."""

    def __init__(self, job: str, open_scope: OpenScope, last_event_id: str | None) -> None:
        self.job = job
        self.open_scope = open_scope
        self.position = Position.read(last_event_id)
        self.version = ""

    def look(self) -> Look:
        """Look by oneself."""
        with self.open_scope() as scope:
            return self.look_in(scope)

    def look_in(self, scope: Scope) -> Look:
        """Return what has happened since the last look; cheap while nothing has."""
        version = jobs.live_version(scope, self.job)
        if version == self.version:
            return Look()
        self.version = version
        final = jobs.get(scope, self.job).status.is_final
        return Look(list(self._messages(scope)), last=final)

    def catch_up(self, other: Stream) -> None:
        """Go on with a number that is higher than either's."""
        if isinstance(other, JobStream):
            self.position.number = max(self.position.number, other.position.number)

    @property
    def event_id(self) -> str:
        """The id of the last message."""
        return str(self.position)

    def _messages(self, scope: Scope) -> Iterator[bytes]:
        job = jobs.get(scope, self.job)
        yield self._message("job", json_of(JobOut, job))
        for name, (newest, _) in sorted(jobs.last_values(scope, self.job).items()):
            sent = self.position.steps.get(name)
            if sent is None or newest > sent:
                yield from self._points(scope, name, sent)
        while entries := jobs.events_after(scope, self.job, self.position.journal, limit=_ENTRIES):
            for entry in entries:
                self.position.journal = entry.number
                yield self._message("log", json_of(EventOut, entry))
        if job.status.is_final:
            yield self._message("end", b'{"status":"%b"}' % job.status.encode())

    def _points(self, scope: Scope, name: str, sent: int | None) -> Iterator[bytes]:
        """Send what is new of a series in one message of two columns.

        Each series has its own place: validation is measured later than training at the same step.
        """
        for series in jobs.metrics(scope, self.job, names=[name], points=jobs.MAX_POINTS, since=sent):
            self.position.steps[name] = series.steps[-1]
            yield self._message("metric", json_of(MetricSeries, series))

    def _message(self, event: str, data: bytes) -> bytes:
        self.position.number += 1
        return message(data.decode(), event=event, identifier=str(self.position))
