"""Marketplace subscriptions: needed for partners' models, refused for Microsoft's."""

from typing import TYPE_CHECKING

from tests.support.azure.routes import Call, Route, route
from tests.support.azure.shapes import envelope, only, page, required, workspace_of
from tests.support.azure.state import Resource, Workspace
from tests.support.azure.wire import Json, Reply, UserError
from tests.support.azure.workspaces import ONE

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

_ALL = ONE + "/marketplaceSubscriptions"


class Marketplace:
    """Answers for marketplace subscriptions."""

    def __init__(self, cloud: "AzureCloud") -> None:
        self._cloud = cloud

    def routes(self) -> list[Route]:
        """Return the routes of this part."""
        return [
            route("GET", _ALL, self._list),
            route("GET", _ALL + "/{name}", self._get),
            route("PUT", _ALL + "/{name}", self._put),
            route("DELETE", _ALL + "/{name}", self._delete),
        ]

    def _list(self, call: Call) -> Reply:
        workspace = workspace_of(call)
        for each in workspace.marketplace.values():
            self._cloud.operations.running(each.operation)  # which ends by the clock, looked at or not
        return page(call, [self._body(workspace, one) for one in workspace.marketplace.values()])

    def _get(self, call: Call) -> Reply:
        workspace, found = self._find(call)
        self._cloud.operations.busy(found.operation)
        return Reply(200, self._body(workspace, found))

    def _put(self, call: Call) -> Reply:
        workspace, name, body = workspace_of(call), call.args["name"], call.body()
        given: Json = body.get("properties") or {}
        only(given, {"modelId"}, "MarketplaceSubscription", "properties.")
        required(given, ("modelId",), "properties.")
        model, version = self._cloud.catalog.by_uri(str(given["modelId"]))
        if model is None or version is not None:
            raise UserError(
                400,
                f"The model id '{given['modelId']}' is not valid for a marketplace subscription.",
                code="ValidationError",
            )
        if not model.partner:
            message = f"Model '{model.name}' is offered by Microsoft and does not need a marketplace subscription."
            raise UserError(400, message, code="MarketplaceSubscriptionNotRequired")
        known = workspace.marketplace.get(name)
        if known is not None:
            if known.properties["modelId"] != given["modelId"]:
                raise UserError(409, f"Marketplace subscription '{name}' is for another model.", code="Conflict")
            return Reply(200, self._body(workspace, known))
        made = Resource("marketplaceSubscriptions", name, body, call.now)
        workspace.marketplace[name] = made
        self._cloud.write_down(call, "create", call.request.path, name, {})

        def finish() -> Json:
            made.state = "Succeeded"
            self._cloud.operations.fails(made)
            return self._body(workspace, made)

        made.operation = self._cloud.operations.begin(finish)
        return Reply(
            201, self._body(workspace, made), self._cloud.operations.headers(made.operation, call, workspace.location)
        )

    def _delete(self, call: Call) -> Reply:
        workspace, found = self._find(call)
        self._cloud.write_down(call, "delete", call.request.path, found.name, {})

        def finish() -> None:
            workspace.marketplace.pop(found.name, None)

        operation = self._cloud.operations.begin(finish)
        return Reply(202, None, self._cloud.operations.headers(operation, call, workspace.location))

    def _find(self, call: Call) -> tuple[Workspace, Resource]:
        workspace = workspace_of(call)
        found = workspace.marketplace.get(call.args["name"])
        if found is None:
            raise UserError(
                404, f"Marketplace subscription '{call.args['name']}' was not found.", code="ResourceNotFound"
            )
        return workspace, found

    def _body(self, workspace: Workspace, one: Resource) -> Json:
        model, _ = self._cloud.catalog.by_uri(one.properties["modelId"])
        author, name = (model.author, model.name) if model else ("", "")
        publisher = author.lower().replace(" ", "")
        plan = {"publisherId": publisher, "offerId": f"{name.lower()}-offer", "planId": f"{name.lower()}-plan"}
        properties = {"modelId": one.properties["modelId"], "provisioningState": one.state}
        properties["marketplacePlan"] = plan
        if one.state == "Succeeded":  # before, the published types have no word for it (bicep-types-az, 2024-10-01)
            properties["marketplaceSubscriptionStatus"] = "Subscribed"
        return envelope(workspace, "marketplaceSubscriptions", one.name, one.created, properties)
