"""A job's page kept alive: one stream for all who look at it, HTML for its parts and points for its chart.

Every message carries the step up to which points have been sent as its id. A browser that comes back with it gets the
points behind that step and the whole page once more, so nothing is lost, and nothing counts twice: the page is
morphed to what it is anyhow, and the chart keys points by step.
"""

from collections.abc import Iterator

import orjson
from starlette.requests import Request

from app.domain.errors import NotFound
from app.http.broadcast import Stream
from app.http.streams import Look, message
from app.services import catalog, jobs
from app.services.provider_errors import PROVIDER_ERRORS
from app.services.scope import Scope
from app.web.job_context import job_context
from app.web.layout import frame_of
from app.web.templating import Templates

_STEP_DIGITS = 15


class JobPageStream:
    """One job's page told from a step on; `request` is that of any of its viewers, for the address alone."""

    def __init__(
        self,
        request: Request,
        templates: Templates,
        job: str,
        tab: str,
        last_event_id: str | None,
    ) -> None:
        self.request = request
        self.templates = templates
        self.job = job
        self.tab = tab
        known = last_event_id or ""
        self.step = int(known) if known.isdigit() and len(known) <= _STEP_DIGITS else -1
        self.version = ""

    def look_in(self, scope: Scope) -> Look:
        """Return what has changed since the last look; cheap while nothing has."""
        version = self.version
        try:
            version = jobs.live_version(scope, self.job)
            if version == self.version:
                return Look()
            context = job_context(scope, self.job, self.tab, base_url=str(self.request.base_url).rstrip("/"))
            messages = list(self._messages(scope, context))
        except NotFound:
            return Look([message("gone", event="done")], last=True)
        except PROVIDER_ERRORS:
            # The page keeps what it shows until the next change; a new look at once would only fail again.
            self.version = version
            return Look()
        if context["settled"]:
            return Look([*messages, message("settled", event="done")], last=True)
        # A job that has just succeeded waits for its evaluations, and time alone settles it: look again.
        self.version = "" if context["job"].status.is_final else version
        return Look(messages)

    def catch_up(self, other: Stream) -> None:
        """Nothing: the ids are steps, and both have come equally far."""

    @property
    def event_id(self) -> str:
        """The id of the last message."""
        return str(max(self.step, 0))

    def _messages(self, scope: Scope, context: dict[str, object]) -> Iterator[bytes]:
        points = self._points(scope)
        if points:
            self.step = max(int(str(point["step"])) for point in points)
            yield message(orjson.dumps(points).decode(), event="metric", identifier=str(max(self.step, 0)))
        around = {"live": True, "frame": frame_of(self.request, scope), "base_name": catalog.BaseNames(scope)}
        text = self.templates.render("jobs/_live.html", {**around, **context})
        yield message(text, identifier=str(max(self.step, 0)))

    def _points(self, scope: Scope) -> list[dict[str, object]]:
        """Return the new points by step. The last step is sent again: its validation loss may have come later."""
        by_step: dict[int, dict[str, float | None]] = {}
        for series in jobs.metrics(scope, self.job, since=self.step - 1 if self.step > 0 else None):
            for step, value in zip(series.steps, series.values, strict=True):
                by_step.setdefault(step, {})[series.name] = value
        return [{"step": step, "values": values} for step, values in sorted(by_step.items())]
