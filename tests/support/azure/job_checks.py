"""What a fine-tuning job must be to be accepted, and what its data must be for it to get past its preparation."""

import json
import re
from typing import TYPE_CHECKING

from tests.support.azure.jobs_state import Job
from tests.support.azure.routes import Call
from tests.support.azure.shapes import only, required, strings
from tests.support.azure.state import Workspace
from tests.support.azure.wire import AzureError, Json, UserError
from tests.support.azure.workspaces import VM_SIZES

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

_TASKS = {
    "chatcompletion", "textcompletion", "textclassification", "questionanswering", "textsummarization",
    "tokenclassification", "texttranslation", "imageclassification", "imageinstancesegmentation",
    "imageobjectdetection", "videomultiobjecttracking",
}  # fmt: skip
_MEMBERS = {
    "jobType", "fineTuningDetails", "outputs", "queueSettings", "resources", "componentId", "computeId", "displayName",
    "experimentName", "identity", "isArchived", "notificationSetting", "services", "status", "description",
    "properties", "tags", "parentJobName",
}  # fmt: skip
_DETAILS = {"modelProvider", "taskType", "model", "trainingData", "validationData", "hyperParameters"}
_KNOWN = {
    "per_device_train_batch_size": (int, 1, 32), "learning_rate": (float, 0.0, 1.0), "num_train_epochs": (int, 1, 10),
    "learning_rate_multiplier": (float, 0.0, 10.0), "batch_size_multiplier": (int, 1, 32), "n_epochs": (int, 1, 10),
    "batch_size": (int, 1, 32), "seed": (int, 0, 2**31 - 1),
}  # fmt: skip
_MANAGED_ONLY = {
    "apply_lora", "lora_alpha", "lora_r", "lora_dropout", "precision", "warmup_steps", "warmup_ratio", "weight_decay",
    "lr_scheduler_type", "gradient_accumulation_steps", "max_seq_length", "per_device_eval_batch_size", "logging_steps",
    "evaluation_strategy", "save_total_limit", "early_stopping", "max_steps", "deepspeed", "optim", "eval_steps",
}  # fmt: skip
FEWEST_ROWS = 10
_VERSION_ID = re.compile(r"/workspaces/(?P<ws>[^/]+)/data/(?P<name>[^/]+)/versions/(?P<version>[^/]+)$", re.IGNORECASE)
_DATASTORE_URI = re.compile(r"(?:azureml://)(?:.*/)?datastores/(?P<store>[^/]+)/paths/(?P<path>.+)$")


def check_job(cloud: "AzureCloud", call: Call, workspace: Workspace, given: Json) -> None:
    """Refuse a job that Azure would not accept; raises AzureError."""
    _compute(cloud, workspace, given)
    if given["jobType"] != "FineTuning":
        return
    if workspace.kind == "Hub":
        raise UserError(
            400, f"Fine-tuning jobs cannot be submitted to the hub '{workspace.name}'; use one of its projects."
        )
    only(given, _MEMBERS, "FineTuningJob", "properties.")
    details = given.get("fineTuningDetails")
    if not isinstance(details, dict):
        required(given, ("fineTuningDetails",), "properties.")
        raise AzureError(400, "BadRequest", "Unexpected value. Path 'properties.fineTuningDetails'.")
    path = "properties.fineTuningDetails."
    required(details, ("modelProvider", "taskType", "model", "trainingData"), path)
    only(details, _DETAILS, f"{details['modelProvider']}FineTuning", path)
    if details["modelProvider"] not in {"Custom", "AzureOpenAI"}:
        raise AzureError(
            400,
            "BadRequest",
            f"'{details['modelProvider']}' is not a known model provider. Path '{path}modelProvider'.",
        )
    if str(details["taskType"]).lower() not in _TASKS:
        raise AzureError(
            400, "BadRequest", f"Requested value '{details['taskType']}' was not found. Path '{path}taskType'."
        )
    if details["modelProvider"] == "Custom":
        strings(details.get("hyperParameters"), f"{path}hyperParameters")
    _model(cloud, call, workspace, given, details)
    for field in ("trainingData", "validationData"):
        if details.get(field):
            blob_path(workspace, details[field], f"{path}{field}")


def _managed(given: Json) -> bool:
    return bool(given.get("computeId") or (given.get("resources") or {}).get("instanceTypes"))


def _compute(cloud: "AzureCloud", workspace: Workspace, given: Json) -> None:
    named = str(given.get("computeId") or "")
    if named:
        compute = workspace.computes.get(named.rsplit("/", 1)[-1])
        if compute is None or not named.lower().startswith(workspace.id.lower()):
            raise UserError(400, f"Unknown compute target '{named.rsplit('/', 1)[-1]}'.")
        if cloud.operations.running(compute.operation):
            raise UserError(400, f"Compute target '{compute.name}' is not in Succeeded state.")
    for size in (given.get("resources") or {}).get("instanceTypes") or []:
        about = VM_SIZES.get(size)
        if about is None:
            raise UserError(
                400, f"The specified instance type '{size}' is not supported in region {workspace.location}."
            )
        used, limit = cloud.state.subscriptions[workspace.subscription].usages.get(
            (workspace.location, about[0]), (0, 0)
        )
        if used + about[1] > limit:
            message = f"The specified subscription has a {about[0]} vCPU quota of {limit} and is using {used}."
            raise UserError(400, f"{message} The job needs {about[1]} more.", code="QuotaExceeded")


