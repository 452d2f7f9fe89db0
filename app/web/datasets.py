"""Pages of datasets: bring one in, see what is wrong with it, look at its rows."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from app.data.limits import DEFAULT
from app.domain.datasets import Dataset, DatasetStatus, Severity
from app.domain.downloads import DownloadFormat
from app.domain.drafts import JobDraft, Step
from app.domain.errors import DomainError
from app.domain.mappings import ColumnMapping
from app.http.dataset_files import dataset_file
from app.http.dependencies import OpenScope, may, may_open
from app.http.fields import Id
from app.http.idempotency import Once, once
from app.services import bringing, datasets, drafts, edits, mappings, projects, uploads, usage
from app.services.scope import Scope
from app.web.layout import chosen_project
from app.web.presses import fresh_key
from app.web.rendering import (
    UNPROCESSABLE,
    Fields,
    Form,
    field_errors,
    list_page,
    page,
    see_other,
    sentence,
    status_of,
    upload_of,
)
from app.web.views import datasets as view
from app.web.views.parts import FieldError

router = APIRouter(include_in_schema=False)
_CHUNK = 1 << 20
_ROWS = 20
_FIRST_ERRORS = 3
_DRAFTS = 100


class Tab(StrEnum):
    """The parts of a dataset's page."""

    OVERVIEW = "overview"
    FINDINGS = "findings"
    ROWS = "rows"
    LINEAGE = "lineage"
    COLUMNS = "columns"


