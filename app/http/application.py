"""The application object: FastAPI inside the guard, so that not even Starlette's own error page goes out bare."""

from collections.abc import Callable, Iterable
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.routing import Match
from starlette.types import ASGIApp, Scope

from app.http.broadcast import Broadcaster
from app.http.fragments import Fragments
from app.http.guard import Guard, GuardPolicy
from app.http.refusals import Refusals
from app.http.signed_in import WhileSignedIn
from app.kit.request_stats import RequestStats


class GuardedApp(FastAPI):
    """FastAPI whose outermost layer is the guard: `add_middleware` would leave it inside the error middleware.

    FastAPI's own documentation pages are off: they load scripts from elsewhere, and know no authorisation.
    """

    def __init__(
        self,
        *,
        policy: GuardPolicy,
        describe: Callable[[Any, str], dict[str, Any]] | None = None,
        **options: Any,  # noqa: ANN401 -- FastAPI's own
    ) -> None:
        """`describe` makes the OpenAPI document of routes, for the version of the application."""
        super().__init__(docs_url=None, redoc_url=None, openapi_url=None, **options)
        self.policy = policy
        self._describe = describe
        self.state.accounts = None
        self.state.broadcaster = Broadcaster()
        self.state.fragments = Fragments()
        self.state.request_stats = RequestStats()
        self.state.refusals = Refusals()

    def include(self, routers: Iterable[APIRouter]) -> None:
        """Answer the routers' addresses, in their order, with their routes as they are.

        `include_router` would build each route anew, and those of routers in routers once more when first asked for:
        0.3 s of CPU at every start, where the routers have nothing to inherit.
        """
        for router in routers:
            self.router.routes.extend(router.routes)

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, made when it is first asked for: all routes are there by then."""
        if self._describe is None:
            return super().openapi()
        if self.openapi_schema is None:
            self.openapi_schema = self._describe(self.routes, self.version)
        return self.openapi_schema

    def methods_at(self, scope: Scope) -> list[str]:
        """Return the methods that a request's address takes, over all routes; one route knows its own only."""
        found: set[str] = set()
        for route in self.router.routes:
            if route.matches(scope)[0] is not Match.NONE:
                found.update(getattr(route, "methods", None) or ())
        return sorted(found)

    def build_middleware_stack(self) -> ASGIApp:
        """Return everything, guarded."""
        return Guard(WhileSignedIn(super().build_middleware_stack()), self.policy, self.state.request_stats)
