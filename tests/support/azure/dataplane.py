"""{region}.api.azureml.ms: discovery, run history and MLflow, which tell what a training measured and said."""

import re
from datetime import datetime
from typing import TYPE_CHECKING

from tests.support.azure.job_routes import settle
from tests.support.azure.jobs_state import Job, Point
from tests.support.azure.registry import Registry, is_registry
from tests.support.azure.state import ML, Workspace
from tests.support.azure.tokens import ARM
from tests.support.azure.tokens import ML as ML_AUDIENCE
from tests.support.azure.wire import AzureError, Json, Reply, Request, UserError

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

_WORKSPACE = (
    r"/subscriptions/(?P<sub>[^/]+)/resourceGroups/(?P<rg>[^/]+)"
    r"/providers/Microsoft\.MachineLearningServices/workspaces/(?P<ws>[^/]+)"
)
_HISTORY = re.compile(
    rf"/history/v1\.0{_WORKSPACE}/(?:experiments/[^/]+/|experimentids/[^/]+/)?(?P<rest>runs/.+|rundata)", re.IGNORECASE
)
_MLFLOW = re.compile(rf"/mlflow/v[12]\.0{_WORKSPACE}/api/2\.0/mlflow/(?P<rest>[a-z-]+/[a-z-]+)", re.IGNORECASE)
_MLFLOW_STATUS = {
    "Completed": "FINISHED",
    "Failed": "FAILED",
    "Canceled": "KILLED",
    "NotStarted": "SCHEDULED",
    "Queued": "SCHEDULED",
}


