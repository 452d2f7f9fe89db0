"""Evaluating at Azure OpenAI: what is deployed is asked, a base model through a deployment of its own."""

from collections.abc import Mapping
from typing import Any

from app.backends.asking import Ask, AsksRows
from app.backends.openai_wire.azure.deployments import AzureDeployments
from app.domain.serving import EvaluatesByChat


class AzureEvaluation(AzureDeployments, AsksRows, EvaluatesByChat):
    """To let a deployed model answer held-out rows, and to count."""

    asked_of = "Azure"

    def asker(self, asked: Mapping[str, Any]) -> Ask:
        """Return what asks the deployment."""
        deployment = str(asked["deployment"])
        return lambda request: self.chat(deployment, request)
