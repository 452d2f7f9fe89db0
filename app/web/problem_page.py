"""A wish that failed, told inside the frame: what happened, what was kept, what to do, and the request's id."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse

from app.http.problems import ProblemDocument
from app.web.layout import bare_frame
from app.web.rendering import element_id, sentence, templates
from app.web.views.parts import FieldError


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemView:
    """What templates/error.html shows."""

    title: str
    detail: str
    fix: str
    errors: Sequence[FieldError]
    request_id: str


def problem_page(request: Request, problem: ProblemDocument) -> HTMLResponse:
    """Render a problem; asks neither the database nor a provider, so it cannot fail in its turn."""
    errors = [FieldError(field=element_id(each.pointer), message=sentence(each)) for each in problem.problems]
    view = ProblemView(
        title=problem.title,
        detail="" if errors else problem.detail,
        fix=problem.fix,
        errors=errors,
        request_id=problem.request_id,
    )
    frame = bare_frame(request, request.app.state.scopes.app_context.clock.now())
    return HTMLResponse(templates().render("error.html", {"frame": frame, "problem": view}), problem.status)
