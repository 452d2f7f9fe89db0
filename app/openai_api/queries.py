"""Queries below `/v1`, read by hand where names hold brackets: `?after=…&limit=20&metadata[team]=support`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from app.domain.errors import Invalid, Problem

_METADATA = re.compile(r"metadata\[(.{0,64})\]")
_NONE = ("", "null")  # `metadata=null` of Python, and `metadata=` of Node's null
_LIMIT = re.compile(r"[0-9]{1,6}")
MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Paged:
    """Which page: from behind what, and how many. `metadata` None: whatever it is; empty: only those without any."""

    after: str | None = None
    limit: int = 20
    metadata: Mapping[str, str] | None = None


def jobs_query(request: Request) -> Paged:
    """Return the query of a list of jobs.

    Raises:
        Invalid: with everything that is wrong in it.
    """
    return _read(request, usual=20, has_metadata=True)


def paged(request: Request, *, usual: int) -> Paged:
    """Return the query of another list, whose pages have `usual` items.

    Raises:
        Invalid: as `jobs_query`.
    """
    return _read(request, usual=usual, has_metadata=False)


def _read(request: Request, *, usual: int, has_metadata: bool) -> Paged:
    problems: list[Problem] = []
    after: str | None = None
    limit, metadata = usual, dict[str, str]()
    filtered = False
    for name, value in request.query_params.multi_items():
        found = _METADATA.fullmatch(name)
        if name == "after":
            after = value or None
        elif name == "limit" and _LIMIT.fullmatch(value) and 1 <= int(value) <= MOST:
            limit = int(value)
        elif name == "limit":
            problems.append(Problem("?limit", "range", "limit: this is no number in range.", f"Use 1 to {MOST}."))
        elif has_metadata and found is not None:
            metadata[found[1]], filtered = value, True
        elif has_metadata and name == "metadata" and value in _NONE:
            filtered = True
        else:
            message = f"{name[:80]}: there is no such parameter here."
            problems.append(Problem(f"?{name[:80]}", "unknown_parameter", message, "Leave it out."))
    if problems:
        raise Invalid(problems)
    return Paged(after=after, limit=limit, metadata=metadata if filtered else None)
