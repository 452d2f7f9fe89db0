"""What was ever trained at the provider, read: jobs, files of rows, curves, and answers of models."""

from collections.abc import Sequence

from app.backends.asking import answer_of
from app.backends.openai_wire.serving.by_name import CHAT
from app.backends.openai_wire.serving.chat import ask
from app.backends.openai_wire.training.jobs import JOBS, Wire
from app.backends.openai_wire.training.observation import MOST_LOOKS, observe
from app.backends.openai_wire.training.past import past_job
from app.domain.backend import ChatRequest
from app.domain.backend_abilities import TellsHistory
from app.domain.lifeboats import PastPage
from app.domain.metrics import Metric

_PAGE = "50"


class TellsPast(TellsHistory):
    """To tell what was trained there, by whomever."""

    wire: Wire

    def past_jobs(self, after: str | None) -> PastPage:
        """Return a page of the jobs, the newest first."""
        query = [("limit", _PAGE), *([("after", after)] if after else [])]
        body = self.wire.plane.get(JOBS, query)
        found = [each for each in body.get("data") or () if isinstance(each, dict) and each.get("id")]
        more = bool(body.get("has_more")) and bool(found)
        last = str(found[-1]["id"]) if found else None
        return PastPage(jobs=[past_job(each) for each in found], after=last if more and last != after else None)

    def past_file(self, identifier: str) -> bytes:
        """Return a file of rows, as it was uploaded."""
        return self.wire.plane.content(f"files/{identifier}/content")

    def past_curves(self, job: str) -> Sequence[Metric]:
        """Return what was measured: by its events and its result files, each figure once."""
        figures: dict[tuple[str, int], Metric] = {}
        since, now = None, self.wire.clock.now()
        for _ in range(MOST_LOOKS):
            seen = observe(self.wire.plane, job, since=since, now=now, estimates=False)
            figures |= {(each.name, each.step): each for each in seen.metrics}
            if seen.next_look is None:
                break
            since = seen.cursor
        return [figures[key] for key in sorted(figures)]

    def past_answer(self, model: str, request: ChatRequest) -> str:
        """Return what a model answers, whole, with its calls of tools."""
        return answer_of(ask(self.wire.plane, CHAT, model, request))
