"""Fine-tuning below `/v1` by OpenAI's own client: the cookbook's notebook call by call, and every status it may see."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest

from app.backends.rehearsal import Fault, FaultKind, RehearsalBackend
from app.domain.catalog import CatalogModel
from app.domain.hyperparameters import HyperparameterSpec, HyperparameterType
from app.domain.jobs import JobStatus
from app.services import jobs, model_aliases
from tests.integration.openai_api.conftest import BASE, Door, opened
from tests.integration.openai_api.rows import chats, preferences
from tests.support.broken import replaced
from tests.support.door import turning
from tests.support.openai_types import fits

CHAT = "openai-chat.json"
LOST = Fault(call="submit", kind=FaultKind.LOST_ANSWER)


def created(door: Door, **changes: Any) -> str:  # noqa: ANN401 -- the client's own parameters
    """Make a job on rows of our own; return its id."""
    asked = {"model": BASE, "training_file": door.brought(chats()), **changes}
    return str(door.client.fine_tuning.jobs.create(**asked).id)


def seen(door: Door, job: str) -> dict[str, Any]:
    """Return a job as the wire has it, once it is held against the types."""
    body: dict[str, Any] = door.raw.get(f"/fine_tuning/jobs/{job}").json()
    fits(body, "FineTuningJob")
    return body


def test_the_cookbooks_notebook_runs_call_by_call(door: Door) -> None:
    """openai-cookbook, examples/How_to_finetune_chat_models.ipynb, with rows of our own of the same shape."""
    client = door.client
    with door.house.open() as scope:
        model_aliases.create(scope, "gpt-3.5-turbo", BASE)  # the notebook's model name is written into it
    training = client.files.create(file=("recipe_finetune_training.jsonl", chats(101)), purpose="fine-tune").id
    validation = client.files.create(file=("recipe_finetune_validation.jsonl", chats(100)), purpose="fine-tune").id
    response = client.fine_tuning.jobs.create(
        training_file=training, validation_file=validation, model="gpt-3.5-turbo", suffix="recipe-ner"
    )
    assert (response.status, response.model) == ("validating_files", "gpt-3.5-turbo")
    job_id = response.id
    door.turn()
    response = client.fine_tuning.jobs.retrieve(job_id)
    assert (response.status, response.trained_tokens) == ("succeeded", None)
    events = client.fine_tuning.jobs.list_events(job_id).data
    events.reverse()
    assert events[-1].message == "The job has successfully completed"
    fine_tuned_model_id = client.fine_tuning.jobs.retrieve(job_id).fine_tuned_model
    assert fine_tuned_model_id is not None
    messages: Any = [
        {"role": "system", "content": "Name the ingredients of the recipe."},
        {"role": "user", "content": "Title: Pancakes"},
    ]
    with turning(door.house, door.house.engine):
        answered = client.chat.completions.create(
            model=fine_tuned_model_id, messages=messages, temperature=0, max_tokens=500
        )
    assert answered.choices[0].message.content == "[Rehearsal] You said: Title: Pancakes"
    assert answered.model == fine_tuned_model_id
    fits(json.loads(answered.to_json()), "CreateChatCompletionResponse", CHAT)
    served = door.raw.get(door.url + "/api/v1/deployments").json()["items"]
    assert len(served) == 1


def test_a_job_says_what_was_asked_for_and_what_became_of_it(door: Door) -> None:
    hyperparameters = {"n_epochs": 2, "batch_size": "auto", "learning_rate_multiplier": 0.5}
    job = created(door, suffix="Recipe NER 2", hyperparameters=hyperparameters, seed=7)
    asked = seen(door, job)
    assert asked["hyperparameters"] == hyperparameters
    assert asked["method"] == {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}}
    assert (asked["seed"], asked["user_provided_suffix"], asked["error"]) == (7, "Recipe NER 2", None)
    with door.house.open() as scope:
        spec = jobs.get(scope, f"job_{job.removeprefix('ftjob-')}").spec
    assert spec.hyperparameters == {"n_epochs": 2, "learning_rate": 0.0005}
    door.turn()
    done = seen(door, job)
    assert done["fine_tuned_model"] == f"ft:rehearsal:small:default:recipe-ner-2:{job[-8:]}"
    assert done["finished_at"] >= done["created_at"]
    table = base64.b64decode(door.client.files.content(done["result_files"][0]).read()).decode().splitlines()
    assert table[0] == "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"
    assert len(table) > 10
    fits(door.raw.get(f"/files/{done['result_files'][0]}").json(), "OpenAIFile")
    fits(door.raw.get("/files", params={"purpose": "fine-tune-results"}).json(), "ListFilesResponse")


def test_the_method_inside_wins_and_may_stand_without_its_block(door: Door) -> None:
    inner: Any = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 4}}}
    job = created(door, method=inner, hyperparameters={"n_epochs": 2, "batch_size": 4})
    assert seen(door, job)["hyperparameters"] == {"n_epochs": 4, "batch_size": 4, "learning_rate_multiplier": "auto"}
    bare: Any = {"type": "supervised"}
    assert seen(door, created(door, method=bare))["method"]["type"] == "supervised"


def test_events_come_newest_first_page_by_page(door: Door) -> None:
    job = created(door)
    door.turn()
    page = door.raw.get(f"/fine_tuning/jobs/{job}/events").json()
    fits(page, "ListFineTuningJobEventsResponse")
    assert (len(page["data"]), page["has_more"]) == (20, True)
    whole = list(door.client.fine_tuning.jobs.list_events(job, limit=7))
    assert len({each.id for each in whole}) == len(whole) > 30
    assert [each.created_at for each in whole] == sorted((each.created_at for each in whole), reverse=True)
    assert [each.id for each in whole[:20]] == [each["id"] for each in page["data"]]
    assert whole[-1].message == f"Created fine-tuning job: {job}"
    measured = [each.data for each in whole if each.type == "metrics"]
    assert measured[0].keys() >= {"step", "train_loss", "total_steps"}
    with pytest.raises(openai.NotFoundError, match="no event"):
        door.client.fine_tuning.jobs.list_events(job, after="ftevent-none")


def test_checkpoints_have_models_of_their_own(door: Door) -> None:
    job = created(door, validation_file=door.brought(chats(10), "validation.jsonl"))
    door.turn()
    fits(door.raw.get(f"/fine_tuning/jobs/{job}/checkpoints").json(), "ListFineTuningJobCheckpointsResponse")
    found = list(door.client.fine_tuning.jobs.checkpoints.list(job, limit=1))
    assert [each.step_number for each in found] == [30, 20, 10]
    name = found[-1].fine_tuned_model_checkpoint
    assert name.endswith(":ckpt-step-10")
    assert found[-1].metrics.valid_loss is not None
    listed = door.client.get(f"/fine_tuning/checkpoints/{name}/permissions", cast_to=object)
    fits(listed, "ListFineTuningCheckpointPermissionResponse")
    with pytest.raises(openai.PermissionDeniedError, match="not shared"):
        door.client.fine_tuning.checkpoints.permissions.create(name, project_ids=["proj_1"])


class Prefers(RehearsalBackend):
    """A rehearsal whose base models learn preferences, too."""

    def base_model(self, identifier: str) -> CatalogModel:
        """Return a model."""
        beta = HyperparameterSpec(name="beta", label="Beta", type=HyperparameterType.NUMBER, default=0.1, maximum=2)
        known = super().base_model(identifier)
        return replace(known, methods=("sft", "dpo"), hyperparameters=(*known.hyperparameters, beta))


def test_preferences_are_trained_by_the_method_that_is_asked_for(door: Door) -> None:
    rows = door.brought(preferences(), "preferences.jsonl")
    method: Any = {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.2, "n_epochs": 1}}}
    with replaced(door.house, Prefers):
        job = created(door, training_file=rows, method=method)
        door.turn()
        done = seen(door, job)
    assert (done["status"], done["method"]["type"]) == ("succeeded", "dpo")
    said = {"beta": 0.2, "n_epochs": 1, "batch_size": "auto", "learning_rate_multiplier": "auto"}
    assert done["method"]["dpo"]["hyperparameters"] == said
    assert "beta" not in done["hyperparameters"]
    with pytest.raises(openai.BadRequestError, match="trained for dpo") as refused:
        created(door, training_file=rows, method=method)
    assert refused.value.param == "method.type"
    with pytest.raises(openai.BadRequestError, match="cannot be used for sft") as wrong:
        created(door, training_file=rows)
    assert wrong.value.param == "training_file"


def test_a_job_waits_for_a_file_that_is_still_being_checked(tmp_path: Path) -> None:
    """The notebook creates its job directly after the upload."""
    with opened(tmp_path, at_once_bytes=10) as door:
        good, bad = door.brought(chats(40)), door.brought(chats(30) + b'{"messages": []}\n', "bad.jsonl")
        assert door.client.files.retrieve(good).status == "uploaded"
        first, second = created(door, training_file=good), created(door, training_file=bad)
        door.turn()
        assert seen(door, first)["status"] == "succeeded"
        failed = seen(door, second)
    assert (failed["status"], failed["error"]["code"]) == ("failed", "invalid_training_file")
    assert failed["error"]["param"] == "training_file"


@pytest.mark.parametrize(
    ("asked", "param", "status", "words"),
    [
        ({"model": "gpt-4o"}, "model", 404, "have an alias made for gpt-4o"),
        ({"model": "rehearsal/none"}, "model", 404, "rehearsal/none"),
        ({"model": "ft:rehearsal:small:default:x:00000000"}, "model", 404, "has been deleted"),
        ({"training_file": "file-none"}, None, 404, "no file 'file-none'"),
        ({"training_file": "ds_1"}, None, 404, "begin with file-"),
        ({"validation_file": "file-none"}, None, 404, "no file 'file-none'"),
        ({"integrations": [{"type": "wandb", "wandb": {"project": "x"}}]}, "integrations", 400, "not supported here"),
        ({"method": {"type": "reinforcement"}}, "method.type", 400, "'dpo'"),
        ({"hyperparameters": {"n_epochs": 0}}, "hyperparameters.n_epochs", 400, "n_epochs"),
        ({"hyperparameters": {"n_epochs": "many"}}, "hyperparameters.n_epochs", 400, "n_epochs"),
        ({"hyperparameters": {"learning_rate_multiplier": 5000}}, "hyperparameters.learning_rate_multiplier", 400,
         "5000 times the usual learning rate 0.001 is 5"),
        ({"suffix": "x" * 65}, "suffix", 400, "64"),
        ({"seed": -1}, "seed", 400, "0"),
        ({"extra_body": {"trainingType": "Standard"}}, "trainingType", 400, "no such field"),
        ({"extra_body": {"tunedesk": {"options": {"adapter": "lora"}}}}, "tunedesk.options.adapter", 400, "adapter"),
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_is_refused_by_its_name(
    shared: Door, asked: dict[str, Any], param: str | None, status: int, words: str
) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        created(shared, **asked)
    assert (refused.value.status_code, refused.value.param) == (status, param)
    assert words in str(refused.value)
    assert refused.value.response.headers["x-should-retry"] == "false"


def test_jobs_of_a_page_are_listed_among_the_others_and_paged(door: Door) -> None:
    own = created(door)
    of_page = door.house.job(name="by-page", validation={"kind": "split", "ratio": 0.2, "seed": 1})
    door.turn()
    page = door.raw.get("/fine_tuning/jobs", params={"limit": 1}).json()
    fits(page, "ListPaginatedFineTuningJobsResponse")
    assert page["has_more"] is True
    listed = list(door.client.fine_tuning.jobs.list(limit=1))
    assert [each.id for each in listed] == [f"ftjob-{of_page.id.removeprefix('job_')}", own]
    assert seen(door, listed[0].id)["model"] == "rehearsal:small"
    assert listed[0].validation_file is not None


@pytest.mark.parametrize(
    ("faults", "status", "wanted"),
    [
        ((), "succeeded", None),
        ((Fault(call="train", kind=FaultKind.FAILS),), "failed", None),
        ((Fault(call="submit", kind=FaultKind.DATA_REJECTED),), "failed", None),
        ((), "running", JobStatus.RUNNING),
        ((), "queued", JobStatus.QUEUED),
        ((), "validating_files", JobStatus.PREPARING),
        ((LOST, Fault(call="find", kind=FaultKind.UNSUPPORTED)), "queued", JobStatus.UNKNOWN),
    ],
    ids=["succeeded", "failed", "rejected", "running", "queued", "preparing", "unknown"],
)  # fmt: skip
def test_each_status_is_the_clients(
    tmp_path: Path, faults: tuple[Fault, ...], status: str, wanted: JobStatus | None
) -> None:
    with opened(tmp_path, *faults) as door:
        job = created(door)
        own = f"job_{job.removeprefix('ftjob-')}"
        door.house.until(own, *([wanted] if wanted else []), limit=3000)
        body = seen(door, job)
        assert body["status"] == door.client.fine_tuning.jobs.retrieve(job).status == status
        assert (body["error"] is not None) == (status == "failed")
        assert (body["fine_tuned_model"] is not None) == (status == "succeeded") == bool(body["result_files"])
        if wanted is JobStatus.UNKNOWN:
            warned = [each for each in door.client.fine_tuning.jobs.list_events(job) if each.level == "warn"]
            assert any("resolve it in TuneDesk" in each.message for each in warned)


def test_a_job_is_cancelled_once(door: Door) -> None:
    job = created(door)
    assert door.client.fine_tuning.jobs.cancel(job).status == "validating_files"
    door.turn()
    assert seen(door, job)["status"] == "cancelled"
    with pytest.raises(openai.BadRequestError, match="already cancelled"):
        door.client.fine_tuning.jobs.cancel(job)


def test_jobs_carry_metadata_and_are_found_by_it(door: Door) -> None:
    both = created(door, metadata={"team": "support", "run": "job 1&x"})
    one, none = created(door, metadata={"team": "support"}), created(door)
    assert seen(door, both)["metadata"] == {"team": "support", "run": "job 1&x"}
    assert seen(door, none)["metadata"] is None

    def found(metadata: dict[str, str] | None) -> set[str]:
        return {each.id for each in door.client.fine_tuning.jobs.list(limit=1, metadata=metadata)}

    assert found({"team": "support"}) == {one, both}
    assert found({"team": "support", "run": "job 1&x"}) == {both}
    assert found({"team": "sales"}) == set()
    bare = door.raw.get("/fine_tuning/jobs", params={"metadata": ""}).json()["data"]  # Node's null
    named = door.raw.get("/fine_tuning/jobs", params={"metadata": "null"}).json()["data"]
    assert [each["id"] for each in bare] == [each["id"] for each in named] == [none]
    with pytest.raises(openai.BadRequestError, match="16 are the most") as refused:
        created(door, metadata={str(number): "x" for number in range(17)})
    assert refused.value.param == "metadata"


def test_a_job_is_paused_and_goes_on(door: Door) -> None:
    job = created(door)
    own = f"job_{job.removeprefix('ftjob-')}"
    with pytest.raises(openai.BadRequestError, match="does not train yet"):
        door.client.fine_tuning.jobs.pause(job)
    door.house.until(own, JobStatus.RUNNING)
    assert door.client.fine_tuning.jobs.pause(job).status == "pausing"
    assert seen(door, job)["status"] == "pausing"
    door.house.until(own, JobStatus.PAUSED)
    assert seen(door, job)["status"] == "paused"
    assert door.client.fine_tuning.jobs.resume(job).status == "paused"
    door.house.until(own, JobStatus.SUCCEEDED)
    assert seen(door, job)["status"] == "succeeded"
    with pytest.raises(openai.BadRequestError, match="not paused"):
        door.client.fine_tuning.jobs.resume(job)
