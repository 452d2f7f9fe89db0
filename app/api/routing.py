"""How the routes of one noun begin."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.routing import APIRoute

from app.api.answers import ASKING, PROBLEMS
from app.http.strict_route import StrictRoute
from app.kit.ids import ID_PATTERN

PathId = Annotated[str, Path(pattern=ID_PATTERN, max_length=60)]


def noun(name: str, *, asks: bool = True) -> APIRouter:
    """Return the router of one noun: its address, strict reading, and the problems that every route may answer.

    `asks`: whether its routes may have to ask a backend, which may fail or have no room.
    """
    return APIRouter(
        prefix=f"/api/v1/{name}",
        tags=[name],
        route_class=StrictRoute,
        responses=PROBLEMS | ASKING if asks else PROBLEMS,
        generate_unique_id_function=operation_id,
    )


def operation_id(route: APIRoute) -> str:
    """Return what generated clients call an operation: the name of its function, which is unique in `app.api`."""
    return route.name
