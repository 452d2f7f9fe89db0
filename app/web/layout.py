"""What stands around every page: the top bar's figures, the projects, the theme, a word about the last act."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from starlette.requests import Request

from app.domain.actors import Role
from app.domain.money import Money
from app.domain.projects import ProjectName
from app.services import overview
from app.services.scope import Scope
from app.store.top_bar import TopBar
from app.web.flash import NOTICE_COOKIE, notice
from app.web.rights import Rights
from app.web.views.parts import Message

THEMES = ("system", "light", "dark")
THEME_COOKIE = "theme"
PROJECT_COOKIE = "project"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The values that templates/base.html needs. `counts` is None where nobody could count (an error page)."""

    path: str
    now: datetime
    theme: str = THEMES[0]
    account: str = ""
    has_account: bool = False  # signed in, where there are accounts
    administers: bool = True  # may change what is everybody's
    belongs: bool = True  # sees some project, or all of them
    projects: Sequence[ProjectName] = ()
    project: ProjectName | None = None  # the one whose work the lists show; None for all
    counts: overview.Counts | None = None
    hosting_per_hour: Money | None = None
    version: str = ""  # of what the page shows, as `http.fragments` counts; "" where nothing will change
    flash: Sequence[Message] = ()
    refusal: Callable[[str], str] = lambda _: ""  # what the reader would be told who sent a form to an address


def frame_of(request: Request, scope: Scope) -> Frame:
    """Return the frame of a page of a known person."""
    return replace(
        counted_frame(request, scope),
        theme=theme_of(request.cookies),
        account=str(scope.actor),
        has_account=scope.actor.role in {Role.PERSON, Role.ADMINISTRATOR},
        administers=scope.actor.role is not Role.PERSON,
        belongs=scope.actor.role is not Role.PERSON or bool(scope.actor.projects),
        projects=_around(request, scope).projects,
        project=chosen_project(request, scope),
        flash=notice(request.cookies.get(NOTICE_COOKIE)),
        refusal=Rights(request, scope).refusal,
    )


def counted_frame(request: Request, scope: Scope) -> Frame:
    """Return a frame with the top bar's figures alone."""
    counted = overview.counted(_around(request, scope))
    version = str(request.app.state.fragments.version(scope.changes))
    per_hour = counted.hosting_cost.per_hour
    return Frame(path=path_of(request), now=scope.now(), counts=counted, hosting_per_hour=per_hour, version=version)


def chosen_project(request: Request, scope: Scope) -> ProjectName | None:
    """Return the project that the reader looks at; None stands for all, and for one that is not there any more."""
    identifier = request.cookies.get(PROJECT_COOKIE)
    return next((each for each in _around(request, scope).projects if each.id == identifier), None)


def read_ahead(request: Request, scope: Scope) -> None:
    """Read what stands around a page now. What asks a backend gives its connection back, and would begin another."""
    _around(request, scope)


def _around(request: Request, scope: Scope) -> TopBar:
    return overview.top_bar(scope, request.cookies.get(PROJECT_COOKIE, ""))


def bare_frame(request: Request, now: datetime) -> Frame:
    """Return a frame for whoever asks, without a look into the database: an error page must not fail itself."""
    return Frame(path=path_of(request), now=now, theme=theme_of(request.cookies))


def theme_of(cookies: Mapping[str, str]) -> str:
    """Return the theme that the reader chose; anything unknown is the system's."""
    wanted = cookies.get(THEME_COOKIE, "")
    return wanted if wanted in THEMES else THEMES[0]


def path_of(request: Request) -> str:
    """Return the address within this site, query included."""
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
