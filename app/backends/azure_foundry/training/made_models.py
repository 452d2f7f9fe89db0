"""Which version of which model a completed job has made.

A version may name the job that made it (`jobName`), or a run below it, or none: `jobName: null` stands in recordings of
the service (Azure/azure-sdk-assets, azure-ai-ml, test_model). So it is found by everything that both sides tell, and
what is only likely is told apart from what is sure: the latter alone is deleted without being asked for.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from urllib.parse import quote

from app.backends.azure_foundry.training.history import moment, root_of
from app.backends.azure_foundry.training.submission import OUTPUT
from app.backends.azure_foundry.transport.json_values import Body, part, text
from app.backends.azure_foundry.transport.names import INSTALLATION_TAG, TAG, model_name, tags_of
from app.backends.azure_foundry.transport.workspace import PREVIEW, Workspace

_ADDRESS = re.compile(r"(?:^azureml:|/models/)(?P<name>[\w.-]+)(?::|/versions/)(?P<version>[\w.-]+)$", re.IGNORECASE)
_ASKED_NAME = "_outputModelName"  # in a job's properties: test_maap_finetuning_job of azure-sdk-assets
_LAG = timedelta(minutes=5)  # by which a version may seem older than the job that made it


class Evidence(IntEnum):
    """Why a version may be a job's, the strongest last. From `PATH` on it surely is."""

    NAME = 1  # it has the name that the job asked for, is no older than it, and names no other job
    PATH = 2  # its files lie where this job, or a run below it, writes
    TAGS = 3  # it carries the job's tags
    RUN_BELOW = 4  # it names a run below the job
    JOB = 5  # it names the job
    OUTPUT = 6  # the job's output names it


REASONS: Mapping[Evidence, str] = {
    Evidence.NAME: "It has the name that the training asked for; Azure does not say which job made it.",
    Evidence.PATH: "Its files lie where this training writes.",
    Evidence.TAGS: "It carries this training's tags.",
    Evidence.RUN_BELOW: "A step of this training made it.",
    Evidence.JOB: "It names this training.",
    Evidence.OUTPUT: "The training's output names it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeModel:
    """A version that may be a job's."""

    name: str
    version: str
    evidence: Evidence
    created: datetime | None
    description: str

    @property
    def address(self) -> str:
        """What the model is called: `name:version`."""
        return f"{self.name}:{self.version}"

    @property
    def is_sure(self) -> bool:
        """Whether nothing else than this job can have made it."""
        return self.evidence >= Evidence.PATH


def asked_names(job: Body) -> Sequence[str]:
    """Return the names under which a job's model may be registered: those that it tells, and the one we gave."""
    outputs = part(job, "properties", "outputs")
    ordered = sorted(outputs, key=lambda name: name != OUTPUT)
    found = [text(outputs, name, "assetName") for name in ordered]
    found += [_named_by(text(outputs, name, "uri"))[0] for name in ordered]
    found.append(text(job, "properties", "properties", _ASKED_NAME))
    if TAG in tags_of(job):
        found.append(model_name(text(job, "properties", "displayName"), tags_of(job)[TAG]))
    return tuple(dict.fromkeys(name for name in found if name))


def candidates(workspace: Workspace, job: Body) -> Sequence[MadeModel]:
    """Return every version that may be a job's, the likeliest first.

    Raises:
        BackendError: Azure could not be asked.
    """
    found = _among(workspace, job, asked_names(job)) or _among(workspace, job, _named_after(workspace, job))
    return sorted(
        found, key=lambda each: (each.evidence, each.created.timestamp() if each.created else 0), reverse=True
    )


def _among(workspace: Workspace, job: Body, names: Sequence[str]) -> list[MadeModel]:
    return [
        made
        for name in names
        for version in workspace.list(f"models/{quote(name)}/versions")
        if (made := match(workspace, job, name, version)) is not None
    ]


def _named_after(workspace: Workspace, job: Body) -> Sequence[str]:
    """Return the models whose names hold the job's, which no other job has."""
    mark = text(job, "name").lower()
    return [name for each in workspace.list("models") if mark and mark in (name := text(each, "name")).lower()]


def the_one(found: Sequence[MadeModel]) -> MadeModel | None:
    """Return the version that is the job's; None where there is none, or more than one could be it."""
    named = [each for each in found if each.evidence is Evidence.OUTPUT]
    sure = named or [each for each in found if each.is_sure]
    likely = sure or found
    return likely[0] if len(likely) == 1 else None


def maker_of(workspace: Workspace, name: str, version: Body, jobs: Sequence[Body] | None = None) -> Body | None:
    """Return the job with our mark that surely made a version of a model; None where there is none, or it is not sure.

    `jobs`: those of the project that may have, where they are known already.

    Raises:
        BackendError: Azure could not be asked.
    """
    made_by = text(version, "properties", "jobName")
    if made_by:
        return _ours(workspace, made_by) or _ours(workspace, root_of(workspace, made_by))
    known = workspace.list("jobs", api_version=PREVIEW, listViewType="All", tag=TAG) if jobs is None else jobs
    for job in (each for each in known if TAG in tags_of(each) and name in asked_names(each)):
        made = match(workspace, job, name, version)
        if made is not None and (made.is_sure or the_one(candidates(workspace, job)) == made):
            return job
    return None


def _ours(workspace: Workspace, name: str) -> Body | None:
    job = workspace.get(f"jobs/{name}", api_version=PREVIEW) if name else None
    return job if TAG in tags_of(job) else None


def match(workspace: Workspace, job: Body, name: str, version: Body) -> MadeModel | None:
    """Return why a version of one of the job's names may be the job's; None where it is another's."""
    evidence = _evidence(workspace, job, name, version)
    if evidence is None:
        return None
    return MadeModel(
        name=name,
        version=text(version, "name"),
        evidence=evidence,
        created=moment(text(version, "systemData", "createdAt")),
        description=text(version, "properties", "description"),
    )


def _evidence(workspace: Workspace, job: Body, name: str, version: Body) -> Evidence | None:
    tags, wanted = tags_of(version), tags_of(job)
    made_by = text(version, "properties", "jobName")
    if (name.lower(), text(version, "name").lower()) in _outputs_of(job):
        return Evidence.OUTPUT
    if made_by and made_by.lower() == text(job, "name").lower():
        return Evidence.JOB
    if TAG in tags:  # ours, or another job's of ours; nobody else's
        same = all(tags.get(each) == wanted.get(each) for each in (TAG, INSTALLATION_TAG))
        return Evidence.TAGS if same else None
    if made_by:
        return Evidence.RUN_BELOW if root_of(workspace, made_by).lower() == text(job, "name").lower() else None
    if text(job, "name").lower() in re.split(r"[/.]", text(version, "properties", "modelUri").lower()):
        return Evidence.PATH
    created, began = moment(text(version, "systemData", "createdAt")), moment(text(job, "systemData", "createdAt"))
    older = created is not None and began is not None and created < began - _LAG
    return None if older else Evidence.NAME


def _outputs_of(job: Body) -> frozenset[tuple[str, str]]:
    """Return the models that a job's outputs name, as (name, version) in lower case."""
    outputs = part(job, "properties", "outputs")
    named = (_named_by(text(outputs, name, "uri")) for name in outputs)
    return frozenset((name.lower(), version.lower()) for name, version in named if name)


def _named_by(uri: str) -> tuple[str, str]:
    found = _ADDRESS.search(uri)
    return (found["name"], found["version"]) if found else ("", "")
