"""Answers that are other than we think they are: every reader meets thirty kinds of them, and no word is guessed at."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.backends.azure_foundry.account.resources import WorkspaceAddress, WorkspaceKind
from app.backends.azure_foundry.catalog.model_ids import ModelId
from app.backends.azure_foundry.catalog.registry import look_up
from app.backends.azure_foundry.doctor import quota, rights, storage, subscription, workspace
from app.backends.azure_foundry.doctor.facts import Facts
from app.backends.azure_foundry.serving import chat
from app.backends.azure_foundry.training import made_models
from app.backends.azure_foundry.training.history import root_of
from app.backends.azure_foundry.transport.names import owner_tags
from app.domain.backend import BackendError, ChatRequest, RemoteJob, Unavailable
from app.domain.connections import CheckStatus
from app.domain.deployments import DeploymentStatus
from app.domain.jobs import JobStatus
from tests.support.azure.certificates import Certificates
from tests.support.azure.changed import Field, changed_field
from tests.support.azure.direct import Reported
from tests.support.azure.mutations import MUTATIONS, Steps, applicable, mutated
from tests.support.azure.seed import GROUP, PROJECT
from tests.support.azure.state import SUBSCRIPTION
from tests.support.azure.wire import AnyJson, Reply

PHI = ModelId.parse("serverless:azureml/Phi-4-mini-instruct")
CHANGES = {"create", "update", "delete", "cancel", "archive"}
Reads = Callable[[Field], object]


@pytest.fixture(scope="module")
def field(azure_certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    with changed_field(azure_certificates, tmp_path_factory.mktemp("cloud")) as made:
        yield made


def _facts(read: Callable[[Facts], object]) -> Reads:
    return lambda field: read(field.facts())


def _address() -> WorkspaceAddress:
    return WorkspaceAddress(subscription=SUBSCRIPTION, resource_group=GROUP, name=PROJECT)


def _job(field: Field) -> object:
    return field.backend.observe(RemoteJob(field.job), since=None)


def _scored(field: Field) -> object:
    return list(field.backend.chat("two", ChatRequest(messages=[{"role": "user", "content": "Hi"}])))


def _operation(field: Field) -> object:
    """Ask why something failed, by the address of the first operation that there was."""
    first = next(iter(field.served.cloud.operations._all))
    position = f"https://management.azure.com/subscriptions/{SUBSCRIPTION}/providers/Microsoft.MachineLearningServices"
    address = f"{position}/locations/eastus2/mfeOperationsStatus/{first}?api-version=2024-10-01"
    noted = {"properties": {"properties": {"AzureAsyncOperationUri": address}}}
    return field.backend.workspace.operations.why("/x", noted)


def _again(field: Field) -> None:
    """Ask for a deployment that is there already, with its marketplace subscription."""
    field.backend.serverless.subscribe("azureml://registries/azureml-mistral/models/Ministral-3B")


JOBS, RUN = r"GET \S+/jobs/[^/?]+", r"GET \S+/history/v1.0\S+/details"
ASKED_FOR_MINE = {"name": "job-9", "properties": {"outputs": {"registered_model": {"assetName": "mine"}}}}
# By name: which answer is changed (method and address), and what reads it.
READERS: Mapping[str, tuple[str, Reads]] = {
    "job": (JOBS, _job),
    "run history": (RUN, _job),
    "newest metrics": (r"GET \S+/runs/get", _job),
    "metric history": (r"GET \S+/metrics/get-history", _job),
    "runs of many": (r"POST \S+/runs/search", lambda field: field.backend.training.observer.runs.search([field.job])),
    "steps of a job": (r"POST \S+/runs/search", lambda field: field.backend.training.observer.runs.steps(field.job)),
    "run at the top": (r"GET \S+/runs/[^/?]+($|\?)", lambda field: root_of(field.backend.workspace, field.job)),
    "models of a job": (r"GET \S+/models/mine/versions", lambda field: made_models.candidates(
        field.backend.workspace, ASKED_FOR_MINE)),
    "operation": (r"GET \S+/mfeOperationsStatus/", _operation),
    "list of jobs": (r"GET \S+/jobs($|\?)", lambda field: field.backend.remote_things()),
    "log": (RUN, lambda field: field.backend.log(RemoteJob(field.job), lines=3)),
    "serverless endpoint": (r"GET \S+/serverlessEndpoints/\w", lambda field: field.backend.observe_deployment("one")),
    "serverless endpoints": (r"GET \S+/serverlessEndpoints($|\?)", lambda field: field.backend.remote_things()),
    "subscriptions that are given back": (
        r"GET \S+/serverlessEndpoints($|\?)", lambda field: field.backend.serverless.release_subscriptions()
    ),
    "online endpoint": (r"GET \S+/onlineEndpoints/\w+($|\?)", lambda field: field.backend.observe_deployment("two")),
    "online deployment": (r"GET \S+/deployments/main", lambda field: field.backend.observe_deployment("two")),
    "online endpoints": (r"GET \S+/onlineEndpoints($|\?)", lambda field: field.backend.remote_things()),
    "keys": (r"POST \S+/listKeys", lambda field: field.backend.endpoint_key("one")),
    "marketplace subscriptions": (r"GET \S+/marketplaceSubscriptions($|\?)", _again),
    "models": (r"GET \S+/models($|\?)", lambda field: field.backend.remote_things()),
    "model versions": (r"GET \S+/models/mine/versions($|\?)", lambda field: field.backend.remote_things()),
    "data": (r"GET \S+/data($|\?)", lambda field: field.backend.remote_things()),
    "data versions": (r"GET \S+/data/rows/versions($|\?)", lambda field: field.backend.remote_things()),
    "data asset": (r"GET \S+/data/rows/versions/1", lambda field: field.backend.training.uploads.exists("rows")),
    "workspace": (r"GET \S+/workspaces/proj1($|\?)", lambda field: field.backend.workspace.location),
    "discovery": (r"GET \S+/discovery$", lambda field: field.backend.workspace.location),
    "registry": (r"GET \S+/registries/azureml/discovery", lambda field: field.backend.training.versions.pinned(PHI)),
    "registry's versions": (r"GET \S+/versions\b", lambda field: field.backend.training.versions.pinned(PHI)),
    "registry's models": (r"GET \S+/registries/azureml-mistral/models($|\?)", lambda field: look_up(
        field.azure, at=field.backend.clock.now())),
    "usages": (r"GET \S+/usages", lambda field: field.backend.quotas()),
    "usages in the doctor": (r"GET \S+/usages", _facts(quota.cores)),
    "list of subscriptions": (r"GET \S+/subscriptions($|\?)", lambda field: field.backend.subscriptions()),
    "subscription in the doctor": (r"GET \S+/subscriptions($|\?)", _facts(subscription.subscription)),
    "resource groups": (r"GET \S+/resourcegroups", lambda field: field.backend.resource_groups(SUBSCRIPTION)),
    "workspaces": (r"GET \S+/workspaces($|\?)", lambda field: field.backend.workspaces(SUBSCRIPTION, GROUP)),
    "project in the doctor": (r"GET \S+/workspaces/proj1($|\?)", _facts(workspace.project)),
    "region in the doctor": (r"GET \S+/workspaces/proj1($|\?)", _facts(workspace.region)),
    "datastore in the doctor": (r"GET \S+/datastores/", _facts(storage.datastore)),
    "rights": (r"GET \S+/permissions", _facts(
        lambda facts: rights.allowed(rights.permissions(facts), rights.TRAIN[0]))),
    "provider": (r"GET \S+/providers/Microsoft.Network", _facts(
        lambda facts: subscription.provider(facts, "Microsoft.Network", "it has to be."))),
    "project that is made": (r"GET \S+/workspaces/proj1($|\?)", lambda field: field.backend.making(
        WorkspaceKind.PROJECT, _address())),
    "counts": (r"GET \S+/metrics\b", lambda field: field.backend.usage_metrics("two", over=timedelta(hours=1))),
    "answer of machines": (r"POST \S+/score", _scored),
}  # fmt: skip


# What an answer says in so many words is acted upon: that no endpoint, or another model's, needs the subscription.
SAYS_SO: Mapping[str, tuple[str, ...]] = {
    "subscriptions that are given back": ("empty list", "absent", "another word appended"),
}


def cases(body: AnyJson, every: int) -> Iterator[tuple[str, Steps]]:
    """Yield each mutation with the members that it is applied to: `every` of them, another one each time."""
    for number, mutation in enumerate(MUTATIONS):
        fitting = applicable(body, mutation)
        for turn in range(min(every, len(fitting))):
            yield mutation, fitting[(number * 7 + turn * 13) % len(fitting)]


def tried(field: Field, name: str, every: int) -> int:
    """Let a reader meet each mutation; return how many it met. Whatever it raises is of ours."""
    where, read = READERS[name]
    field.anew(where)
    read(field)
    body, made, traps = field.azure.seen, 0, list[str]()
    assert body is not None, f"{name} never reads {where}"
    before = len(field.served.cloud.ledger.entries)
    for mutation, steps in cases(body, every):
        field.anew(where, lambda seen, steps=steps, mutation=mutation: _applied(seen, steps, mutation))  # type: ignore[misc]
        try:
            read(field)
        except BackendError:
            pass
        except Exception as error:  # noqa: BLE001 -- whatever it is, it must not be
            traps.append(f"{mutation} at {steps}: {error!r}")
        made += 1
        if mutation in SAYS_SO.get(name, ()):
            field.plant()
            del field.served.cloud.ledger.entries[before:]
    changed = [each for each in field.served.cloud.ledger.entries[before:] if each.verb in CHANGES]
    assert changed == [], f"{name} changed something at Azure"
    assert traps == [], name
    return made


def _applied(body: AnyJson, steps: Steps, mutation: str) -> AnyJson:
    with suppress(KeyError, IndexError, TypeError):  # another answer of the kind, which has no such member
        return mutated(body, steps, mutation)
    return body


def test_no_answer_is_a_trap_for_any_reader(field: Field) -> None:
    """Thirty kinds of mutation and more, each at one member of each reader's answer."""
    counted = {name: tried(field, name, 1) for name in READERS}
    assert sum(counted.values()) >= 500, counted
    assert len(MUTATIONS) >= 30


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_no_answer_is_a_trap_at_many_members(field: Field, name: str) -> None:
    assert tried(field, name, 12) > 10


