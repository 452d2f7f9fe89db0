"""What stands around every page: the top bar's figures, the projects, the theme, a word about the last act."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from app.domain.money import Money
from app.domain.projects import Project
from app.services import overview, projects
from app.services.scope import Scope
from app.web.flash import NOTICE_COOKIE, notice
from app.web.views.parts import Message

THEMES = ("system", "light", "dark")
THEME_COOKIE = "theme"
_SHOWN_PROJECTS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The values that templates/base.html needs. `counts` is None where nobody could count (an error page)."""

    path: str
    now: datetime
    theme: str = THEMES[0]
    account: str = ""
    projects: Sequence[Project] = ()
    project: Project | None = None
    counts: overview.Counts | None = None
    hosting_per_hour: Money | None = None
    flash: Sequence[Message] = ()


def frame_of(request: Request, scope: Scope, project: Project | None = None) -> Frame:
    """Return the frame of a page of a known person."""
    return Frame(
        path=path_of(request),
        now=scope.now(),
        theme=theme_of(request.cookies),
        account=scope.actor.id,
        projects=projects.list_projects(scope, limit=_SHOWN_PROJECTS).items,
        project=project,
        counts=(counted := overview.counts(scope)),
        hosting_per_hour=counted.hosting_cost.per_hour,
        flash=notice(request.cookies.get(NOTICE_COOKIE)),
    )


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
