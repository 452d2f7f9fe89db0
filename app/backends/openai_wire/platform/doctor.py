"""The doctor: what a training needs, looked at without changing anything; and what closes when."""

from collections.abc import Callable, Sequence

from app.backends.openai_wire.catalog.models import CLOSES, CLOSING, DEPRECATIONS
from app.backends.openai_wire.platform.settings import PlatformSettings
from app.backends.openai_wire.training.files import PURPOSE
from app.backends.openai_wire.training.jobs import JOBS, Wire
from app.domain.backend import BackendError, Checks, Transient
from app.domain.connections import Check, CheckStatus, Fix


def looked(identifier: str, title: str, look: Callable[[], str], *, fix: str = "") -> Check:
    """Return the check that a call makes: its sentence where it goes well, else the error's."""
    try:
        return Check(id=identifier, title=title, status=CheckStatus.PASS, detail=look())
    except Transient as error:
        mend = Fix(text=error.fix or "Try again later.")
        return Check(id=identifier, title=title, status=CheckStatus.UNKNOWN, detail=error.detail, fix=mend)
    except BackendError as error:
        mend = Fix(text=fix or error.fix or "Look at the connection's settings.")
        return Check(id=identifier, title=title, status=CheckStatus.FAIL, detail=error.detail, fix=mend)


class PlatformDoctor(Checks):
    """To say what is missing before somebody starts."""

    settings: PlatformSettings
    wire: Wire

    def check(self) -> None:
        """Return if the provider answers this key.

        Raises:
            BackendError: with why not.
        """
        self.wire.plane.get(JOBS, [("limit", "1")])

    def doctor(self) -> Sequence[Check]:
        """Ask for models, files and jobs."""
        checks = [
            looked("models", "The key is accepted", self._models),
            looked("files", "Training files can be listed", lambda: self._listed("files", "files")),
            looked("jobs", "Fine-tuning jobs can be listed", lambda: self._listed(JOBS, "jobs")),
        ]
        if self.settings.is_openai:
            checks.append(self._closing())
        return checks

    def _models(self) -> str:
        return f"{len(self.wire.plane.get('models').get('data') or ())} models are listed."

    def _listed(self, path: str, noun: str) -> str:
        query = [("limit", "1"), *([("purpose", PURPOSE)] if path == "files" else [])]
        found = self.wire.plane.get(path, query).get("data") or ()
        return f"There are {noun}." if found else f"There are no {noun} yet."

    def _closing(self) -> Check:
        closed = self.wire.clock.now().date() >= CLOSES
        return Check(
            id="closing",
            title="OpenAI still takes trainings",
            status=CheckStatus.FAIL if closed else CheckStatus.WARN,
            detail=CLOSING,
            fix=Fix(text="Train new models on another connection; what is here stays readable.", url=DEPRECATIONS),
        )
