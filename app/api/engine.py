"""REST on the engine: how it is, what nobody needs any more, and another try now."""

from typing import Annotated, Literal

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import ACCEPTED, NO_CONTENT, answer, nothing
from app.api.routing import noun
from app.api.shapes.engine import EngineOut, LookOut
from app.http.dependencies import may
from app.http.fields import Id
from app.http.ticks import tick_age_s
from app.services import engine_health, orphan_runs
from app.services.scope import Scope

router = noun("engine")
PathId = Annotated[Id, Path()]


@router.get("", response_model=EngineOut)
def get_engine(request: Request, scope: Annotated[Scope, may(engine_health.health)]) -> Response:
    """Engine status: what is due, what is held, retries and leftovers."""
    reported = EngineOut.of(engine_health.health(scope), tick_age_s(request, scope.now()))
    return answer(EngineOut, reported)


Tried = Literal["jobs", "deployments", "evaluations", "models", "connections"]


@router.post("/look/{table}/{identifier}", response_model=LookOut, status_code=ACCEPTED)
def look_now(scope: Annotated[Scope, may(engine_health.look_now)], table: Tried, identifier: PathId) -> Response:
    """Try again now: the engine looks at once, and counts the tries anew."""
    return answer(LookOut, LookOut(id=identifier, due_at=engine_health.look_now(scope, table, identifier)), ACCEPTED)


@router.delete("/runs/{tag}", status_code=NO_CONTENT)
def clear_run(scope: Annotated[Scope, may(orphan_runs.clear)], tag: PathId) -> Response:
    """End the process of a run that nothing needs or, where none is at work, remove its folder."""
    orphan_runs.clear(scope, tag)
    return nothing()