@router.get("/datasets")
async def index(
    request: Request,
    scope: Annotated[Scope, may(datasets.list_datasets)],
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """All datasets, and a form to upload one."""
    name, part = "datasets/index.html", "datasets/_list.html"
    return await list_page(request, scope, name, lambda: _list_context(request, scope, cursor), part=part)


@router.post("/datasets")
def upload(request: Request, scope: Annotated[Scope, may(datasets.upload)], form: Form) -> Response:
    """Take a file, check it, and show what was found; in the wizard, go on there. The same press makes one dataset."""
    texts = {name: value for name, value in form.items() if isinstance(value, str)}
    try:
        grant = _grant(form, texts)
        return _brought(scope, form, texts) if grant is None else grant(scope, lambda: _brought(scope, form, texts))
    except DomainError as error:
        typed = {f"upload_{field}": texts.get(field, "") for field in ("name", "project", "path", "pasted")}
        context = {**_list_context(request, scope, None), **typed, "errors": field_errors(error)}
        return page(request, scope, "datasets/index.html", context, status=status_of(error))


def _grant(form: Form, texts: Mapping[str, str]) -> Once | None:
    """Return what keeps a form that is sent twice from making two datasets; another file is another wish."""
    key = texts.get("idempotency_key")
    if not key:
        return None
    said = sorted((name, value) for name, value in texts.items() if name != "idempotency_key")
    files = [(each.filename, each.size) for each in form.getlist("file") if isinstance(each, UploadFile)]
    content = repr((said, files)).encode(errors="replace")
    return once("POST /datasets", f"{key[:120]}.{sha256(content).hexdigest()}", content)


def _brought(scope: Scope, form: Form, texts: Mapping[str, str]) -> Response:
    made = _made(scope, form, texts)
    if made.status is DatasetStatus.REJECTED:  # what was chosen in the wizard before stays chosen
        return see_other(f"/datasets/{made.id}", "refused")
    draft = texts.get("draft")
    if draft and made.status in {DatasetStatus.NEEDS_MAPPING, DatasetStatus.VALIDATING}:
        return see_other(f"/datasets/{made.id}?draft={draft}", "uploaded")
    if draft:
        drafts.update_step(scope, draft, Step.DATA, {"training_dataset": made.id})
        return see_other(f"/wizard/{draft}/{Step.DATA.value}", "uploaded")
    return see_other(f"/datasets/{made.id}", "uploaded")


@router.get("/datasets/{dataset}")
def show(
    request: Request,
    scope: Annotated[Scope, may(datasets.get)],
    dataset: Id,
    tab: Tab | None = None,
    start: Annotated[int, Query(alias="from", ge=1, le=2**53)] = 1,
    severity: Severity | None = None,
    rule: Annotated[str | None, Query(max_length=80)] = None,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """One dataset; `draft` in the address is the one in the wizard that it was uploaded for, `find` a text in rows."""
    draft, find = (request.query_params.get(name, "").strip()[:200] for name in ("draft", "find"))
    found = datasets.get(scope, dataset)
    waits = found.status is DatasetStatus.NEEDS_MAPPING
    tab = (Tab.COLUMNS if waits else Tab.OVERVIEW) if tab is None or (tab is Tab.COLUMNS and not waits) else tab
    context: dict[str, Any] = {
        "dataset": found,
        "report": datasets.report(scope, dataset),
        "tab": tab.value,
        "tabs": view.tabs(found, tab.value),
        "downloads": view.downloads(found),
        "share": datasets.progress(scope, dataset).share,
        "severity": severity.value if severity else "",
        "rule": rule or "",
        "used": usage.counts(scope, [dataset]).get(dataset),
        "draft": draft,
        "drafts": _drafts(scope, found, draft),
    }
    if tab is Tab.FINDINGS:
        context["fixes"] = edits.offered(scope, dataset)
        counted = sum(each.count for each in context["report"].rules) if context["report"] else 0
        context["left_out"] = counted > DEFAULT.findings  # up to so many are all kept
        context["page"] = datasets.findings(scope, dataset, severity=severity, rule=rule, cursor=cursor)
    elif tab is Tab.ROWS:
        rows = {} if found.is_being_made else _rows(scope, dataset, start, find)
        context |= {**rows, "start": start, "find": find}
    elif tab is Tab.COLUMNS:
        context |= _columns(scope, dataset, None, draft)
    elif tab is Tab.LINEAGE:
        parent = datasets.get(scope, found.parent) if found.parent else None
        context |= {"children": datasets.children(scope, dataset), "parent": parent}
        context["uses"] = usage.of_dataset(scope, dataset)
    else:
        errors = datasets.findings(scope, dataset, severity=Severity.ERROR, limit=_FIRST_ERRORS)
        preview = _preview(scope, found.id, context["report"])
        context |= {
            "lengths": view.lengths(context["report"].lengths if context["report"] else ()),
            "preview": preview,
            "first_errors": errors.items,
        }
    return page(request, scope, "datasets/dataset.html", context)


@router.post("/datasets/{dataset}/mapping")
def map_columns(request: Request, scope: Annotated[Scope, may(mappings.apply)], dataset: Id, form: Fields) -> Response:
    """Show the first rows as the chosen roles make them, or make a version of them all; in the wizard, go on there."""
    chosen = view.chosen_mapping(form, [each.name for each in mappings.propose(scope, dataset).columns])
    context = _columns(scope, dataset, chosen, form.get("draft", ""))
    if "apply" not in form or context["proposal"].problems:
        found = datasets.get(scope, dataset)
        context |= {"dataset": found, "report": datasets.report(scope, dataset), "tab": Tab.COLUMNS.value}
        context |= {"downloads": view.downloads(found), "share": None}
        context |= {"tabs": view.tabs(found, Tab.COLUMNS.value), "pressed": "apply" in form, "drafts": ()}
        context["used"] = usage.counts(scope, [dataset]).get(dataset)
        status = UNPROCESSABLE if "apply" in form else 200
        return page(request, scope, "datasets/dataset.html", context, part="datasets/_mapped.html", status=status)
    made = mappings.apply(scope, dataset, chosen)
    if form.get("draft"):
        drafts.update_step(scope, form["draft"], Step.DATA, {"training_dataset": made.id})
        return see_other(f"/wizard/{form['draft']}/{Step.DATA.value}", "mapped")
    return see_other(f"/datasets/{made.id}", "mapped")


@router.get("/datasets/{dataset}/download")
def download(
    open_scope: Annotated[OpenScope, may_open(datasets.download)],
    dataset: Id,
    *,
    original: bool = False,
    wanted: Annotated[DownloadFormat | None, Query(alias="format")] = None,
) -> Response:
    """The rows, or the file that they were made from; never shown as a page, whatever is in it."""
    return dataset_file(open_scope, dataset, wanted, original=original)


@router.get("/datasets/{dataset}/delete")
def ask_to_delete(request: Request, scope: Annotated[Scope, may(datasets.get)], dataset: Id) -> Response:
    """Ask before removing, for browsers without scripts."""
    question = view.deletion(datasets.get(scope, dataset))
    return page(request, scope, "confirm.html", {"question": question})


@router.post("/datasets/{dataset}/delete")
def delete(scope: Annotated[Scope, may(datasets.delete)], dataset: Id) -> Response:
    """Remove a dataset that nothing uses."""
    datasets.delete(scope, dataset)
    return see_other("/datasets", "dataset_deleted")


def _list_context(request: Request, scope: Scope, cursor: str | None) -> dict[str, Any]:
    project = chosen_project(request, scope)
    found = datasets.list_datasets(scope, project=project.id if project else None, cursor=cursor)
    return {
        "page": found,
        "used": usage.counts(scope, [each.id for each in found.items]),
        "refused": datasets.refused(scope),
        "projects": projects.names(scope),
        "errors": [],
        "upload_name": "",
        "upload_key": fresh_key(),
        "import_roots": scope.app_context.import_roots,
        "upload_project": project.id if project else "",
    }


def _drafts(scope: Scope, found: Dataset, draft: str) -> Sequence[JobDraft]:
    """Return the drafts in which a dataset may take the place of the version before, or that it was uploaded for."""
    if not found.may_be_trained_on or found.status is DatasetStatus.VALIDATING:
        return ()
    before = found.parent if found.made_by.startswith("edit:") else None
    if not draft and before is None:
        return ()
    chosen = [(each, each.values.get("training_dataset")) for each in drafts.list_drafts(scope, limit=_DRAFTS).items]
    return [each for each, rows in chosen if rows != found.id and (each.id == draft or (before and rows == before))]


def _columns(scope: Scope, dataset: str, chosen: ColumnMapping | None, draft: str) -> dict[str, Any]:
    proposal = mappings.propose(scope, dataset, chosen)
    errors = [FieldError(field="columns", message=sentence(each)) for each in proposal.problems]
    words = {"roles": view.roles(), "first_rows": view.first_rows()}
    return {"proposal": proposal, **words, "draft": draft, "errors": errors}


def _rows(scope: Scope, dataset: str, start: int, text: str) -> Mapping[str, Any]:
    """Return a page of rows, or of those that hold a text, and the line to go on from."""
    if text:
        finds = datasets.find_rows(scope, dataset, text, start=start, limit=_ROWS)
        return {"rows": finds.rows, "following": finds.following}
    rows = datasets.rows(scope, dataset, start=start, limit=_ROWS)
    return {"rows": rows, "following": rows[-1].line + 1 if len(rows) == _ROWS else None}


def _preview(scope: Scope, dataset: str, report: object) -> Sequence[object]:
    return datasets.rows(scope, dataset, start=1, limit=3) if report is not None else ()


def _made(scope: Scope, form: Form, texts: Mapping[str, str]) -> Dataset:
    """Make a dataset of what a form brings: chosen files, or else what was pasted, or a path of this machine."""
    name, project = texts.get("name", ""), texts.get("project") or None
    if texts.get("upload"):  # the file is here: scripts bring large ones in pieces
        return uploads.finish(scope, texts["upload"], name=name, project=project)
    files = [each for each in form.getlist("file") if isinstance(each, UploadFile) and each.filename]
    if len(files) > 1:
        several = [(each.filename or "", _chunks(each)) for each in files]
        return bringing.upload_several(scope, several, name=name, project=project)
    if not files and texts.get("path", "").strip():
        return bringing.from_path(scope, texts["path"].strip(), name=name, project=project)
    filename, chunks = "pasted.txt", iter([texts.get("pasted", "").encode(errors="replace")])
    if files or not texts.get("pasted", "").strip():
        chosen = upload_of(form, "file")
        filename, chunks = chosen.filename or "upload.jsonl", _chunks(chosen)
    return datasets.upload(scope, name=name, filename=filename, chunks=chunks, project=project)


def _chunks(file: UploadFile) -> Iterator[bytes]:
    while chunk := file.file.read(_CHUNK):
        yield chunk
