"""A job as code that runs when pasted: a script for azure-ai-ml, and commands for the Azure CLI's `ml` extension.

Both send what we would send, but for the marks by which we know our own things; a test compares them on the wire.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from app.backends.azure_foundry.catalog.hyperparameters import managed_fact, wire_values
from app.backends.azure_foundry.catalog.model_ids import ModelId
from app.backends.azure_foundry.catalog.registry_cache import RegistryCache
from app.backends.azure_foundry.training.submission import compute_target
from app.backends.azure_foundry.training.uploads import sent_digest
from app.backends.azure_foundry.transport.client import Azure
from app.backends.azure_foundry.transport.errors import translates_errors
from app.backends.azure_foundry.transport.names import data_name
from app.domain.backend import ShowsCode, Unsupported
from app.domain.jobs import JobSpec, Method, TaskType

SCRIPT, CLI = "azure-ai-ml", "az-cli"
_NUMBER = r's/^{"line":[0-9]*,/{/'  # what the rows' file has for us, and Azure does not read
_CHOOSE = {"subscription_id": "<subscription>", "resource_group": "<resource group>", "workspace": "<project>"}
# How azure-ai-ml's classes, and how its YAML, name a task.
_TASKS = {
    TaskType.CHAT_COMPLETION: ("ChatCompletion", "chat_completion"),
    TaskType.TEXT_COMPLETION: ("TextCompletion", "text_completion"),
}

_PYTHON = '''"""Fine-tunes {model} at Azure AI Foundry: {name}. Needs azure-ai-ml and azure-identity."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from azure.ai.ml import Input, MLClient, Output
from azure.ai.ml.entities import Data{resources_import}
from azure.ai.ml.entities._job.finetuning.custom_model_finetuning_job import CustomModelFineTuningJob
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import DefaultAzureCredential

SUBSCRIPTION = {subscription_id}
RESOURCE_GROUP = {resource_group}
PROJECT = {workspace}
TRAIN = {train}
VALIDATION = {validation}
NAMES = {names}  # of the data assets: by what is in them, so that the same rows are uploaded once

credential = DefaultAzureCredential()
ml = MLClient(credential, SUBSCRIPTION, RESOURCE_GROUP, PROJECT, enable_telemetry=False)
{version}

def asset(file):
    """Upload rows as UTF-8 with a byte order mark, which the documentation asks for; return the asset's id."""
    name = NAMES[file]
    try:
        return ml.data.get(name, version="1").id
    except ResourceNotFoundError:
        pass
    text = re.sub(r'(?m)^{{"line":[0-9]+,', "{{", Path(file).read_text(encoding="utf-8"))  # TuneDesk's line numbers
    with TemporaryDirectory() as folder:
        copy = Path(folder) / (name + ".jsonl")
        copy.write_bytes(text.encode("utf-8-sig"))
        return ml.data.create_or_update(Data(path=str(copy), type="uri_file", name=name, version="1")).id


