"""What is on a provider's account, and its adoption, as REST sees them."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.domain.adoption import AccountFile, AdoptedFile
from app.domain.lifeboats import PastJob
from app.domain.names import MODEL_NAME
from app.http.fields import Id, Line, RequestModel, ResponseModel, described, exemplified
from app.services.adopting import AccountReport

RemoteId = Annotated[Line, Field(min_length=1, description="The provider's id of it.")]


class AdoptJobIn(RequestModel):
    """Which job of the account, and to which project it is to belong.

    `name` is what its model is called here; without it, the job's own suffix. `training_dataset` names its rows where
    the provider has them no more.
    """

    model_config = exemplified({"job": "ftjob-abc123", "project": "prj_01jd3x8z"})

    job: RemoteId
    project: Id
    name: Annotated[Line, described(pattern=MODEL_NAME.pattern)] | None = None
    training_dataset: Id | None = None


class AdoptFileIn(RequestModel):
    """Which file of the account, and the project and name of the dataset that it becomes."""

    model_config = exemplified({"file": "file-abc123", "project": "prj_01jd3x8z"})

    file: RemoteId
    project: Id
    name: Line | None = None


class FileRemovalIn(RequestModel):
    """Which adopted file, and its name there, typed by the one who wants it gone."""

    model_config = exemplified({"file": "file-abc123", "confirm": "rows.jsonl"})

    file: RemoteId
    confirm: Line


class AccountOut(ResponseModel):
    """What is on the account and not in the record; `adopted` are the files that are. `cut`: there is more.

    `missing`: what of the account could not be read, each with the reason.
    """

    checked_at: datetime
    jobs: list[PastJob]
    files: list[AccountFile]
    adopted: list[AdoptedFile]
    cut: bool
    missing: list[str]

    @classmethod
    def of(cls, report: AccountReport) -> "AccountOut":
        """Return a report."""
        return cls(
            checked_at=report.checked_at,
            jobs=[each.job for each in report.jobs],
            files=list(report.files),
            adopted=list(report.adopted),
            cut=report.cut,
            missing=list(report.missing),
        )
