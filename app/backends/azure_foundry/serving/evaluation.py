"""Evaluating at Azure: a ready deployment is asked the held-out rows, one after the other, and the answers are counted.

Azure gives no likelihoods, so there is no loss.
"""

from collections.abc import Mapping
from typing import Any

from app.backends.asking import Ask, AsksRows
from app.backends.azure_foundry.serving.chat import ask
from app.backends.azure_foundry.serving.endpoints import Endpoints
from app.domain.serving import EvaluatesByChat


class AzureEvaluation(Endpoints, AsksRows, EvaluatesByChat):
    """To let a deployed model answer held-out rows, and to count."""

    asked_of = "Azure"

    def asker(self, asked: Mapping[str, Any]) -> Ask:
        """Return what asks the deployment's endpoint, whose key is fetched once."""
        access = self.access(asked["deployment"])
        return lambda request: ask(self.azure, access, request)
