"""An answer must not say that something was made when the commit failed."""

from typing import Annotated

import pytest
from fastapi import Depends
from sqlalchemy import text
from starlette.responses import Response

from app.domain.actors import Action
from app.http.application import GuardedApp
from app.http.dependencies import Allowed
from app.http.problem_answers import answer_problems
from app.services.scope import Scope
from tests.support.app_context import TestHouse
from tests.support.door import POLICY, client_of

BREAKS_AT_COMMIT = (
    "INSERT INTO metrics (series, step, value) VALUES (4711, 1, 1.0)"  # no such series; checked at the commit
)


def break_the_commit(scope: Scope) -> Response:
    scope.write.execute(text("PRAGMA defer_foreign_keys=ON"))
    scope.write.execute(text(BREAKS_AT_COMMIT))
    return Response(status_code=201)


def app_with(app_context: TestHouse, *, ordinary: bool) -> GuardedApp:
    app = GuardedApp(policy=POLICY)
    app.state.scopes = app_context.scopes
    may = Allowed(Action.WRITE, "things")
    if ordinary:

        @app.post("/api/v1/things")
        def make_early(scope: Annotated[Scope, Depends(may)]) -> Response:
            return break_the_commit(scope)
    else:

        @app.post("/api/v1/things")
        def make(scope: Annotated[Scope, Depends(may, scope="function")]) -> Response:
            return break_the_commit(scope)

    answer_problems(app)
    return app


def test_a_commit_that_fails_is_reported(app_context: TestHouse) -> None:
    with client_of(app_with(app_context, ordinary=False)) as client:
        assert client.post("/api/v1/things").status_code == 500
    with app_context.open() as scope:
        assert scope.read.scalar(text("SELECT count(*) FROM metrics")) == 0


def test_the_trap_is_real(app_context: TestHouse) -> None:
    """With an ordinary dependency the same route answers 201; if this ever changes, `scope="function"` may go."""
    with client_of(app_with(app_context, ordinary=True)) as client:
        assert client.post("/api/v1/things").status_code == 201
    with app_context.open() as scope:
        assert scope.read.scalar(text("SELECT count(*) FROM metrics")) == 0


@pytest.mark.parametrize("error", [RuntimeError("x"), KeyboardInterrupt()])
def test_what_raises_is_rolled_back(app_context: TestHouse, error: BaseException) -> None:
    with pytest.raises(type(error)), app_context.open() as scope:  # noqa: PT012 -- the whole block is one act
        scope.write.execute(text("INSERT INTO series (job, name) SELECT id, 'x' FROM jobs"))
        app_context.scopes.app_context.clock.now()
        raise error
    with app_context.open() as scope:
        assert scope.read.scalar(text("SELECT count(*) FROM series")) == 0
