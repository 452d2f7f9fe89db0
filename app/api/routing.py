"""How the routes of one noun begin."""

from typing import Annotated

from fastapi import APIRouter, Path

from app.api.answers import PROBLEMS
from app.http.strict_route import StrictRoute
from app.kit.ids import ID_PATTERN

PathId = Annotated[str, Path(pattern=ID_PATTERN, max_length=60)]


def noun(name: str) -> APIRouter:
    """Return the router of one noun: its address, strict reading, and the problems that every route may answer."""
    return APIRouter(prefix=f"/api/v1/{name}", tags=[name], route_class=StrictRoute, responses=PROBLEMS)
