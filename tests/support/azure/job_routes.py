"""Jobs: submitted once under their name, listed in pages, followed by the clock, cancelled in their own time."""

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.support.azure import versions
from tests.support.azure.job_checks import check_job, check_when_preparing
from tests.support.azure.jobs_state import MANAGED_STAGES, SERVERLESS_STAGES, Job
from tests.support.azure.routes import Call, Route, route
from tests.support.azure.shapes import envelope, page_of, strings, workspace_of
from tests.support.azure.state import Asset, Workspace
from tests.support.azure.wire import AnyJson, AzureError, Json, Reply, UserError
from tests.support.azure.workspaces import ONE

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

_JOBS = ONE + "/jobs"
# What a recorded job has as null, `official/job-finetuning-maap.json`; `queueSettings` is younger than one preview.
_NULLS = ("description", "computeId", "identity", "componentId", "notificationSetting")
_KINDS = {"AutoML", "Command", "FineTuning", "Pipeline", "Spark", "Sweep"}
# What a second PUT may change.
_SOFT = {"description", "displayName", "tags", "isArchived", "properties"}


class Jobs:
    """Answers for jobs."""

    def __init__(self, cloud: "AzureCloud") -> None:
        self._cloud = cloud

    def routes(self) -> list[Route]:
        """Return the routes of this part."""
        return [
            route("GET", _JOBS, self._list),
            route("GET", _JOBS + "/{name}", self._get),
            route("PUT", _JOBS + "/{name}", self._put),
            route("DELETE", _JOBS + "/{name}", self._delete),
            route("POST", _JOBS + "/{name}/cancel", self._cancel),
        ]

    def _put(self, call: Call) -> Reply:
        workspace, name = workspace_of(call), call.args["name"]
        body = call.body()
        given: Json = body.get("properties") or {}
        kind = given.get("jobType")
        if kind not in _KINDS:
            raise AzureError(
                400, "BadRequest", f"'{kind}' is not a known discriminator of 'JobBase'. Path 'properties.jobType'."
            )
        if kind == "FineTuning" and call.version not in versions.FINE_TUNING:
            message = f"Job type 'FineTuning' is not supported in api-version '{call.version}'."
            raise AzureError(400, "BadRequest", message, target="properties.jobType")
        strings(given.get("tags"), "properties.tags")
        strings(given.get("properties"), "properties.properties")
        known = workspace.jobs.get(name)
        if known is not None:
            return self._update(call, workspace, known, given)
        check_job(self._cloud, call, workspace, given)
        made = Job(name, {"properties": given}, call.now, self._cloud.state.pace.stages, _stages(given), call.caller)
        made.pipeline = kind == "FineTuning" and made.stages is MANAGED_STAGES
        workspace.jobs[name] = made
        self._cloud.write_down(call, "submit", call.request.path, name, made.tags)
        return Reply(201, body_of(workspace, made))

    def _update(self, call: Call, workspace: Workspace, known: Job, given: Json) -> Reply:
        """The same job again is no second job; another one under its name is refused."""
        shown = body_of(workspace, known)["properties"]
        for field in sorted(set(given) - _SOFT - {"status", "services"}):
            if _plain(given[field]) not in (_plain(shown.get(field)), _plain(known.body["properties"].get(field))):
                message = (
                    "A job with this name already exists. If you are trying to create a new job, use a different name."
                )
                message = f"{message} If you are trying to update an existing job, the existing job's {field}"
                message = f"{message} cannot be changed."
                raise UserError(400, f"{message} Only {', '.join(sorted(_SOFT))} can be updated.")
        verb = "archive" if given.get("isArchived") and not known.hidden else "update"
        self._cloud.write_down(call, verb, call.request.path, known.name, known.tags)
        known.body["properties"].update({field: given[field] for field in _SOFT if field in given})
        known.hidden = bool(given.get("isArchived"))
        return Reply(200, body_of(workspace, known))

    def _list(self, call: Call) -> Reply:
        workspace = workspace_of(call)
        lag = timedelta(seconds=self._cloud.state.pace.job_listed_after)
        view = call.query.get("listViewType", "ActiveOnly")
        found = [job for job in workspace.jobs.values() if job.created + lag <= call.now]
        if "jobType" in call.query:
            found = [job for job in found if job.body["properties"]["jobType"] == call.query["jobType"]]
        if call.query.get("tag"):
            key, _, value = call.query["tag"].partition("=")
            found = [job for job in found if key in job.tags and (not value or job.tags[key] == value)]
        found = [job for job in found if view == "All" or job.hidden == (view == "ArchivedOnly")]
        # A version that does not know fine-tuning jobs cannot write them.
        if call.version not in versions.FINE_TUNING:
            found = [job for job in found if not job.details]
        found.sort(key=lambda job: job.created, reverse=True)
        return page_of(call, found, lambda job: self._settled_body(workspace, job))

    def _get(self, call: Call) -> Reply:
        workspace, job = self._find(call)
        self.settle(workspace, job)
        return Reply(200, body_of(workspace, job))

    def _delete(self, call: Call) -> Reply:
        workspace, job = self._find(call)
        self.settle(workspace, job)
        if not job.final:
            raise UserError(400, f"Run {job.name} is in a non-terminal state and cannot be deleted. Cancel it first.")
        self._cloud.write_down(call, "delete", call.request.path, job.name, job.tags)

        def finish() -> None:
            workspace.jobs.pop(job.name, None)

        operation = self._cloud.operations.begin(finish)
        return Reply(202, None, self._cloud.operations.headers(operation, call, workspace.location))

    def _cancel(self, call: Call) -> Reply:
        workspace, job = self._find(call)
        self.settle(workspace, job)
        if job.final:
            raise UserError(400, f"Run {job.name} is in terminal state {job.status} and cannot be canceled.")
        if job.status != "CancelRequested":
            self._cloud.write_down(call, "cancel", call.scope, job.name, job.tags)
            job.enter("CancelRequested", call.now, "Cancel was requested")

        def finish() -> None:
            if not job.final:
                job.enter("Canceled", self._cloud.clock.now())

        operation = self._cloud.operations.begin(finish)
        job.body["operation"] = operation
        return Reply(202, None, self._cloud.operations.headers(operation, call, workspace.location))

    def _find(self, call: Call) -> tuple[Workspace, Job]:
        workspace = workspace_of(call)
        job = workspace.jobs.get(call.args["name"])
        lag = timedelta(seconds=self._cloud.state.pace.job_visible_after)
        # Cancelling and deleting write nothing of the job: the SDK does both at a version that cannot write it.
        unwritable = call.request.method == "GET" and call.version not in versions.FINE_TUNING
        if job is None or job.created + lag > call.now or (job.details and unwritable):
            raise UserError(404, f"Run {call.args['name']} not found.", code="NotFound")
        return workspace, job

    def _settled_body(self, workspace: Workspace, job: Job) -> Json:
        self.settle(workspace, job)
        return body_of(workspace, job)

    def settle(self, workspace: Workspace, job: Job) -> None:
        """Bring a job to where the clock says it is: data is looked at when it prepares, its model made at its end."""
        settle(self._cloud, workspace, job)


