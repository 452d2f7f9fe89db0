"""What the forms of a page would be answered: each is taken by a route, and a route asks for what its verb asks for."""

import re
from collections.abc import Mapping
from functools import cache

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import Request

from app.domain.actors import Role
from app.http.dependencies import Allowed, AllowedToOpen
from app.services import rights
from app.services.scope import Scope
from app.services.verbs import Permission

# What the id in an address is of, by the first step, where that is no noun of the verbs.
_NOUNS = {"wizard": "drafts"}
_PARAMETER = re.compile(r"\{[^}]+\}")


class Rights:
    """Of one reader and one page; an owner and an administrator may all, and nothing is asked for them."""

    def __init__(self, request: Request, scope: Scope) -> None:
        self._request, self._scope = request, scope
        self._known: dict[str, str] = {}

    def refusal(self, action: str) -> str:
        """Return what the reader would be told who sent a form to this address; "" where they may."""
        if self._scope.actor.role is not Role.PERSON:
            return ""
        path = action.partition("?")[0].partition("#")[0]
        if path not in self._known:
            self._known[path] = self._asked(path)
        return self._known[path]

    def _asked(self, path: str) -> str:
        routes = _routes(self._request.app)
        asked = routes.get(path) or next((each for looks, each in routes.items() if re.fullmatch(looks, path)), None)
        if asked is None:
            return ""
        first, _, rest = path.strip("/").partition("/")
        refused = rights.refusal(self._scope, asked, _NOUNS.get(first, first), rest.partition("/")[0])
        return f"{refused.message} {refused.fix}" if refused else ""


@cache
def _routes(app: FastAPI) -> Mapping[str, Permission]:
    """Return what each route that takes a form asks for, by what its addresses look like; exact ones come first."""
    found = {}
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if (
            isinstance(route, APIRoute)
            and "POST" in (route.methods or ())
            and not route.path.startswith(("/api", "/v1"))
        ):
            for each in route.dependant.dependencies:
                if isinstance(each.call, Allowed | AllowedToOpen):
                    found[route.path] = Permission(each.call.action, each.call.thing)
    ordered = sorted(found, key=lambda path: (path.count("{"), path))
    return {_PARAMETER.sub("[^/]+", path): found[path] for path in ordered}
