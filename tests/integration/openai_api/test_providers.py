"""OpenAI's own client below `/v1`, with a provider's emulator behind: from its rows to the answers of its model.

What the rehearsal shows of the door (test_jobs, test_retries) is shown here of each backend that trains elsewhere; what
is asked of the client is the same for all of them, and no answer of the client's is repeated at the provider.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageFunctionToolCall

from app.domain.backend_abilities import Pauses
from tests.integration.openai_api.losing import Losing
from tests.integration.openai_api.providers import PROVIDERS, Provider
from tests.integration.openai_api.rows import chats
from tests.support.azure.fixtures import azure_certificates, azurite
from tests.support.door import rest_app
from tests.support.openai_types import fits
from tests.support.server import serving
from tests.support.spending import ACCEPTED

__all__ = ["azure_certificates", "azurite"]
CHAT = "openai-chat.json"
OVER = ("succeeded", "failed", "cancelled")
Json = dict[str, Any]
TOOLS: Any = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]
TURNS: Any = [{"role": "user", "content": "Title: Pancakes"}]
# azure-ai-ml takes seconds to be loaded alone
SLOW = [pytest.param(name, marks=pytest.mark.slow) if name == "azure_foundry" else name for name in PROVIDERS]
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # of cut answers


@dataclass(frozen=True)
class Door:
    """The door of a house with a provider behind; answers to creates get lost as `created` says."""

    provider: Provider
    url: str
    client: OpenAI
    raw: httpx.Client
    losing: Losing

    def brought(self, name: str = "rows.jsonl", count: int = 30) -> str:
        """Bring rows; return their id."""
        return str(self.client.files.create(file=(name, chats(count)), purpose="fine-tune").id)

    def seen(self, job: str) -> dict[str, Any]:
        """Return a job as the wire has it, once it is held against the types."""
        body: dict[str, Any] = self.raw.get(f"/v1/fine_tuning/jobs/{job}").json()
        fits(body, "FineTuningJob")
        return body

    def until(self, job: str, *statuses: str, every: float = 10.0) -> dict[str, Any]:
        """Let time pass until a job has one of these statuses."""
        return self.passed(lambda: self.seen(job), lambda body: body["status"] in statuses, every)

    def passed(self, look: Callable[[], Json], fits_in: Callable[[Json], bool], every: float) -> Json:
        """Let time pass until what is looked at is as it should be."""
        for _ in range(200):
            found = look()
            if fits_in(found):
                return found
            self.provider.turn(every)
        raise AssertionError(f"it never came to that: {look()}")


@pytest.fixture(params=SLOW)
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Door]:
    """Give the door at each provider in turn."""
    needed = ("azure_certificates", "azurite") if request.param == "azure_foundry" else ()
    given = [request.getfixturevalue(name) for name in needed] or [None, None]
    with PROVIDERS[request.param](tmp_path, *given) as provider:
        losing = Losing(rest_app(provider.house), 0, cut=True)
        with (
            serving(losing) as url,
            httpx.Client(base_url=url, headers={"authorization": "Bearer any"}, trust_env=False, timeout=120) as raw,
            OpenAI(base_url=f"{url}/v1", api_key="any", organization="", project="") as client,
        ):
            yield Door(provider, url, client, raw, losing)


def created(door: Door, *, lost: int = 2, **changes: Any) -> str:  # noqa: ANN401 -- the client's own parameters
    """Make a job whose first `lost` answers do not arrive, so that the client asks again by itself."""
    asked = {"model": door.provider.base, "training_file": door.brought(), "suffix": "Recipe NER", **changes}
    before = len(door.losing.seen)
    door.losing.times = before + lost
    made = str(door.client.fine_tuning.jobs.create(**asked).id)
    assert door.losing.seen[before:] == [str(number) for number in range(lost + 1)]
    return made


def test_rows_become_a_model_that_answers(door: Door) -> None:
    client, validation = door.client, door.brought("validation.jsonl", 12)
    assert client.models.retrieve(door.provider.base).owned_by == door.provider.connection.name
    with pytest.raises(openai.PermissionDeniedError, match="Allow it on /settings/openai"):
        created(door, lost=0)
    door.provider.allow()
    job = created(door, validation_file=validation, hyperparameters={"n_epochs": 2}, metadata={"run": "7"}, seed=7)
    assert [each.id for each in client.fine_tuning.jobs.list(metadata={"run": "7"})] == [job]
    done = door.until(job, *OVER)
    assert (done["status"], done["hyperparameters"]["n_epochs"], done["seed"]) == ("succeeded", 2, 7), done["error"]
    assert door.provider.accepted() == 1
    left_its_curves(door, job, done)
    model = done["fine_tuned_model"]
    assert model in [each.id for each in client.models.list()]
    answers(door, model)
    files = {each.id for each in client.files.list()}
    assert {done["training_file"], validation} <= files
    with pytest.raises(openai.BadRequestError):
        client.files.delete(validation)  # the job uses it


def left_its_curves(door: Door, job: str, done: dict[str, Any]) -> None:
    """Look through what a job leaves: events page by page, checkpoints, its result file."""
    events = list(door.client.fine_tuning.jobs.list_events(job, limit=7))
    assert len({each.id for each in events}) == len(events)
    assert events[-1].message == f"Created fine-tuning job: {job}"
    assert any(each.type == "metrics" for each in events)
    fits(door.raw.get(f"/v1/fine_tuning/jobs/{job}/events").json(), "ListFineTuningJobEventsResponse")
    page = door.raw.get(f"/v1/fine_tuning/jobs/{job}/checkpoints").json()
    fits(page, "ListFineTuningJobCheckpointsResponse")
    list(door.client.fine_tuning.jobs.checkpoints.list(job, limit=1))
    assert door.client.files.content(done["result_files"][0]).read()


def answers(door: Door, model: str) -> None:
    """Ask a model, whole and piece by piece; where serving is billed, a person deploys it first."""
    if door.provider.connection.backend != "openai":
        with pytest.raises(openai.BadRequestError, match="Serving it is billed") as unserved:
            door.client.chat.completions.create(model=model, messages=TURNS)
        assert unserved.value.code == "deployment_required"
    (known,) = door.raw.get("/api/v1/models").json()["items"]
    asked = {"target": {"model": known["id"]}, **ACCEPTED}
    made = door.raw.post("/api/v1/deployments", json=asked, headers={"idempotency-key": "serve"})
    assert made.status_code == 201, made.text

    def look() -> dict[str, Any]:
        found: dict[str, Any] = door.raw.get(f"/api/v1/deployments/{made.json()['id']}").json()
        return found

    door.passed(look, lambda body: body["status"] == "ready", 15.0)
    whole = door.client.chat.completions.create(model=model, messages=TURNS, temperature=0, max_tokens=50)
    fits(json.loads(whole.to_json()), "CreateChatCompletionResponse", CHAT)
    assert "Pancakes" in str(whole.choices[0].message.content)
    pieces = list(door.client.chat.completions.create(model=model, messages=TURNS, stream=True))
    for each in pieces:
        fits(json.loads(each.to_json()), "CreateChatCompletionStreamResponse", CHAT)
    streamed = "".join(each.choices[0].delta.content or "" for each in pieces if each.choices)
    assert streamed == whole.choices[0].message.content
    calls(door, door.client, model)
    key = door.raw.post(f"/api/v1/deployments/{made.json()['id']}/client-key").json()
    own = f"{door.url}/api/v1/deployments/{made.json()['id']}/v1"
    calls(door, door.client.with_options(base_url=own, api_key=key["key"]), key["model"])


def calls(door: Door, client: OpenAI, model: str) -> None:
    """Offer the model a tool: what it calls arrives, whole and streamed; a provider that takes none is named."""
    if door.provider.connection.backend not in {"openai", "azure_openai"}:
        with pytest.raises(openai.APIStatusError, match="tools"):
            client.chat.completions.create(model=model, messages=TURNS, tools=TOOLS)
        return
    whole = client.chat.completions.create(model=model, messages=TURNS, tools=TOOLS)
    fits(json.loads(whole.to_json()), "CreateChatCompletionResponse", CHAT)
    called = (whole.choices[0].message.tool_calls or [])[0]
    assert whole.choices[0].finish_reason == "tool_calls"
    assert isinstance(called, ChatCompletionMessageFunctionToolCall)
    assert (called.function.name, "Pancakes" in called.function.arguments) == ("find", True)
    with client.chat.completions.stream(model=model, messages=TURNS, tools=TOOLS) as stream:
        again = (stream.get_final_completion().choices[0].message.tool_calls or [])[0]
    assert (again.id, again.function.arguments) == (called.id, called.function.arguments)


def test_a_job_is_steered_as_far_as_its_provider_can(door: Door) -> None:
    door.provider.allow()
    steered = created(door)
    door.until(steered, "running")
    backend = door.provider.house.app_context.backends.of(door.provider.connection)
    if isinstance(backend, Pauses):
        door.provider.turn(30.0)
        assert door.client.fine_tuning.jobs.pause(steered).status == "pausing"
        door.until(steered, "paused")
        assert door.client.fine_tuning.jobs.resume(steered).status in {"paused", "running"}
        door.until(steered, "running")
    else:
        with pytest.raises(openai.BadRequestError) as refused:
            door.client.fine_tuning.jobs.pause(steered)
        assert refused.value.code == "not_supported_by_backend"
    door.client.fine_tuning.jobs.cancel(steered)
    assert door.until(steered, *OVER)["status"] == "cancelled"
    with pytest.raises(openai.BadRequestError, match="already cancelled"):
        door.client.fine_tuning.jobs.cancel(steered)
    assert door.provider.accepted() == 1
