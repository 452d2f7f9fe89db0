"""Resource Manager's front door: a route's path says which resource type, action and api-versions it is about."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from tests.support.azure.wire import Json, Reply, Request

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

_VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Call:
    """One accepted call: whose, with which words of the path, at which api-version."""

    cloud: "AzureCloud"
    request: Request
    args: Mapping[str, str]
    version: str = ""
    caller: str = ""
    scope: str = ""

    @property
    def now(self) -> datetime:
        """The cloud's time."""
        return self.cloud.clock.now()

    @property
    def query(self) -> Mapping[str, str]:
        """The query's values."""
        return self.request.query

    def body(self) -> Json:
        """Return the body as an object; raises AzureError where it is none."""
        return self.request.json()


Verb = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path with {words}; `kind` and `action` follow from the path unless given."""

    method: str
    path: str
    verb: Verb
    action: str | None = None
    kind: str = ""
    segments: tuple[str, ...] = field(default=())

    def match(self, parts: list[str]) -> dict[str, str] | None:
        """Return the words' values, or None."""
        args = {}
        for wanted, found in zip(self.segments, parts, strict=True):
            if wanted.startswith("{"):
                args[wanted[1:-1]] = found
            elif wanted.lower() != found.lower():
                return None
        return args


def route(method: str, path: str, verb: Verb, *, action: str | None = None, kind: str | None = None) -> Route:
    """Make a route; `action="-"` lets every signed-in caller pass."""
    segments = tuple(part for part in path.split("/") if part)
    own_kind, own_action = _meaning(method, segments)
    return Route(method, path, verb, action or own_action, kind or own_kind, segments)


def _meaning(method: str, segments: tuple[str, ...]) -> tuple[str, str]:
    """Return resource type and action of a path: the namespace after the last `providers`, then every word."""
    if "providers" in segments:
        start = len(segments) - 1 - segments[::-1].index("providers")
        namespace, rest = segments[start + 1], segments[start + 2 :]
    else:
        namespace, rest = "Microsoft.Resources", segments
    words = [part for part in rest if not part.startswith("{")]
    if method == "POST":
        return "/".join([namespace, *words[:-1]]), "/".join([namespace, *words, "action"])
    kind = "/".join([namespace, *words])
    return kind, f"{kind}/{_VERBS[method]}"


class Routes:
    """All routes of a host."""

    def __init__(self, routes: Iterator[Route] | list[Route]) -> None:
        self._by_size: dict[tuple[str, int], list[Route]] = defaultdict(list)
        self._paths: dict[int, list[Route]] = defaultdict(list)
        for one in routes:
            self._by_size[one.method, len(one.segments)].append(one)
            self._paths[len(one.segments)].append(one)

    def find(self, request: Request) -> tuple[Route, dict[str, str]] | None:
        """Return the route of a request and the words of its path."""
        parts = [part for part in request.path.split("/") if part]
        for one in self._by_size[request.method, len(parts)]:
            args = one.match(parts)
            if args is not None:
                return one, args
        return None

    def knows_path(self, request: Request) -> bool:
        """Whether another method is known at this path."""
        parts = [part for part in request.path.split("/") if part]
        return any(one.match(parts) is not None for one in self._paths[len(parts)])
