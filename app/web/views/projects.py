"""Where a reader goes on after choosing a project."""

from urllib.parse import parse_qsl, urlencode, urlsplit

from app.domain.projects import Project

_PROJECTS = "/projects"


def after_choosing(address: str, chosen: Project | None) -> str:
    """Return where to go from `address`: the same page, a list's first one; from a project's page the chosen one's."""
    path, query = urlsplit(address)[2:4]
    if path.startswith(f"{_PROJECTS}/"):
        return f"{_PROJECTS}/{chosen.id}" if chosen else _PROJECTS
    kept = urlencode([(name, value) for name, value in parse_qsl(query) if name != "cursor"])
    return f"{path}?{kept}" if kept else path
