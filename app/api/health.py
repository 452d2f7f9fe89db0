"""REST on the installation's own state: is it alive, does its engine turn, and its figures."""

from typing import Annotated, Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import PROBLEMS, answer
from app.api.routing import operation_id
from app.domain.actors import Action
from app.domain.webhooks import MessageStatus
from app.http.dependencies import may, may_do
from app.http.fields import ResponseModel
from app.http.metrics import exposition
from app.http.strict_route import StrictRoute
from app.http.ticks import tick_age_s
from app.services import engine_health
from app.services.scope import AppContext, Scope

router = APIRouter(
    tags=["health"], route_class=StrictRoute, responses=PROBLEMS, generate_unique_id_function=operation_id
)
beat = APIRouter(include_in_schema=False)  # asks nobody who they are
_STUCK_S = 60.0  # the engine looks every second, and at its longest lease
_LATE_S = 300.0
_UNAVAILABLE = 503
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


class DeepHealthOut(ResponseModel):
    """What a look at everything that TuneDesk stands on came to; `well` where nothing needs anybody."""

    well: bool
    version: str
    database: Literal["ok"] = "ok"
    engine_last_tick_s: float | None
    engine_overdue_s: float
    connections_paused: int
    messages_failed: int
    disk_free_bytes: int


class BeatOut(ResponseModel):
    """It is there."""

    status: Literal["ok", "starting", "stuck"]


@beat.get("/healthz/live", response_model=BeatOut, include_in_schema=False)
async def get_live() -> Response:
    """The process answers. For supervisors: it asks nobody who they are, and says nothing else."""
    return answer(BeatOut, BeatOut(status="ok"))


@beat.get("/healthz/ready", response_model=BeatOut, include_in_schema=False)
def get_ready(request: Request) -> Response:
    """The database answers and the engine looks for work; 503 otherwise. For proxies, as `live`."""
    app_context: AppContext = request.app.state.scopes.app_context
    app_context.database.ping()
    age = tick_age_s(request, app_context.clock.now())
    if age is None:
        return answer(BeatOut, BeatOut(status="starting"), _UNAVAILABLE)
    if age > _STUCK_S:
        return answer(BeatOut, BeatOut(status="stuck"), _UNAVAILABLE)
    return answer(BeatOut, BeatOut(status="ok"))


@router.get("/healthz/deep", response_model=DeepHealthOut, include_in_schema=False)
def get_deep(request: Request, scope: Annotated[Scope, may(engine_health.figures)]) -> Response:
    """Everything that TuneDesk stands on; 503 where something needs somebody. Administrators and their tokens only."""
    found, age = engine_health.figures(scope), tick_age_s(request, scope.now())
    failed = found.statuses["webhook_messages"].get(MessageStatus.FAILED.value, 0)
    well = age is not None and age <= _STUCK_S and found.overdue_s <= _LATE_S and not found.paused
    shape = DeepHealthOut(
        well=well,
        version=scope.app_context.version,
        engine_last_tick_s=age,
        engine_overdue_s=found.overdue_s,
        connections_paused=found.paused,
        messages_failed=failed,
        disk_free_bytes=found.disk_free,
    )
    return answer(DeepHealthOut, shape, 200 if well else _UNAVAILABLE)


@router.get("/metrics", include_in_schema=False)
def get_metrics(request: Request, scope: Annotated[Scope, may(engine_health.figures)]) -> Response:
    """The same in figures, for Prometheus. Administrators and their tokens only."""
    age = tick_age_s(request, scope.now())
    content, media_type = exposition(engine_health.figures(scope), request.app.state.request_stats, age)
    return Response(content, media_type=media_type)
