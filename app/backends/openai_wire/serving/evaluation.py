"""Evaluating over the wire: base and tuned model are asked the held-out rows, by name or through their deployment."""

from collections.abc import Mapping
from typing import Any

from app.backends.asking import Ask, AsksRows
from app.backends.openai_wire.serving.by_name import CHAT
from app.backends.openai_wire.serving.chat import ask
from app.backends.openai_wire.training.jobs import Wire


class EvaluatesByName(AsksRows):
    """To evaluate where every model answers to its name: no deployment is needed, and none is made."""

    wire: Wire

    @property
    def asked_of(self) -> str:
        """What the provider is called."""
        return self.wire.plane.name

    def asker(self, asked: Mapping[str, Any]) -> Ask:
        """Return what asks the model."""
        model = str(asked["model"] or asked["base_model"])
        return lambda request: ask(self.wire.plane, CHAT, model, request)