class DataPlane:
    """Answers for the data plane of a region."""

    def __init__(self, cloud: "AzureCloud") -> None:
        self._cloud = cloud
        self._registry = Registry(cloud)

    def answer(self, request: Request) -> Reply:
        """Answer one request; raises AzureError."""
        cloud = self._cloud
        claims = cloud.tokens.verify(
            request.headers.get("authorization"), (ARM, ML_AUDIENCE), cloud.clock.now(), cloud.tenant
        )
        if request.path.rstrip("/") == "/discovery":
            return self._discovery(request)
        if is_registry(request.path):
            return self._registry.answer(request)
        for pattern, answer in ((_HISTORY, self._history), (_MLFLOW, self._mlflow)):
            found = pattern.fullmatch(request.path)
            if found is not None:
                workspace = self._workspace(request, found)
                verb = "read" if request.method == "GET" or found["rest"].endswith(("search", "rundata")) else "write"
                cloud.authorize(claims.oid, f"{ML}/workspaces/experiments/runs/{verb}", workspace.id)
                return answer(request, workspace, found["rest"])
        raise UserError(404, f"Nothing is at {request.path}.", code="NotFound")

    def _discovery(self, request: Request) -> Reply:
        host = f"https://{request.host}"
        names = (
            "api",
            "history",
            "experimentation",
            "modelmanagement",
            "inferencing",
            "hyperdrive",
            "pipelines",
            "catalog",
        )
        return Reply(200, {**dict.fromkeys(names, host), "studio": "https://ml.azure.com"})

    def _workspace(self, request: Request, found: re.Match[str]) -> Workspace:
        workspace = self._cloud.state.workspace(found["ws"], found["rg"])
        if workspace is None or workspace.subscription != found["sub"]:
            raise UserError(404, f"Workspace {found['ws']} was not found.", code="NotFound")
        if request.host.split(".")[0] != workspace.location:
            position = workspace.location
            message = f"Workspace {workspace.name} is in {position}; its data plane is {position}.api.azureml.ms."
            raise UserError(400, message, code="WrongRegion")
        return workspace

    def _job(self, workspace: Workspace, name: str) -> Job:
        """Return the job of a run: the job itself, or the step below a pipeline that has begun."""
        job = workspace.jobs.get(name) or next((one for one in workspace.jobs.values() if _is_step(one, name)), None)
        if job is None:
            raise UserError(404, f"RunId {name} was not found.", code="NotFound")
        settle(self._cloud, workspace, job)
        return job

    def _history(self, request: Request, workspace: Workspace, rest: str) -> Reply:
        if rest == "rundata":
            name = str(request.json().get("runId"))
            return Reply(200, {"runMetadata": self._run(self._job(workspace, name), name), "runDefinition": {}})
        parts = rest.split("/")
        job = self._job(workspace, parts[1])
        if request.method == "PATCH":
            return self._patch(request, job)
        if parts[2:] == ["details"]:
            return Reply(200, self._details(workspace, job, parts[1]))
        if parts[2:] == ["events"]:
            events = [{"timestamp": _iso(at), "name": name, "message": text} for at, name, text in job.events]
            return Reply(200, {"value": events})
        if len(parts) == 2:
            return Reply(200, self._run(job, parts[1]))
        raise UserError(404, f"Nothing is at {request.path}.", code="NotFound")

    def _patch(self, request: Request, job: Job) -> Reply:
        """Archive, restore, or change what may be changed."""
        given = request.json()
        verb = "archive" if given.get("hidden") else "update"
        self._cloud.write_down_run(request, verb, job)
        if given.get("hidden") is not None:
            job.hidden = bool(given["hidden"])
        job.body["properties"].setdefault("tags", {}).update(given.get("tags") or {})
        if given.get("displayName"):
            job.body["properties"]["displayName"] = given["displayName"]
        return Reply(200, self._run(job, job.name))

    def _run(self, job: Job, name: str) -> Json:
        body: Json = {
            "runId": name,
            "runUuid": name,
            "rootRunId": job.name,
            "parentRunId": None if name == job.name else job.name,
            "status": job.status,
            "hidden": job.hidden,
            "tags": job.tags,
        }
        body |= {"createdUtc": _iso(job.created), "startTimeUtc": _iso(job.started), "endTimeUtc": _iso(job.ended)}
        return {
            **body,
            "error": _error(job, name),
            "warnings": [],
            "displayName": job.body["properties"].get("displayName"),
            "outputs": {},
        }

    def _details(self, workspace: Workspace, job: Job, name: str) -> Json:
        target = (
            "serverless"
            if not job.body["properties"].get("computeId")
            else job.body["properties"]["computeId"].rsplit("/", 1)[-1]
        )
        events = [{"timestamp": _iso(at), "status": name, "message": text} for at, name, text in job.events]
        body: Json = {
            "runId": name,
            "target": target,
            "status": job.status,
            "startTimeUtc": _iso(job.started),
            "endTimeUtc": _iso(job.ended),
        }
        body |= {
            "error": _error(job, name),
            "warnings": [],
            "tags": job.tags,
            "properties": job.body["properties"].get("properties") or {},
        }
        body |= {"inputDatasets": [], "outputDatasets": [], "runDefinition": {}, "statusHistory": events}
        return {**body, "logFiles": self._logs(workspace, job, name)}

    def _logs(self, workspace: Workspace, job: Job, name: str) -> Json:
        """Log files on blob storage, readable for an hour; none before the job runs. A pipeline's is about steps."""
        if job.started is None:
            return {}
        if job.pipeline and name == job.name:
            path = f"ExperimentRun/dcid.{job.name}/logs/azureml/executionlogs.txt"
            uri = self._cloud.blobs.put(workspace.storage, path, b"Submitted 1 of 1 steps.\n")
            return {"logs/azureml/executionlogs.txt": uri} if uri else {}
        path = f"ExperimentRun/dcid.{job.name}/user_logs/std_log.txt"
        losses = job.metrics.get("train_loss", [])
        lines = [f"{_iso(at)} {name}: {text}" for at, name, text in job.events]
        lines += [f"{{'loss': {point.value}, 'step': {point.step}}}" for point in losses]
        storage = workspace.storage
        uri = self._cloud.blobs.put(storage, path, "\n".join(lines).encode() + b"\n")
        return {"user_logs/std_log.txt": uri} if uri else {}

    def _mlflow(self, request: Request, workspace: Workspace, rest: str) -> Reply:
        if rest == "runs/get" and request.method == "GET":
            return Reply(200, {"run": self._mlflow_run(workspace, *self._wanted(request, workspace))})
        if rest == "metrics/get-history" and request.method == "GET":
            job, name = self._wanted(request, workspace)
            key = request.query.get("metric_key")
            if not key:
                raise _mlflow_error(
                    400, "INVALID_PARAMETER_VALUE", "Missing value for required parameter 'metric_key'."
                )
            points = job.metrics.get(key, []) if _measures(job, name) else []
            return Reply(200, {"metrics": [_metric(key, point) for point in points]})
        if rest == "runs/search" and request.method == "POST":
            return self._search(request, workspace)
        raise _mlflow_error(404, "ENDPOINT_NOT_FOUND", f"No MLflow endpoint {request.method} {rest}.")

    def _wanted(self, request: Request, workspace: Workspace) -> tuple[Job, str]:
        name = request.query.get("run_id") or request.query.get("run_uuid") or ""
        if name not in workspace.jobs and not any(_is_step(one, name) for one in workspace.jobs.values()):
            raise _mlflow_error(404, "RESOURCE_DOES_NOT_EXIST", f"Run with id {name} was not found.")
        return self._job(workspace, name), name

    def _search(self, request: Request, workspace: Workspace) -> Reply:
        given = request.json()
        size = min(int(given.get("max_results") or 1_000), 1_000)
        start = int(given.get("page_token") or 0)
        names = re.findall(r"'([^']+)'", str(given.get("filter") or ""))
        if "mlflow.rootRunId" in str(given.get("filter")):
            return self._tree(workspace, names[0])
        jobs = [
            job
            for job in workspace.jobs.values()
            if not names or job.name in names or set(names) & set(job.tags.values())
        ]
        body: Json = {
            "runs": [
                self._mlflow_run(workspace, self._job(workspace, job.name), job.name)
                for job in jobs[start : start + size]
            ]
        }
        if start + size < len(jobs):
            body["next_page_token"] = str(start + size)
        return Reply(200, body)

    def _tree(self, workspace: Workspace, root: str) -> Reply:
        """Return a run with those below it."""
        if root not in workspace.jobs:
            return Reply(200, {"runs": []})
        job = self._job(workspace, root)
        names = [root, job.step] if _is_step(job, job.step) else [root]
        return Reply(200, {"runs": [self._mlflow_run(workspace, job, name) for name in names]})

    def _mlflow_run(self, workspace: Workspace, job: Job, name: str) -> Json:
        started, ended = job.started or job.created, job.ended
        info: Json = {"run_id": name, "run_uuid": name, "experiment_id": "00000000-0000-0000-0000-0000000000e1"}
        info |= {
            "status": _MLFLOW_STATUS.get(job.status, "RUNNING"),
            "start_time": _ms(started),
            "lifecycle_stage": "active",
        }
        info |= {
            "artifact_uri": f"azureml://{workspace.location}.api.azureml.ms/mlflow/v2.0{workspace.id}/{job.name}",
            "user_id": job.caller,
        }
        if ended is not None:
            info["end_time"] = _ms(ended)
        measured = job.metrics if _measures(job, name) else {}
        metrics = [_metric(key, points[-1]) for key, points in measured.items() if points]
        params = [
            {"key": key, "value": str(value)} for key, value in (job.details.get("hyperParameters") or {}).items()
        ]
        marks = {"mlflow.rootRunId": job.name}
        marks |= job.tags if name == job.name else {"mlflow.parentRunId": job.name}
        tags = [{"key": key, "value": value} for key, value in marks.items()]
        return {"info": info, "data": {"metrics": metrics, "params": params, "tags": tags}}


