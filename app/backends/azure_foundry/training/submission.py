"""One submit: the job as azure-ai-ml builds it, sent once, under the name that our id gives it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.backends.azure_foundry.account.prices import machine_of
from app.backends.azure_foundry.catalog.hyperparameters import COMPUTE, wire_values
from app.backends.azure_foundry.catalog.model_ids import ModelId, Way
from app.backends.azure_foundry.transport.client import Azure
from app.backends.azure_foundry.transport.names import job_name, model_name
from app.domain.backend import Rejected, TrainingRequest, Unsupported
from app.domain.hyperparameters import Hyperparameter

if TYPE_CHECKING:
    from azure.ai.ml.entities._job.finetuning.custom_model_finetuning_job import CustomModelFineTuningJob

EXPERIMENT = "tunedesk"
OUTPUT = "registered_model"
_TASKS = {"chat_completion": "ChatCompletion", "text_completion": "TextCompletion"}
_WORDS = frozenset({"", "auto", "serverless", "managed"})  # values of `compute` that name no cluster


def build(
    azure: Azure, request: TrainingRequest, model: ModelId, rows: Mapping[str, str]
) -> "CustomModelFineTuningJob":
    """Return the job. `model` has a version; `rows` has the ARM ids of the assets, `training` and maybe `validation`.

    `create_finetuning_job` is not used: without validation rows it breaks (azure-sdk-for-python, issue 45770).

    Raises:
        Unsupported, Rejected: when the request does not fit this backend.
    """
    from azure.ai.ml import Input, Output
    from azure.ai.ml.constants import AssetTypes
    from azure.ai.ml.entities import JobResources
    from azure.ai.ml.entities._job.finetuning.custom_model_finetuning_job import CustomModelFineTuningJob

    if request.method != "sft":
        raise Unsupported(f"{request.method} is not trained at Azure this way.", fix="Choose sft.")
    task = _TASKS.get(request.task_type)
    if task is None:
        raise Unsupported(f"{request.task_type} is not trained at Azure this way.", fix="Choose chat completion.")
    compute, instances = compute_target(azure.workspace_path, request.options, model)
    if model.way is Way.MANAGED and not compute and not instances:
        raise Rejected(
            f"{model.name} is trained on your own quota, and no cluster or instance type is named.",
            fix="Name one in the job's options, for example Standard_NC24ads_A100_v4.",
        )
    validation = rows.get("validation")
    return CustomModelFineTuningJob(
        name=job_name(request.tag),
        display_name=request.suffix,
        experiment_name=EXPERIMENT,
        tags=azure.owner_tags(request.tag),
        task=task,
        model=Input(type=AssetTypes.MLFLOW_MODEL, path=model.uri),
        training_data=Input(type=AssetTypes.URI_FILE, path=rows["training"]),
        validation_data=Input(type=AssetTypes.URI_FILE, path=validation) if validation else None,
        hyperparameters=wire_values(model, request.hyperparameters),
        outputs={OUTPUT: Output(type=AssetTypes.MLFLOW_MODEL, name=model_name(request.suffix, request.tag))},
        compute=compute,
        resources=JobResources(instance_types=list(instances)) if instances else None,
    )


def compute_target(
    workspace: str, options: Mapping[str, Hyperparameter], model: ModelId
) -> tuple[str | None, tuple[str, ...]]:
    """Return where it runs: (a cluster's ARM id or None, instance types); `workspace` is the ARM path of the project.

    Neither means serverless, or that nobody knows a machine for the model.
    """
    if model.way is Way.SERVERLESS:
        return None, ()
    cluster = str(options.get(COMPUTE, "")).strip()
    if cluster not in _WORDS:
        return f"{workspace}/computes/{cluster}", ()
    machine = machine_of(model, options)
    return None, (machine,) if machine else ()


def put(azure: Azure, job: "CustomModelFineTuningJob") -> None:
    """Send the job, once; call it inside `in_time(submitting=True)`.

    The operation under `jobs.create_or_update` is called rather than that itself: it would also run `git` in this
    server's folder and send what it finds along.
    """
    ml = azure.ml()
    ml.jobs.service_client_10_2024_preview.jobs.create_or_update(
        id=job.name,
        resource_group_name=azure.settings.resource_group,
        workspace_name=azure.settings.workspace,
        body=job._to_rest_object(),  # noqa: SLF001 -- the package has no public way to the body
    )