def test_no_answer_of_an_endpoint_is_a_trap() -> None:
    """A chat completion in one piece, which comes from endpoints that do not stream."""
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    message = {"role": "assistant", "content": "Hello", "tool_calls": []}
    body = {"id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
    for mutation in MUTATIONS:
        for steps in applicable(body, mutation):
            with suppress(BackendError):
                assert list(chat._whole(json.dumps(mutated(body, steps, mutation))))


# -- words -------------------------------------------------------------------------------------------------------------
UNKNOWN_WORDS = ("Hibernating", "SucceededButNotQuite", "failed?", "")


def _at(*steps: str) -> Callable[[AnyJson, str], AnyJson]:
    """Return what puts a word at a way of names, in a body and in everything that a list holds."""

    def put(body: AnyJson, word: str) -> AnyJson:
        if isinstance(body, dict) and isinstance(body.get("value"), list):
            return {**body, "value": [put(each, word) for each in body["value"]]}
        if not isinstance(body, dict):
            return body
        name, *rest = steps
        return {**body, name: _at(*rest)(body.get(name) or {}, word) if rest else word}

    return put


@pytest.mark.parametrize("word", UNKNOWN_WORDS)
def test_a_job_s_unknown_word_is_unknown(field: Field, word: str) -> None:
    field.anew(JOBS, lambda body: _at("properties", "status")(body, word))
    seen: Any = _job(field)
    assert seen.status is JobStatus.UNKNOWN
    assert seen.raw_status == (word or "Unknown")
    assert seen.note


@pytest.mark.parametrize("word", UNKNOWN_WORDS)
@pytest.mark.parametrize(
    ("where", "tag", "steps"),
    [
        (
            r"GET \S+/serverlessEndpoints/\w",
            "one",
            [("properties", "endpointState"), ("properties", "provisioningState")],
        ),
        (r"GET \S+/onlineEndpoints/\w+($|\?)", "two", [("properties", "provisioningState")]),
        (r"GET \S+/deployments/main", "two", [("properties", "provisioningState")]),
    ],
)
def test_a_deployment_s_unknown_word_leaves_it_as_it_is(
    field: Field, word: str, where: str, tag: str, steps: list[tuple[str, str]]
) -> None:
    def put(body: AnyJson) -> AnyJson:
        for each in steps:
            body = _at(*each)(body, word)
        return body

    field.anew(where, put)
    seen = field.backend.observe_deployment(tag)
    assert (seen.status, seen.gone, seen.unfinished) == (DeploymentStatus.PENDING, False, False)
    assert word in seen.raw_status
    assert (repr(word) if word else "does not say") in seen.message


@pytest.mark.parametrize("word", UNKNOWN_WORDS[:3])
def test_a_subscription_s_unknown_word_makes_and_buys_nothing(field: Field, word: str) -> None:
    field.anew(
        r"GET \S+/marketplaceSubscriptions", lambda body: _at("properties", "marketplaceSubscriptionStatus")(body, word)
    )
    before = len(field.served.cloud.ledger.entries)
    with pytest.raises(Unavailable, match=re.escape(repr(word))):
        _again(field)
    assert field.served.cloud.ledger.entries[before:] == []


@pytest.mark.parametrize("word", UNKNOWN_WORDS[:3])
@pytest.mark.parametrize(
    ("reader", "steps"),
    [
        ("subscription in the doctor", ("state",)),
        ("provider", ("registrationState",)),
        ("project in the doctor", ("properties", "provisioningState")),
    ],
)
def test_the_doctor_cannot_tell_by_an_unknown_word(
    field: Field, word: str, reader: str, steps: tuple[str, ...]
) -> None:
    where, read = READERS[reader]
    field.anew(where, lambda body: _at(*steps)(body, word))
    found: Any = read(field)
    assert found.status is CheckStatus.UNKNOWN
    assert repr(word) in found.detail


@pytest.mark.parametrize("word", UNKNOWN_WORDS)
def test_an_operation_s_unknown_word_is_no_reason(field: Field, word: str) -> None:
    field.anew()
    position = "https://management.azure.com/subscriptions/x/providers/Microsoft.MachineLearningServices/operations/1"
    field.backend.workspace.operations.note("/x", {"Azure-AsyncOperation": f"{position}?api-version=2024-10-01"})
    reply = Reported(Reply(200, {"status": word, "name": "1"}))
    field.azure._ask = lambda call, headers: reply  # type: ignore[method-assign]  # noqa: ARG005 -- what is replaced
    assert field.backend.workspace.operations.why("/x") is None


def test_a_list_that_cannot_be_read_whole_gives_nothing_back(field: Field) -> None:
    """What is not in the list of endpoints is taken for unused, so all of it has to be read."""
    field.anew(r"GET \S+/serverlessEndpoints($|\?)", lambda body: {**body, "value": [None]})
    before = len(field.served.cloud.ledger.entries)
    with pytest.raises(Unavailable, match="cannot be read"):
        field.backend.serverless.release_subscriptions()
    assert field.served.cloud.ledger.entries[before:] == []


def test_what_is_not_surely_ours_is_never_removed(field: Field, tmp_path: Path) -> None:
    """Tags that are null, a list, of other names or another installation's: the mark has to be read as it is."""
    del tmp_path
    unreadable: list[AnyJson] = [None, [], {}, "tunedesk", {"TuneDesk": "x"}, {"tunedesk": None}, 7]
    for tags in [*unreadable, owner_tags("x", "another")]:
        field.anew(r"GET \S+/models/mine/versions/1", lambda body, tags=tags: _at("properties", "tags")(body, tags))  # type: ignore[misc]
        before = len(field.served.cloud.ledger.entries)
        with pytest.raises(BackendError, match="does not carry this installation's mark"):
            field.backend.discard_model("mine:1")
        assert field.served.cloud.ledger.entries[before:] == []
