"""REST on what a connection's account can see, and on making what is missing: made from the steps of the kinds."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Query as InQuery
from pydantic import create_model
from starlette.responses import Response

from app.api.answers import ACCEPTED, answer, listing
from app.api.routing import PathId, noun
from app.api.shapes.common import list_of
from app.domain.connection_kinds import ConnectionKind
from app.domain.discovery import Creation, ProvisioningStatus, Step
from app.http.dependencies import may
from app.http.fields import Line, Query, RequestModel, ResponseModel, exemplified
from app.http.idempotency import OnceDep
from app.services import discovery
from app.services.scope import Scope

Reads = Annotated[Scope, may(discovery.choices)]
Administers = Annotated[Scope, may(discovery.make)]


def router_of(kinds: Iterable[ConnectionKind]) -> APIRouter:
    """Return the routes of all steps and creations. What two kinds have under one address is the first one's."""
    router = noun("connections")
    for kind in kinds:
        for number in range(len(kind.steps)):
            _lists(router, kind.steps[: number + 1])
        for each in kind.creations:
            _makes(router, each, kind.steps)
    return router


def _lists(router: APIRouter, steps: Sequence[Step]) -> None:
    """Add the route that lists what the last of these steps offers."""
    wanted_step = steps[-1]
    where: Any = _where(steps[:-1])

    def listed(scope: Reads, identifier: PathId, wanted: Annotated[where, InQuery()]) -> Response:
        found = discovery.choices(scope, identifier, steps, wanted.model_dump())
        return listing(wanted_step.item, [each.item for each in found])

    router.get(
        f"/{{identifier}}/{wanted_step.path}",
        response_model=list_of(wanted_step.item),
        name=f"list_{wanted_step.path.replace('-', '_')}",
        description=wanted_step.about,
    )(listed)


def _makes(router: APIRouter, creation: Creation, steps: Sequence[Step]) -> None:
    """Add the routes that begin to make something, and that tell where it stands."""
    shape = _provisioning(creation.kinds)
    parts = {each.name: each.field for each in steps[:-1]} | {each.name: each for each in creation.fields}
    taken: Any = {name: (Line, ... if each.required else "") for name, each in parts.items()}
    example = exemplified({name: each.placeholder for name, each in parts.items() if each.placeholder})
    base = type("_Base", (RequestModel,), {"model_config": example, "__module__": __name__})
    requested: Any = create_model(f"{creation.noun.title().replace('_', '')}In", __base__=base, **taken)
    where: Any = _where(steps[:-1])

    def make(scope: Administers, identifier: PathId, body: requested, once: OnceDep) -> Response:
        def grant() -> Response:
            return answer(shape, discovery.make(scope, identifier, creation, steps, body.model_dump()), ACCEPTED)

        return once(scope, grant)

    def look(scope: Reads, identifier: PathId, name: Line, wanted: Annotated[where, InQuery()]) -> Response:
        values = discovery.values_of(scope, identifier, steps, wanted.model_dump() | {steps[-1].name: name})
        return answer(shape, discovery.making(scope, identifier, creation, steps, values))

    path = f"/{{identifier}}/{creation.path}"
    router.post(
        path, response_model=shape, status_code=ACCEPTED, name=f"create_{creation.noun}", description=creation.about
    )(make)
    router.get(f"{path}/{{name}}", response_model=shape, name=f"get_{creation.noun}", description=creation.progress)(
        look
    )


@cache
def _provisioning(kinds: type[StrEnum]) -> type[ResponseModel]:
    """Return the shape of something that is being made, `kinds` being what it may turn out to be."""
    reported: Any = {
        "kind": (kinds, ...),
        "name": (str, ...),
        "status": (ProvisioningStatus, ...),
        "message": (str, ...),
        "raw_status": (str, ...),
    }
    made: type[ResponseModel] = create_model("ProvisioningOut", __base__=ResponseModel, **reported)
    return made


def _where(steps: Sequence[Step]) -> type[Query]:
    """Return the query that says where to look: the connection's own values unless others are given."""
    taken: Any = {each.name: (Line | None, None) for each in steps}
    name = "In" + "".join(each.name.title().replace("_", "") for each in steps[-1:])
    found: type[Query] = create_model(name, __base__=Query, **taken)
    return found
