"""Files below `/v1`: datasets, and of each job that succeeded its curves."""

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from app.domain.datasets import Dataset, DatasetStatus
from app.domain.errors import NotFound
from app.domain.jobs import FineTuningJob
from app.domain.openai_names import FILE, RESULT, outside
from app.http.body_stream import BodyChunks
from app.http.dependencies import may_with_key
from app.http.downloads import attachment
from app.http.fields import Query as QueryModel
from app.http.multipart import FormParts
from app.openai_api.routing import Identifier, ProjectHeader, answer, listing, ours, seconds, wire
from app.services import datasets, openai_files, openai_jobs
from app.services.scope import Scope

router = wire()
_STATUSES = {DatasetStatus.VALIDATING: "uploaded", DatasetStatus.READY: "processed"}
_FINDINGS = 3


class FilesQuery(QueryModel):
    """Which page of the files."""

    purpose: str = Field(openai_files.FINE_TUNE, max_length=100)
    limit: int = Field(10_000, ge=1, le=10_000)
    order: Literal["asc", "desc"] = "desc"
    after: str | None = Field(None, max_length=200)


@router.post("/files")
def create_file(
    request: Request, scope: Annotated[Scope, may_with_key(openai_files.create)], openai_project: ProjectHeader = ""
) -> Response:
    """Take a file in, of any size and in either order of the form's fields."""
    parts = FormParts(request.headers.get("content-type", ""), BodyChunks(request))
    return answer(file_body(openai_files.create(scope, parts, openai_project)))


@router.get("/files")
def list_files(
    scope: Annotated[Scope, may_with_key(openai_files.list_files)], wanted: Annotated[FilesQuery, Query()]
) -> Response:
    """What was brought; with the purpose `fine-tune-results` the curves of jobs."""
    ascending = wanted.order == "asc"
    if wanted.purpose == openai_files.RESULTS:
        after = None if wanted.after is None else ours(wanted.after, RESULT, "job", "file")
        jobs = openai_jobs.with_results(scope, after=after, limit=wanted.limit, ascending=ascending)
        return listing([_result_body(scope, each) for each in jobs.items], has_more=jobs.next is not None, ends=True)
    if wanted.purpose != openai_files.FINE_TUNE:
        return listing([], has_more=False, ends=True)  # files of other purposes are not kept here
    after = None if wanted.after is None else ours(wanted.after, FILE, "ds", "file")
    found = openai_files.list_files(scope, after=after, limit=wanted.limit, ascending=ascending)
    return listing([file_body(each) for each in found.items], has_more=found.next is not None, ends=True)


@router.get("/files/{identifier}")
def get_file(scope: Annotated[Scope, may_with_key(datasets.get)], identifier: Identifier) -> Response:
    """One file."""
    if identifier.startswith(RESULT):
        return answer(_result_body(scope, _job(scope, identifier)))
    dataset = datasets.get(scope, ours(identifier, FILE, "ds", "file"))
    return answer(file_body(dataset, details=_details(scope, dataset)))


@router.get("/files/{identifier}/content")
def get_content(scope: Annotated[Scope, may_with_key(datasets.download)], identifier: Identifier) -> Response:
    """What a file holds: the bytes that were brought; of results the base64 of a CSV, as at OpenAI."""
    if identifier.startswith(RESULT):
        table = openai_jobs.result_csv(scope, _job(scope, identifier))
        return Response(base64.b64encode(table.encode()), media_type="application/octet-stream")
    dataset = datasets.get(scope, ours(identifier, FILE, "ds", "file"))
    path, name = datasets.download(scope, dataset.id, original=_is_as_brought(dataset))
    return attachment(path, name)


@router.delete("/files/{identifier}")
def delete_file(scope: Annotated[Scope, may_with_key(openai_files.delete)], identifier: Identifier) -> Response:
    """Remove a file that no job uses."""
    openai_files.delete(scope, ours(identifier, FILE, "ds", "file"))
    return answer({"id": identifier, "object": "file", "deleted": True})


def file_body(dataset: Dataset, *, details: str = "") -> dict[str, Any]:
    """Return a dataset as a file."""
    problem = None if dataset.status in _STATUSES else datasets.ready_problem(dataset, "")
    brought = dataset.origins[0].bytes if _is_as_brought(dataset) else dataset.bytes
    body = {
        "id": outside(dataset.id, FILE),
        "object": "file",
        "bytes": brought,
        "created_at": seconds(dataset.created_at),
        "filename": dataset.filename,
        "purpose": openai_files.FINE_TUNE,
        "status": _STATUSES.get(dataset.status, "error"),
    }
    return body if problem is None else {**body, "status_details": details or problem.message}


def _is_as_brought(dataset: Dataset) -> bool:
    """Whether its rows were made of one file, and not changed since: then that file is what comes back."""
    return dataset.parent is None and len(dataset.origins) == 1


def _details(scope: Scope, dataset: Dataset) -> str:
    if dataset.status in _STATUSES:
        return ""
    found = datasets.findings(scope, dataset.id, limit=_FINDINGS).items
    return " ".join(f"{f'Line {each.line}: ' if each.line else ''}{each.message} {each.fix}" for each in found)


def _job(scope: Scope, identifier: str) -> FineTuningJob:
    job = openai_jobs.find(scope, ours(identifier, RESULT, "job", "file"))
    if job is None or not openai_jobs.has_result(job):
        raise NotFound("file", identifier, fix="A job has its result file once it has succeeded.")
    return job


def _result_body(scope: Scope, job: FineTuningJob) -> Mapping[str, Any]:
    return {
        "id": outside(job.id, RESULT),
        "object": "file",
        "bytes": len(base64.b64encode(openai_jobs.result_csv(scope, job).encode())),
        "created_at": seconds(job.ended_at or job.changed_at),
        "filename": f"{job.spec.name}-results.csv",
        "purpose": openai_files.RESULTS,
        "status": "processed",
    }
