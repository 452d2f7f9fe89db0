"""REST on the installation's own state: is it alive, and does its engine turn?"""

from typing import Annotated, Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import PROBLEMS, answer
from app.api.routing import operation_id
from app.domain.actors import Action
from app.http.dependencies import may_do
from app.http.fields import ResponseModel
from app.http.strict_route import StrictRoute
from app.http.ticks import tick_age_s
from app.services.scope import Scope

router = APIRouter(
    tags=["health"], route_class=StrictRoute, responses=PROBLEMS, generate_unique_id_function=operation_id
)
Reads = Annotated[Scope, may_do(Action.READ, "health")]


class HealthOut(ResponseModel):
    """It answers, and so does its database."""

    status: Literal["ok"] = "ok"
    version: str
    engine_last_tick_s: float | None


@router.get("/api/v1/health", response_model=HealthOut)
@router.get("/healthz", response_model=HealthOut, include_in_schema=False)
def get_health(request: Request, scope: Reads) -> Response:
    """Is it alive? Seconds since the engine last looked for something due; null before its first look."""
    scope.app_context.database.ping()
    age = tick_age_s(request, scope.now())
    return answer(HealthOut, HealthOut(version=scope.app_context.version, engine_last_tick_s=age))