job = CustomModelFineTuningJob(  # create_finetuning_job breaks without validation rows (azure-sdk-for-python 45770)
    display_name={name_text},
    experiment_name="tunedesk",
    task={task},
    model=Input(type="mlflow_model", path=MODEL),
    training_data=Input(type="uri_file", path=asset(TRAIN)),
    validation_data=Input(type="uri_file", path=asset(VALIDATION)) if VALIDATION else None,
    hyperparameters={hyperparameters},
    outputs={{"registered_model": Output(type="mlflow_model", name={output})}},{compute_target}
)
print(ml.jobs.create_or_update(job).name)
'''
_NEWEST = """registry = MLClient(credential, registry_name={registry}, enable_telemetry=False)
MODEL = registry.models.get({model}, label="latest").id  # its newest version
"""
_NAMED = """MODEL = {uri}
"""
_SHELL = """# Needs the Azure CLI with its ml extension (az extension add -n ml), signed in (az login).
# The rows must be UTF-8 with a byte order mark and without TuneDesk's line numbers, so they are copied first.
{copies}cat > job.yml <<'TUNEDESK'
{yaml}TUNEDESK
az ml job create --file job.yml --subscription {subscription_id} --resource-group {resource_group} \\
  --workspace-name {workspace}
"""


class AzureCode(ShowsCode):
    """To show a job as code."""

    azure: Azure
    looked_up: RegistryCache

    def code_targets(self) -> Mapping[str, str]:
        """Return what a job can be shown as."""
        return {SCRIPT: "azure-ai-ml script", CLI: "az commands"}

    @translates_errors
    def code(self, target: str, spec: JobSpec, *, training_file: Path, validation_file: Path | None) -> str:
        """Return the job as a script or as commands. The files are hashed, and not uploaded.

        Raises:
            Unsupported: for another target, or a method that is not trained there.
        """
        if target not in self.code_targets():
            raise Unsupported(f"{target!r} is none of {', '.join(self.code_targets())}.")
        if spec.method is not Method.SFT:
            raise Unsupported(f"{spec.method} is not trained at Azure this way.", fix="Choose sft.")
        return (self._script if target == SCRIPT else self._commands)(spec, training_file, validation_file)

    def _script(self, spec: JobSpec, train: Path, validation: Path | None) -> str:
        model, named = ModelId.parse(spec.base_model), self._version(ModelId.parse(spec.base_model))
        names = {str(path): data_name(sent_digest(path)[0]) for path in (train, validation) if path is not None}
        plain = f"azureml://registries/{model.registry}/models/{model.name}"
        version = (
            _NEWEST.format(registry=_text(model.registry), model=_text(model.name))
            if named is None
            else _NAMED.format(uri=_text(f"{plain}/versions/{named}"))
        )
        compute, instances = compute_target(_path(self.azure), spec.options, model)
        compute_lines = f"\n    compute={_text(compute)}," if compute else ""
        if instances:
            compute_lines += f"\n    resources=JobResources(instance_types={_text(list(instances))}),"
        return _PYTHON.format(
            model=model.name,
            name=_comment(spec.name),
            name_text=_text(spec.name),
            resources_import=", JobResources" if instances else "",
            train=_text(str(train)),
            validation=_text(str(validation)) if validation else None,
            names=_text(names),
            version=version,
            task=_text(_TASKS[spec.task_type][0]),
            hyperparameters=_text(wire_values(model, spec.hyperparameters)),
            output=_text(spec.name),
            compute_target=compute_lines,
            **{field: _text(value) for field, value in _where(self.azure).items()},
        )

    def _commands(self, spec: JobSpec, train: Path, validation: Path | None) -> str:
        model = ModelId.parse(spec.base_model)
        version = self._version(model)
        plain = f"azureml://registries/{model.registry}/models/{model.name}"
        compute, instances = compute_target(_path(self.azure), spec.options, model)
        files = {"training": train} | ({} if validation is None else {"validation": validation})
        # JSON is YAML: one value a line, each quoted so that nothing in it can be read as something else.
        body: dict[str, Any] = {
            "type": "finetuning",
            "display_name": spec.name,
            "experiment_name": "tunedesk",
            "task": _TASKS[spec.task_type][1],
            "model_provider": "custom",
            "model": {
                "path": f"{plain}/versions/{version}" if version else f"{plain}/labels/latest",
                "type": "mlflow_model",
            },
            **{f"{part}_data": {"path": f"./{part}.jsonl", "type": "uri_file"} for part in files},
            "hyperparameters": wire_values(model, spec.hyperparameters),
            **({"compute": f"azureml:{compute.rpartition('/')[2]}"} if compute else {}),
            **({"resources": {"instance_types": list(instances)}} if instances else {}),
            "outputs": {"registered_model": {"name": spec.name, "type": "mlflow_model"}},
        }
        copies = "".join(_copy(path, f"{part}.jsonl") for part, path in files.items())
        yaml = "".join(f"{key}: {_text(value)}\n" for key, value in body.items())
        where = {field: quote(value) for field, value in _where(self.azure).items()}
        return _SHELL.format(copies=copies, yaml=yaml, **where)

    def _version(self, model: ModelId) -> str | None:
        """Return the version to name; None where the newest can be asked for when the code runs."""
        if model.version is not None:
            return model.version
        fact = managed_fact(model)
        listed = any((each.registry, each.name) == (model.registry, model.name) for each in self.looked_up.models())
        return fact.version if fact is not None and fact.archived and not listed else None


def _path(azure: Azure) -> str:
    where = _where(azure)
    return (
        f"/subscriptions/{where['subscription_id']}/resourceGroups/{where['resource_group']}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{where['workspace']}"
    )


def _where(azure: Azure) -> Mapping[str, str]:
    return {field: getattr(azure.settings, field) or words for field, words in _CHOOSE.items()}


def _copy(path: Path, name: str) -> str:
    """Return the command that copies rows as they are sent."""
    return f"{{ printf '\\357\\273\\277'; sed '{_NUMBER}' {quote(str(path))}; }} > {name}\n"


def _text(value: object) -> str:
    """Return a value as a literal of Python, JSON and YAML alike (texts, lists and maps of them)."""
    return json.dumps(value)


def _comment(text: str) -> str:
    return "".join(character for character in text if character.isalnum() or character in " .-_")
