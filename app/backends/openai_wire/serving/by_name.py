"""Deployments at a provider that serves each model by its name: nothing is made, and nothing costs by being there."""

from collections.abc import Iterator
from datetime import timedelta

from app.backends.openai_wire.serving.chat import ask
from app.backends.openai_wire.serving.served import Served
from app.backends.openai_wire.training.jobs import Wire
from app.domain.backend import (
    ChatChunk,
    ChatRequest,
    Chats,
    DeploymentObservation,
    DeploymentRequest,
    Deploys,
    NotFound,
    Rejected,
)
from app.domain.deployments import DeploymentStatus

CHAT = "chat/completions"
_LOOK = timedelta(minutes=5)
_PATIENCE = timedelta(hours=1)  # for a model's name to be known after its job has succeeded
_GONE = " after an hour, so it is gone or belongs to another project; it is looked at every five minutes"


class ServesByName(Deploys, Chats):
    """To serve by asking for a model's name. A name may be known only a while after the job has succeeded."""

    wire: Wire
    served: Served

    def deploy(self, request: DeploymentRequest) -> None:
        """Note which model the deployment asks for."""
        self.served.keep(request.tag, {"model": request.model or request.base_model})

    def observe_deployment(self, tag: str) -> DeploymentObservation:
        """Look whether the provider knows the model.

        Raises:
            NotFound: it was never deployed, or not here.
        """
        model = self._model(tag)
        try:
            self.wire.plane.get(f"models/{model}")
        except (NotFound, Rejected) as error:
            is_late = self.served.waited(tag, self.wire.clock.now()) > _PATIENCE
            status = DeploymentStatus.FAILED if is_late else DeploymentStatus.CREATING
            how = _GONE if is_late else " yet"
            message = f"{self.wire.plane.name} does not answer for {model}{how}: {error.detail}"
            return DeploymentObservation(status=status, message=message, raw_status="not found")
        self.served.arrived(tag)
        endpoint = f"{self.wire.plane.base}/{CHAT}"
        return DeploymentObservation(
            status=DeploymentStatus.READY, raw_status="listed", endpoint=endpoint, next_look=_LOOK
        )

    def undeploy(self, tag: str) -> None:
        """Ask for it no more; the provider keeps the model."""
        self.served.forget(tag)

    def chat(self, tag: str, request: ChatRequest) -> Iterator[ChatChunk]:
        """Answer piece by piece as the model writes."""
        yield from ask(self.wire.plane, CHAT, self._model(tag), request)

    def _model(self, tag: str) -> str:
        note = self.served.of(tag)
        if note is None:
            raise NotFound("Nothing is deployed under this name.", fix="Deploy the model again.")
        return note["model"]