def _model(cloud: "AzureCloud", call: Call, workspace: Workspace, given: Json, details: Json) -> None:
    reference = details["model"]
    path = "properties.fineTuningDetails.model."
    required(reference, ("jobInputType", "uri"), path)
    if reference["jobInputType"] not in {"mlflow_model", "custom_model"}:
        raise AzureError(
            400, "BadRequest", f"The model's type '{reference['jobInputType']}' is invalid. Path '{path}jobInputType'."
        )
    uri = str(reference["uri"])
    model, version = cloud.catalog.by_uri(uri)
    if model is None:
        raise UserError(404, f"The model '{uri}' was not found.", code="NotFound")
    if version not in model.versions:
        raise UserError(
            404,
            f"Model {model.name} with version {version} was not found in registry {model.registry}.",
            code="NotFound",
        )
    if _managed(given):
        if not model.managed_tuning:
            raise UserError(
                400, f"The specified base model '{model.name}' does not support fine-tuning on managed compute."
            )
        return
    if model.retired and model.retired <= call.now.date():
        message = f"The model '{model.name}' has been retired on {model.retired:%Y-%m-%d}"
        message = f"{message} and is no longer available for fine-tuning."
        raise UserError(400, message, code="ModelRetired")
    if workspace.location not in model.tuning_regions:
        regions = ", ".join(model.tuning_regions) or "none"
        named = f"Model '{model.name}' can be fine-tuned in: {regions}"
        message = "The specified base model does not support fine-tuning."
        raise UserError(
            400,
            f"{message} {named}; the workspace is in {workspace.location}.",
        )
    if model.partner and not any(
        one.properties.get("modelId") == uri.split("/versions/", maxsplit=1)[0]
        for one in workspace.marketplace.values()
    ):
        message = f"A marketplace subscription for model '{model.name}' is required before it can be fine-tuned."
        raise UserError(400, message, code="MarketplaceSubscriptionNotFound")


def blob_path(workspace: Workspace, data: Json, path: str) -> str:
    """Return the path in the container of a data asset or datastore URI; raises AzureError where it leads nowhere."""
    required(data, ("jobInputType", "uri"), f"{path}.")
    if data["jobInputType"] not in {"uri_file", "mltable"}:
        raise AzureError(
            400, "BadRequest", f"The data's type '{data['jobInputType']}' is invalid. Path '{path}.jobInputType'."
        )
    uri = str(data["uri"])
    version = _VERSION_ID.search(uri)
    if version is not None:
        asset = workspace.data.get(version["name"], {}).get(version["version"])
        if asset is None or version["ws"].lower() != workspace.name.lower():
            raise UserError(404, f"Data asset {version['name']}:{version['version']} was not found.", code="NotFound")
        uri = asset.properties["dataUri"]
    found = _DATASTORE_URI.match(uri)
    if found is None or found["store"] != "workspaceblobstore":
        raise UserError(400, f"The data '{uri}' is on no datastore of this workspace.")
    return found["path"]


def check_when_preparing(cloud: "AzureCloud", workspace: Workspace, job: Job) -> None:
    """Look at the data and the hyperparameters; the job fails where they are no good. Counts the rows."""
    at = job.entered or job.created
    serverless = not _managed(job.body["properties"])
    problem = _hyperparameters(job, serverless=serverless)
    rows = 0
    for field in ("trainingData", "validationData"):
        if problem or not job.details.get(field):
            continue
        content = cloud.blobs.read(workspace.storage, blob_path(workspace, job.details[field], field))
        found, problem = _rows(content, field, FEWEST_ROWS if serverless and field == "trainingData" else 1)
        rows = rows or found
    job.rows = rows or 1
    if problem:
        job.fail("UserError", problem, at)


def _rows(content: bytes | None, field: str, fewest: int) -> tuple[int, str | None]:
    what = "Training" if field == "trainingData" else "Validation"
    if content is None:
        return 0, f"{what} data could not be read: the path does not exist in the datastore."
    try:
        lines = [line for line in content.decode("utf-8-sig").split("\n") if line.strip()]
    except UnicodeDecodeError as error:
        return 0, f"{what} data is not valid UTF-8: byte {error.start} cannot be decoded."
    for number, line in enumerate(lines, 1):
        problem = _row(line)
        if problem:
            return 0, f"{what} data is invalid at line {number}: {problem}"
    if len(lines) < fewest:
        return 0, f"{what} file has {len(lines)} example(s), but must have at least {fewest} examples."
    return len(lines), None


def _row(line: str) -> str | None:
    try:
        row = json.loads(line)
    except ValueError:
        return "it is no JSON."
    messages = row.get("messages") if isinstance(row, dict) else None
    if not isinstance(messages, list) or not messages:
        return "the key 'messages' is missing."
    if any(
        not isinstance(one, dict) or one.get("role") not in {"system", "user", "assistant", "tool"} for one in messages
    ):
        return "a message has no known role."
    return None if messages[-1]["role"] == "assistant" else "the last message must be from the assistant."


def _hyperparameters(job: Job, *, serverless: bool) -> str | None:
    for name, text in (job.details.get("hyperParameters") or {}).items():
        if name not in _KNOWN:
            if serverless or name not in _MANAGED_ONLY:
                return f"Hyperparameter '{name}' is not supported. Supported: {', '.join(sorted(_KNOWN))}."
            continue
        kind, low, high = _KNOWN[name]
        try:
            value = kind(str(text))
        except ValueError:
            return f"Hyperparameter '{name}' has the value '{text}', which is not a valid {kind.__name__}."
        if not low <= value <= high:
            return f"Hyperparameter '{name}' must be between {low} and {high}; it is {text}."
    return None
