"""What is at Azure with our mark on it, and how each of it is removed."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from urllib.parse import quote

from app.backends.azure_foundry.cleanup import cleanup
from app.backends.azure_foundry.serving import serverless
from app.backends.azure_foundry.serving.endpoint_kind import EndpointKind
from app.backends.azure_foundry.serving.endpoints import Endpoints
from app.backends.azure_foundry.training.history import moment
from app.backends.azure_foundry.training.made_models import asked_names, maker_of
from app.backends.azure_foundry.transport.errors import translates_errors
from app.backends.azure_foundry.transport.json_values import part
from app.backends.azure_foundry.transport.names import INSTALLATION_TAG, TAG, is_ours, tags_of
from app.backends.azure_foundry.transport.paging import Body, text
from app.backends.azure_foundry.transport.workspace import PREVIEW
from app.domain.backend import Rejected
from app.domain.serving import FindsOrphans, RemoteThing

_ENDED = frozenset({"completed", "failed", "canceled", "notresponding"})
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(:[\w.-]+)?")  # a name, or one with a version: nothing that could lead elsewhere


class AzureOrphans(Endpoints, FindsOrphans):
    """To list what carries our mark, and to remove what nobody here knows any more."""

    @translates_errors
    def remote_things(self) -> Sequence[RemoteThing]:
        """Return everything that carries TuneDesk's mark, whichever installation made it."""
        jobs = self.workspace.list(cleanup.JOBS, api_version=PREVIEW)
        marks = {text(job, "name"): tags_of(job) for job in jobs}
        makers = {name: job for job in jobs if TAG in tags_of(job) for name in asked_names(job)}
        found = [
            *self._endpoints(self.serverless),
            *self._endpoints(self.online),
            *self._subscriptions(),
            *(self._job(job) for job in jobs),
            *self._versions("models", "model", marks, makers),
            *self._versions("data", "data", {}, {}),
        ]
        return [each for each in found if each is not None]

    @translates_errors
    def remove_thing(self, kind: str, name: str) -> str:
        """Remove one thing of this installation's and say how; one that is gone is fine.

        Raises:
            Rejected: when it does not carry this installation's mark, or something else still needs it.
        """
        ways = {
            "endpoint": partial(self._remove_endpoint, name),
            "job": partial(self._remove_job, name),
            "model": partial(cleanup.remove_model, self.workspace, name),
            "data": partial(cleanup.remove_data, self.workspace, name),
            "subscription": partial(self._remove_subscription, name),
        }
        if kind not in ways or _NAME.fullmatch(name) is None:
            raise Rejected(f"There is no way to remove {kind[:40]} {name[:80]}.", fix="Remove it in the studio.")
        return ways[kind]()

    def _endpoints(self, kind: EndpointKind) -> Iterator[RemoteThing | None]:
        for each in self.workspace.list(kind.kind):
            tags = {str(name): str(value) for name, value in part(each, "tags").items()}
            yield self._thing("endpoint", text(each, "name"), tags, kind.state(each), each, billed=True)

    def _subscriptions(self) -> Iterator[RemoteThing | None]:
        for each in self.workspace.list(serverless.SUBSCRIPTIONS):
            if self.serverless.made_here(each):
                status = text(each, "properties", "marketplaceSubscriptionStatus")
                mark = self.azure.owner_tags(text(each, "properties", "modelId"))
                yield self._thing("subscription", text(each, "name"), mark, status, each)

    def _job(self, job: Body) -> RemoteThing | None:
        state = text(job, "properties", "status")
        return self._thing("job", text(job, "name"), tags_of(job), state, job, billed=state.lower() not in _ENDED)

    def _versions(
        self, path: str, kind: str, marks: dict[str, dict[str, str]], makers: dict[str, Body]
    ) -> Iterator[RemoteThing | None]:
        """Assets: containers first, then the versions of those that may be ours.

        `marks`: the tags of each job by its name; `makers`: our jobs by the name that they asked for.
        """
        for container in self.workspace.list(path):
            if part(container, "properties").get("isArchived") is True:
                continue
            name = text(container, "name")
            for each in self.workspace.list(f"{path}/{quote(name)}/versions"):
                if part(each, "properties").get("isArchived") is True:
                    continue
                tags = tags_of(each)
                if TAG not in tags:
                    tags = marks.get(text(each, "properties", "jobName"), {})
                maker = makers.get(name)
                if TAG not in tags and maker is not None:
                    tags = tags_of(maker_of(self.workspace, name, each, [maker]))
                yield self._thing(kind, f"{name}:{text(each, 'name')}", tags, "", each)

    def _thing(
        self, kind: str, name: str, tags: dict[str, str], state: str, found: Body, *, billed: bool = False
    ) -> RemoteThing | None:
        if TAG not in tags:
            return None
        return RemoteThing(
            kind=kind,
            name=name,
            tag=tags[TAG],
            installation=tags.get(INSTALLATION_TAG, ""),
            ours=is_ours(tags, self.azure.installation),
            state=state,
            created_at=moment(text(found, "systemData", "createdAt")),
            billed=billed,
        )

    def _remove_endpoint(self, name: str) -> str:
        paths = [f"{kind.kind}/{name}" for kind in (self.serverless, self.online)]
        found = {path: endpoint for path in paths if (endpoint := self.workspace.get(path)) is not None}
        if not all(is_ours(endpoint.get("tags"), self.azure.installation) for endpoint in found.values()):
            raise cleanup.not_ours(f"The endpoint {name}")
        for path in found:
            self.workspace.delete(path)
        return "Azure is deleting it; that takes some minutes." if found else cleanup.GONE

    def _remove_job(self, name: str) -> str:
        path = f"{cleanup.JOBS}/{name}"
        found = self.workspace.get(path, api_version=PREVIEW)
        if found is None:
            return cleanup.GONE
        if not is_ours(tags_of(found), self.azure.installation):
            raise cleanup.not_ours(f"The job {name}")
        if text(found, "properties", "status").lower() not in _ENDED:
            self.workspace.post(f"{path}/cancel", api_version=PREVIEW)
            return "Azure is asked to stop it. Remove it once it has ended."
        self.workspace.delete(path, api_version=PREVIEW)
        return "Azure is deleting it."

    def _remove_subscription(self, name: str) -> str:
        found = self.workspace.get(f"{serverless.SUBSCRIPTIONS}/{name}")
        if found is None:
            return cleanup.GONE
        if not self.serverless.made_here(found):
            raise cleanup.not_ours(f"The marketplace subscription {name}")
        model = serverless.model_of(found)
        users = [
            text(each, "name")
            for each in self.workspace.list(self.serverless.kind)
            if serverless.base_of(each) in {None, model}
        ]
        if users:
            raise Rejected(f"Endpoints may still need the subscription: {', '.join(users)}.", fix="Delete them first.")
        self.workspace.delete(f"{serverless.SUBSCRIPTIONS}/{name}")
        return cleanup.DELETED
