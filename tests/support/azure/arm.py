"""management.azure.com: token, api-version, role, resource – looked at in the order in which Azure looks at them."""

import re
from typing import TYPE_CHECKING

from tests.support.azure import versions
from tests.support.azure.assets import Assets
from tests.support.azure.computes import Computes
from tests.support.azure.job_routes import Jobs
from tests.support.azure.marketplace import Marketplace
from tests.support.azure.metrics import Metrics
from tests.support.azure.online import Online
from tests.support.azure.routes import Call, Route, Routes
from tests.support.azure.serverless import Serverless
from tests.support.azure.subscriptions import Subscriptions
from tests.support.azure.templates import Templates
from tests.support.azure.tokens import ARM
from tests.support.azure.wire import AzureError, Reply, Request
from tests.support.azure.workspaces import Workspaces

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

# Shortened from what the public cloud answers.
METADATA = {
    "name": "AzureCloud",
    "resourceManager": "https://management.azure.com/",
    "authentication": {
        "loginEndpoint": "https://login.microsoftonline.com/",
        "audiences": ["https://management.azure.com/"],
    },
    "portal": "https://portal.azure.com",
}
_GROUP = re.compile(r"^/subscriptions/([^/]+)(?:/resourcegroups/([^/]+))?", re.IGNORECASE)


class Arm:
    """Answers for Resource Manager."""

    def __init__(self, cloud: "AzureCloud") -> None:
        self._cloud = cloud
        templates = Templates(cloud)
        parts = (
            Subscriptions(cloud), templates, Workspaces(cloud), Assets(cloud), Jobs(cloud), Serverless(cloud),
            Marketplace(cloud), Online(cloud), Computes(cloud), Metrics(cloud), cloud.operations,
        )  # fmt: skip
        routes: list[Route] = [route for part in parts for route in part.routes()]
        self._routes = Routes(routes)

    def answer(self, request: Request) -> Reply:
        """Answer one request; raises AzureError."""
        cloud = self._cloud
        if request.method == "GET" and request.path == "/metadata/endpoints":
            return Reply(200, [METADATA])  # the one address that asks for nobody
        claims = cloud.tokens.verify(request.headers.get("authorization"), (ARM,), cloud.clock.now(), cloud.tenant)
        found = self._routes.find(request)
        if found is None:
            raise self._nowhere(request)
        one, args = found
        scope = _scope(request.path, one)
        self._subscription(claims.oid, args)
        version = versions.check(one.kind, request.query.get("api-version"), "global")
        if one.action != "-":
            cloud.authorize(claims.oid, one.action or "", scope)
        self._group(request.path)
        return one.verb(Call(cloud, request, args, version, claims.oid, scope))

    def _nowhere(self, request: Request) -> AzureError:
        if self._routes.knows_path(request):
            message = f"The requested resource does not support http method '{request.method}'."
            return AzureError(405, "MethodNotAllowed", message)
        kind = request.path.partition("/providers/")[2]
        message = (
            f"The resource type could not be found in the namespace for '{request.method} {kind or request.path}'."
        )
        return AzureError(404, "InvalidResourceType", message)

    def _subscription(self, caller: str, args: dict[str, str]) -> None:
        sub = args.get("sub")
        if sub is None:
            return
        scope = f"/subscriptions/{sub}"
        known = self._cloud.state.subscriptions.get(sub)
        visible = any(
            one.principal == caller and one.scope.lower().startswith(scope.lower())
            for one in self._cloud.state.assignments
        )
        if known is None or not visible:
            message = f"The subscription '{sub}' could not be found."
            raise AzureError(404, "SubscriptionNotFound", message)

    def _group(self, path: str) -> None:
        named = _GROUP.match(path)
        if named is None or named[2] is None:
            return
        if self._cloud.state.group(named[1], named[2]) is None:
            raise AzureError(404, "ResourceGroupNotFound", f"Resource group '{named[2]}' could not be found.")


def _scope(path: str, one: Route) -> str:
    """The resource an action is about: for a POST without its last word, for a list of children without theirs."""
    if one.method == "POST":
        return path.rsplit("/", 1)[0]
    if not one.segments[-1].startswith("{") and len(one.segments) > 2:
        return path.rsplit("/", 1)[0]
    return path
