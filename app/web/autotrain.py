"""AutoTrain's configuration brought by people: uploaded or pasted, its report, and the draft that is made of it."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from app.domain.autotrain.parameters import MAX_CHARACTERS
from app.domain.errors import DomainError, Invalid, Problem
from app.http.dependencies import OpenScope, may, may_open
from app.services import autotrain, connections, datasets, projects
from app.services.autotrain import Chosen
from app.services.scope import Scope
from app.web.i18n import gettext as _
from app.web.layout import chosen_project
from app.web.presses import pressed
from app.web.rendering import Form, field_errors, page, see_other, status_of
from app.web.views.parts import Lenient
from app.web.views.wizard import options

router = APIRouter(include_in_schema=False)
_PAGE = "wizard/from_autotrain.html"
_LISTED = 200


@router.get("/wizard/from-autotrain")
def ask(
    request: Request,
    scope: Annotated[Scope, may(projects.list_projects)],
    project: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """A form for the file, or its text."""
    found = chosen_project(request, scope)
    given = {"project": project or (found.id if found else "")}
    return page(request, scope, _PAGE, _context(scope, given))


@router.post("/wizard/from-autotrain")
def read(request: Request, open_scope: Annotated[OpenScope, may_open(autotrain.create)], form: Form) -> Response:
    """What would become of each line; or, once that has been seen, the draft."""
    from app.domain.autotrain.yaml_text import redacted

    given = {name: value for name, value in form.items() if isinstance(value, str)}
    try:
        text = _text(form)
        # What is shown again, and sent once more to make the draft, has no secrets in it.
        given["yaml"] = redacted(text)
        with open_scope() as scope:
            if given.get("goto") == "make":
                return pressed(scope, request.url.path, given, lambda: _made(scope, text, given))
            report = autotrain.report(scope, text, _chosen(given))
            return page(request, scope, _PAGE, {**_context(scope, given), "report": report})
    except DomainError as error:
        with open_scope() as scope:
            context = {**_context(scope, given), "errors": field_errors(error)}
            return page(request, scope, _PAGE, context, status=status_of(error))


def _made(scope: Scope, text: str, given: Mapping[str, str]) -> Response:
    made = autotrain.create(scope, text, _chosen(given))
    return see_other(f"/wizard/{made.draft.id}/review", "from_autotrain")


def _text(form: FormData) -> str:
    """Return the configuration as it was uploaded, or else pasted.

    Raises:
        Invalid: there is neither, or the file is no text.
    """
    file, pasted = form.get("file"), form.get("yaml")
    if isinstance(file, UploadFile) and file.filename:
        try:
            return file.file.read(4 * MAX_CHARACTERS + 4).decode("utf-8-sig")
        except UnicodeDecodeError:
            fix = _("Choose the YAML file you gave to AutoTrain, or paste its text.")
            raise Invalid([Problem("/file", "encoding", _("The file is not UTF-8 text."), fix)]) from None
    if isinstance(pasted, str) and pasted.strip():
        return pasted
    fix = _("Choose the file, or paste its text.")
    raise Invalid([Problem("/yaml", "missing", _("Choose or paste a configuration first."), fix)])


def _chosen(given: Mapping[str, str]) -> Chosen:
    names = ("project", "connection", "training_dataset", "validation_dataset")
    return Chosen(**{name: given.get(name, "") for name in names})


def _context(scope: Scope, given: Mapping[str, str]) -> dict[str, object]:
    brought = datasets.list_datasets(scope, with_parts=True, limit=_LISTED).items
    return {
        "given": Lenient({"connection": connections.default_id(scope), **given}),
        "projects": options(projects.list_projects(scope, limit=_LISTED).items),
        "connections": [(each.id, each.name) for each in connections.list_connections(scope)],
        "training_options": options(brought),
        "validation_options": options([each for each in brought if each.is_ready]),
        "report": None,
        "errors": [],
        "limit": MAX_CHARACTERS,
    }