def settle(cloud: "AzureCloud", workspace: Workspace, job: Job) -> None:
    """Bring a job to where the clock says it is."""
    now = cloud.clock.now()
    cloud.operations.busy(job.body.get("operation"))
    while job.due(now):
        job.advance()
        _entered(cloud, workspace, job)
    _entered(cloud, workspace, job)
    job.measure(now)


def _entered(cloud: "AzureCloud", workspace: Workspace, job: Job) -> None:
    if (
        job.details
        and not job.rows
        and job.status not in {"NotStarted", "Canceled", "CancelRequested"}
        and not job.error
    ):
        check_when_preparing(cloud, workspace, job)
    if job.status == "Completed" and job.details and not job.registered:
        job.registered = True
        _register(cloud, workspace, job)


def _register(cloud: "AzureCloud", workspace: Workspace, job: Job) -> None:
    """Register the tuned model as the next version of the name that was asked for."""
    outputs: Json = job.body["properties"].get("outputs") or {}
    output: Json = next(iter(outputs.values()), {})
    name = output.get("assetName") or f"azureml_{job.name}_output_mlflow_model"
    versions_of = workspace.models.setdefault(name, {})
    base, state = job.details["model"]["uri"], cloud.state
    tags = {**(job.tags if state.model_tags else {}), "baseModelId": base.split("/versions/")[0]}
    made_by = {"job": job.name, "below": job.step, "null": None}[state.model_job]
    storage = f"subscriptions/{workspace.subscription}/resourceGroups/{workspace.group}/workspaces/{workspace.name}"
    somewhere = f"azureml://{storage}/datastores/workspaceblobstore/paths/azureml/{job.step}/model"
    written = f"azureml://jobs/{job.name}/outputs/{next(iter(outputs), 'registered_model')}"
    for _ in range(state.model_versions):
        version = str(max((int(one) for one in versions_of if one.isdigit()), default=0) + 1)
        properties: Json = {
            "modelType": "mlflow_model",
            "modelUri": written if state.model_job == "job" else somewhere,
            "jobName": made_by,
            "flavors": {"hftransformersv2": {"data": {"model_type": "lora"}}},
            "tags": tags,
            "properties": {"baseModelId": base, "trainingType": "finetuning"},
            "provisioningState": "Succeeded",
        }
        versions_of[version] = Asset("models", name, version, properties, job.ended or cloud.clock.now())