def _error(job: Job, name: str) -> Json | None:
    """Return why a run failed. That of a pipeline whose step has failed says only that, as people report it:
    Azure/azureml-examples#3911, swatig007/automlForImages#25.
    """
    if job.error is None:
        return None
    below = {"code": "UserError", "message": "User errors were found in at least one of the child runs."}
    error = below if name == job.name and _is_step(job, job.step) else job.error
    return {
        "error": {**error, "details": [], "messageFormat": "", "messageParameters": {}},
        "time": _iso(job.ended),
        "componentName": "finetuning",
    }


def _is_step(job: Job, name: str) -> bool:
    """Whether a run is the step below a pipeline, which is there once it runs."""
    return job.pipeline and job.started is not None and name == job.step


def _measures(job: Job, name: str) -> bool:
    return (name == job.step) == job.pipeline


def _mlflow_error(status: int, code: str, message: str) -> AzureError:
    class MlflowError(AzureError):
        def reply(self) -> Reply:
            return Reply(self.status, {"error_code": self.code, "message": self.message})

    return MlflowError(status, code, message)


def _metric(key: str, point: Point) -> Json:
    return {"key": key, "value": point.value, "timestamp": _ms(point.at), "step": point.step}


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _iso(at: datetime | None) -> str | None:
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}+00:00" if at else None
