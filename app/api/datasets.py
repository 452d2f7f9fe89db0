"""REST on datasets."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from app.api.answers import CREATED, NO_CONTENT, answer, listing, nothing, page
from app.api.routing import PathId, noun
from app.api.shapes.common import list_of
from app.api.shapes.datasets import (
    DatasetsQuery,
    DownloadQuery,
    FindingsQuery,
    MappingIn,
    RowsQuery,
    SplitIn,
    SplitOut,
    UploadQuery,
)
from app.data.rows import Row
from app.domain.datasets import Dataset, DatasetProgress, DatasetUses, Finding
from app.domain.downloads import DownloadFormat
from app.domain.jobs import SplitStrategy
from app.domain.splits import SplitSpec
from app.http.body_stream import BodyChunks, raw_body
from app.http.dataset_files import dataset_file
from app.http.dependencies import OpenScope, may, may_open
from app.services import datasets, mappings, splits, usage
from app.services.mappings import Proposal
from app.services.scope import Scope

router = noun("datasets", asks=False)

FILES: dict[str, dict[str, object]] = {
    each: {} for each in ("application/octet-stream", *sorted({form.media_type for form in DownloadFormat}))
}
RAW_FILE = {
    "requestBody": {
        "description": "The file as it is, of any size up to the installation's limit.",
        "required": True,
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary", "minLength": 1},
                "example": '{"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]}\n',
            }
        },
    }
}


@router.put("", response_model=Dataset, status_code=CREATED, openapi_extra=RAW_FILE)
def upload_dataset(
    scope: Annotated[Scope, may(datasets.upload)],
    query: Annotated[UploadQuery, Query()],
    body: Annotated[BodyChunks, Depends(raw_body)],
) -> Response:
    """Bring a file of rows; it is streamed to the disk, checked, and never changed afterwards."""
    made = datasets.upload(scope, name=query.name, filename=query.filename, chunks=body, project=query.project)
    return answer(Dataset, made, CREATED)


@router.get("", response_model=list_of(Dataset))
def list_datasets(
    scope: Annotated[Scope, may(datasets.list_datasets)], wanted: Annotated[DatasetsQuery, Query()]
) -> Response:
    """The datasets, newest first."""
    found = datasets.list_datasets(scope, project=wanted.project, limit=wanted.limit, cursor=wanted.cursor)
    return page(Dataset, found)


@router.get("/{identifier}", response_model=Dataset)
def get_dataset(scope: Annotated[Scope, may(datasets.get)], identifier: PathId) -> Response:
    """One dataset."""
    return answer(Dataset, datasets.get(scope, identifier))


@router.delete("/{identifier}", status_code=NO_CONTENT)
def delete_dataset(scope: Annotated[Scope, may(datasets.delete)], identifier: PathId) -> Response:
    """Remove a dataset that no job and no evaluation refers to."""
    datasets.delete(scope, identifier)
    return nothing()


@router.get("/{identifier}/progress", response_model=DatasetProgress)
def get_dataset_progress(scope: Annotated[Scope, may(datasets.progress)], identifier: PathId) -> Response:
    """How far a large dataset is that is being read in, joined, edited or checked; it is then `validating`."""
    return answer(DatasetProgress, datasets.progress(scope, identifier))


@router.get("/{identifier}/uses", response_model=DatasetUses)
def list_dataset_uses(scope: Annotated[Scope, may(usage.of_dataset)], identifier: PathId) -> Response:
    """What rests on the dataset or on parts made from it: jobs, models, deployments, evaluations; the newest first."""
    return answer(DatasetUses, usage.of_dataset(scope, identifier))


@router.get("/{identifier}/download", response_class=Response, responses={200: {"content": FILES}, 409: {}})
def download_dataset(
    open_scope: Annotated[OpenScope, may_open(datasets.download)],
    identifier: PathId,
    wanted: Annotated[DownloadQuery, Query()],
) -> Response:
    """The rows as they are kept, in JSON Lines, or in another format; with `original`, the file they were made from.

    A format that cannot hold the rows is refused with the reason (409).
    """
    return dataset_file(open_scope, identifier, wanted.format, original=wanted.original)


@router.get("/{identifier}/findings", response_model=list_of(Finding))
def list_findings(
    scope: Annotated[Scope, may(datasets.findings)], identifier: PathId, wanted: Annotated[FindingsQuery, Query()]
) -> Response:
    """What the check found: every error with its line, its reason and its remedy."""
    found = datasets.findings(
        scope, identifier, severity=wanted.severity, rule=wanted.rule, limit=wanted.limit, cursor=wanted.cursor
    )
    return page(Finding, found)


@router.get("/{identifier}/rows", response_model=list_of(Row), responses={409: {}})
def list_rows(
    scope: Annotated[Scope, may(datasets.rows)], identifier: PathId, wanted: Annotated[RowsQuery, Query()]
) -> Response:
    """The rows from a line number on, or those of them that hold a text; `next` is the line to go on from.

    A search reads half a gigabyte at most; then a page may have no items and a `next`.
    """
    if wanted.contains:
        finds = datasets.find_rows(scope, identifier, wanted.contains, start=wanted.first, limit=wanted.limit)
        return listing(Row, finds.rows, None if finds.following is None else str(finds.following))
    found = datasets.rows(scope, identifier, start=wanted.first, limit=wanted.limit)
    following = str(found[-1].line + 1) if len(found) == wanted.limit else None
    return listing(Row, found, following)


@router.get("/{identifier}/mapping", response_model=Proposal, responses={409: {}})
def get_mapping(scope: Annotated[Scope, may(mappings.propose)], identifier: PathId) -> Response:
    """What the columns of a dataset that needs mapping seem to be, and its first rows as that."""
    return answer(Proposal, mappings.propose(scope, identifier))


@router.put("/{identifier}/mapping", response_model=Dataset, status_code=CREATED)
def put_mapping(scope: Annotated[Scope, may(mappings.apply)], identifier: PathId, body: MappingIn) -> Response:
    """Say what the columns are: a version whose rows are that. The same mapping again finds the same version."""
    return answer(Dataset, mappings.apply(scope, identifier, body.mapping()), CREATED)


@router.post("/{identifier}/split", response_model=SplitOut, status_code=CREATED)
def split_dataset(scope: Annotated[Scope, may(splits.split)], identifier: PathId, body: SplitIn) -> Response:
    """Set rows apart for validation and test; the same wish gives the same datasets."""
    values = {**body.model_dump(), "strategy": SplitStrategy(body.strategy)}
    return answer(SplitOut, splits.split(scope, identifier, SplitSpec(**values), pointer=""), CREATED)
