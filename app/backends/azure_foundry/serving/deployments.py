"""Deploying at Azure: a serverless or a managed online endpoint, followed until it really answers."""

from dataclasses import replace
from datetime import timedelta
from functools import cached_property

from app.backends.azure_foundry.catalog.hyperparameters import newest_version
from app.backends.azure_foundry.catalog.model_ids import ModelId, Way
from app.backends.azure_foundry.serving import online
from app.backends.azure_foundry.serving.chat import ask
from app.backends.azure_foundry.serving.endpoints import Endpoints
from app.backends.azure_foundry.serving.scoring_forms import NoForm
from app.backends.azure_foundry.transport.errors import translates_errors
from app.domain.backend import (
    BackendError,
    ChatRequest,
    DeploymentObservation,
    DeploymentRequest,
    Deploys,
    NotFound,
    RateLimited,
    Refused,
    Rejected,
)
from app.domain.backend_errors import NotAuthorised, Unavailable
from app.domain.deployments import DeploymentStatus as Status
from app.domain.serving import DeploymentOffer, OffersDeployments
from app.kit.clock import Clock

# How long a managed endpoint that ARM calls ready may refuse every form of question before it counts as failed: about
# the longest delay that Microsoft's samples give a model to load (catalog/data/serving.json).
_LOADING = timedelta(minutes=30)
_SOON, _LATER = timedelta(seconds=10), timedelta(seconds=60)
_LOOKS = {Status.PENDING: _LATER, Status.CREATING: _SOON, Status.READY: _LATER, Status.DELETING: _SOON}
_FIRST_QUESTION = ChatRequest(messages=[{"role": "user", "content": "Hi"}], max_tokens=1)
_GONE = DeploymentObservation(status=Status.DELETED, raw_status="not there", gone=True)
_NOT_LISTED = DeploymentObservation(
    status=Status.CREATING,
    raw_status="accepted, not listed yet",
    message="Azure has accepted it but does not list it yet.",
    next_look=_SOON,
)

SAFETY = (
    "Azure AI Content Safety reads questions and answers, and stops hate, violence, sexual content and self-harm. "
    "Without it, whatever the model writes reaches whoever asks."
)
_SERVERLESS_BILL = "Azure bills tokens, and for a tuned model every hour that the endpoint exists, used or not."
_MACHINES_BILL = "Azure bills every machine by the hour while the endpoint exists, used or not."


class AzureDeployments(Endpoints, Deploys, OffersDeployments):
    """To serve what was trained there, and base models beside it."""

    clock: Clock

    @cached_property
    def answering(self) -> set[str]:
        """The addresses that have answered this process: what is known to answer is not asked again."""
        return set()

    @translates_errors
    def deploy(self, request: DeploymentRequest) -> None:
        """Begin to serve, or take the next step; what serves already goes on."""
        model = ModelId.parse(request.base_model)
        (self.online if model.way is Way.MANAGED else self.serverless).deploy(request, model)

    @translates_errors
    def observe_deployment(self, tag: str) -> DeploymentObservation:
        """Look at a deployment; it is ready once its endpoint has answered, which is later than ARM says."""
        found = self.find_endpoint(tag)
        if found is None:
            return _NOT_LISTED if any(kind.is_accepted(tag) for kind in self.kinds) else _GONE
        kind, endpoint = found
        kind.settle(tag)
        seen = self._answers(tag, kind.observe(endpoint))
        return replace(seen, next_look=_LOOKS.get(seen.status))

    @translates_errors
    def undeploy(self, tag: str) -> None:
        """Stop serving; only what carries this installation's mark is deleted."""
        self.serverless.remove(tag)
        self.online.remove(tag)

    def deployment_offer(self, base_model: str, *, tuned: bool) -> DeploymentOffer:
        """Return with which options a model is served. Calls nobody."""
        model = ModelId.parse(base_model)
        if model.way is Way.SERVERLESS:
            return DeploymentOffer(content_safety=SAFETY, notes=(_SERVERLESS_BILL,))
        refused = ""
        if not tuned and newest_version(model) is None:
            refused = f"{model.name} can be deployed on machines of your own only in a named version."
        note = "Managed online endpoints have no content filter of Azure's; whoever asks gets what the model writes."
        return DeploymentOffer(options=online.OPTIONS, notes=(_MACHINES_BILL, note), refused=refused)

    def _answers(self, tag: str, seen: DeploymentObservation) -> DeploymentObservation:
        """Return what was seen, but not ready before the endpoint has answered one question of one token."""
        if seen.status is not Status.READY or seen.endpoint in self.answering:
            return seen
        word = f"{seen.raw_status}, not answering yet"
        try:
            for _chunk in ask(self.azure, self.access(tag), _FIRST_QUESTION):
                break
        except (RateLimited, Refused, Rejected):
            pass  # it answers, if not to this question
        except NoForm as error:
            return self._refusing(seen, word, error)
        except (NotAuthorised, NotFound, Unavailable) as error:
            said = f"Azure calls it {seen.raw_status}, but it does not answer yet: {error.detail}"
            return replace(seen, status=Status.CREATING, raw_status=word, message=said)
        except BackendError as error:
            return replace(seen, status=Status.CREATING, raw_status=word, message=error.detail)
        if seen.endpoint is not None:
            self.answering.add(seen.endpoint)
        return seen

    def _refusing(self, seen: DeploymentObservation, word: str, error: NoForm) -> DeploymentObservation:
        """Return what is said of an endpoint that refuses every form: for a while its model may still be loading."""
        now = self.clock.now()
        since = self.forms.refused_since(seen.endpoint or "", now)
        said = f"Azure calls it {seen.raw_status}, but it does not answer yet: {error.detail}"
        if now - since < _LOADING:
            return replace(seen, status=Status.CREATING, raw_status=word, message=said)
        minutes = round((now - since).total_seconds() / 60)
        said = f"For {minutes} minutes it has refused every question. {error.detail} {error.fix} {_MACHINES_BILL}"
        return replace(seen, status=Status.FAILED, raw_status=word, message=said)
