"""Models whose base ends: looked for once a day, beside the turns, and only where a webhook wants to hear of it."""

from datetime import datetime, timedelta

from app.domain.actors import ENGINE
from app.domain.webhooks import WebhookEvent
from app.engine.background_tasks import BackgroundTasks, NotReady
from app.services import lifecycle, notices
from app.services.scope import Scopes
from app.store import models, webhooks

EVERY = timedelta(hours=24)


class EndingModels:
    """Writes a message about each fine-tuned model in use whose base ends, once for each day that is named."""

    def __init__(self, scopes: Scopes, tasks: BackgroundTasks) -> None:
        self._scopes = scopes
        self._tasks = tasks
        self._next: datetime | None = None

    def run(self, now: datetime) -> None:
        """Look if it is time to."""
        if self._next is not None and now < self._next:
            return
        try:
            self._tasks.result("ending models", self._look, calls_out=True)
        except NotReady:
            return
        self._next = now + EVERY

    def _look(self) -> None:
        with self._scopes.open(ENGINE) as scope:
            if not any(WebhookEvent.MODEL_ENDING in each.events for each in webhooks.all_of_them(scope.read)):
                return
            ending = [each for each in lifecycle.endings(scope) if each.kind == "model"]
        with self._scopes.open(ENGINE) as scope:
            for each in ending:
                model = models.get(scope.read, each.id)
                if model is not None:
                    replacement = each.base.lifecycle.replacement
                    notices.model_ending(scope.write, model, day=each.day, replacement=replacement, at=scope.now())
