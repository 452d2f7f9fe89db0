"""Pages on which a dataset's rows are changed: fixes previewed as a diff, and one row at a time."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from app.data.fixes import indented, on_one_line
from app.domain.drafts import Step
from app.domain.edits import DatasetEdit
from app.domain.errors import DomainError
from app.http.dependencies import may
from app.http.fields import Id
from app.services import datasets, drafts, edits
from app.services.scope import Scope
from app.web.rendering import Fields, field_errors, page, see_other, status_of
from app.web.views import datasets as view
from app.web.views.parts import FieldError

router = APIRouter(include_in_schema=False)
LineNumber = Annotated[int, Path(ge=1, le=2**53)]


@router.post("/datasets/{dataset}/edits")
def change(request: Request, scope: Annotated[Scope, may(edits.apply)], dataset: Id, form: Fields) -> Response:
    """Show what the chosen fixes would do, or make a version with them."""
    wanted = view.chosen_edit(form)
    try:
        if "apply" in form:
            return see_other(f"/datasets/{edits.apply(scope, dataset, wanted).id}", "edited")
        context = _previewed(scope, dataset, wanted)
        return page(request, scope, "datasets/edit.html", {**context, "errors": [], "fields": form})
    except DomainError as error:
        context = {"dataset": datasets.get(scope, dataset), "preview": None, "fields": form}
        return page(
            request, scope, "datasets/edit.html", {**context, "errors": field_errors(error)}, status=status_of(error)
        )


@router.get("/datasets/{dataset}/rows/{line}")
def edit_row(
    request: Request, scope: Annotated[Scope, may(datasets.row_text)], dataset: Id, line: LineNumber
) -> Response:
    """One row, to be changed or left out."""
    text = datasets.row_text(scope, dataset, line)
    return _row_page(request, scope, dataset, line, text=None if text is None else indented(text), errors=[])


@router.post("/datasets/{dataset}/rows/{line}")
def save_row(
    request: Request, scope: Annotated[Scope, may(edits.apply)], dataset: Id, line: LineNumber, form: Fields
) -> Response:
    """Make a version with the row as it was typed, or without it."""
    if "exclude" in form:
        wanted = DatasetEdit(exclude=(line,))
    else:
        before = datasets.row_text(scope, dataset, line) or ""
        wanted = DatasetEdit(replace={line: on_one_line(form.get("text", ""), before)})
    try:
        made = edits.apply(scope, dataset, wanted)
    except DomainError as error:
        errors = [FieldError(field="text", message=each.message) for each in field_errors(error)]
        return _row_page(
            request, scope, dataset, line, text=form.get("text", ""), errors=errors, status=status_of(error)
        )
    return see_other(f"/datasets/{made.id}?tab=rows&from={line}", "edited")


@router.post("/datasets/{dataset}/use")
def use_in_draft(scope: Annotated[Scope, may(drafts.update_step)], dataset: Id, form: Fields) -> Response:
    """Choose the dataset in a draft of the wizard, and go on there."""
    draft = drafts.get(scope, form.get("draft", "")).id
    drafts.update_step(scope, draft, Step.DATA, {"training_dataset": datasets.get(scope, dataset).id})
    return see_other(f"/wizard/{draft}/{Step.DATA.value}")


def _previewed(scope: Scope, dataset: str, wanted: DatasetEdit) -> Mapping[str, Any]:
    found = edits.preview(scope, dataset, wanted)
    return {
        "dataset": datasets.get(scope, dataset),
        "preview": found,
        "changes": view.changed_lines(found.changes),
        "counts": view.edit_counts(found),
    }


def _row_page(
    request: Request,
    scope: Scope,
    dataset: str,
    line: int,
    *,
    text: str | None,
    errors: list[FieldError],
    status: int = 200,
) -> Response:
    rows = datasets.rows(scope, dataset, start=line, limit=1)
    context = {
        "dataset": datasets.get(scope, dataset),
        "line": line,
        "row": rows[0] if rows and rows[0].line == line else None,
        "text": text,
        "errors": errors,
    }
    return page(request, scope, "datasets/row.html", context, status=status)