def _plain(value: AnyJson) -> AnyJson:
    """Return a value without its nulls and in one case: what a client reads and writes back counts as the same."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.lower() if isinstance(value, str) else value


def _stages(given: Json) -> tuple[str, ...]:
    managed = given.get("computeId") or (given.get("resources") or {}).get("instanceTypes")
    return MANAGED_STAGES if managed or given["jobType"] != "FineTuning" else SERVERLESS_STAGES


def body_of(workspace: Workspace, job: Job) -> Json:
    """Return a job as the service writes it."""
    tracking = f"azureml://{workspace.location}.api.azureml.ms/mlflow/v1.0{workspace.id}?"
    studio = f"https://ml.azure.com/runs/{job.name}?wsid={workspace.id}&tid=11111111-2222-3333-4444-555555555555"
    services = {
        "Tracking": {"jobServiceType": "Tracking", "endpoint": tracking, "status": "Running"},
        "Studio": {"jobServiceType": "Studio", "endpoint": studio, "status": "Running"},
    }
    named: Json = {"experimentName": "Default", "displayName": job.name, "tags": {}, "properties": {}}
    properties = {**named, **dict.fromkeys(_NULLS), **job.body["properties"]}
    properties |= {"status": job.status, "services": services}
    properties["isArchived"] = job.hidden
    if job.details:
        properties |= _as_recorded(job)
    return envelope(workspace, "jobs", job.name, job.created, properties)


def _as_recorded(job: Job) -> Json:
    """Return what the service adds to a fine-tuning job, by the recording `official/job-finetuning-maap.json`."""
    given = job.body["properties"]
    outputs = {
        name: {"description": None, "uri": None, "mode": "ReadWriteMount", **output}
        for name, output in (given.get("outputs") or {}).items()
    }
    asked = next((str(output.get("assetName")) for output in outputs.values()), "")
    written = {
        "PipelineType": "FineTuning",
        "azureml.PipelineType": "FineTuning",
        "original_model_id": job.details["model"]["uri"],
        "_fineTuningJobType": "MaaP" if job.pipeline else "MaaS",
        "_outputModelName": asked,
        "StartTimeUtc": f"{job.created:%Y-%m-%d %H:%M:%S}",
    }
    return {"outputs": outputs, "properties": {**(given.get("properties") or {}), **written}}
