"""Whatever Azure answers, to whichever call: nothing that it names elsewhere is asked, so that no token leaves.

Each request of each verb is answered once with a redirect to a strange host, and once with that host in every address
of its answer and headers. The proxy would answer for that host, and keeps what it is sent.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from app.backends.azure_foundry.account.resources import WorkspaceAddress, WorkspaceKind
from app.backends.azure_foundry.backend import AzureFoundryBackend
from app.backends.azure_foundry.catalog.registry import look_up
from app.backends.azure_foundry.transport.names import owner_tags
from app.domain.backend import BackendError, ChatRequest, DeploymentRequest, RemoteFile, RemoteJob
from tests.support.azure.certificates import STRANGER
from tests.support.azure.foundry import MANAGED, SERVERLESS, AzureBench, backend_over
from tests.support.azure.roles import CONTRIBUTOR
from tests.support.azure.seed import GROUP, HUB
from tests.support.azure.state import SUBSCRIPTION, Asset

Verb = Callable[[AzureFoundryBackend, AzureBench, str], object]
PARTNER = "serverless:azureml-mistral/Ministral-3B"
_tags = count(1)


def _ready(backend: AzureFoundryBackend, bench: AzureBench, tag: str, base: str, model: str | None = None) -> str:
    """Deploy, and take every step that an observation asks for."""
    request = DeploymentRequest(tag=tag, base_model=base, model=model, name=tag)
    for _ in range(8):
        backend.deploy(request)
        bench.cloud.clock.turn(60)
        backend.observe_deployment(tag)
    return tag


def _chat(backend: AzureFoundryBackend, bench: AzureBench, tag: str) -> object:
    return list(backend.chat("served", ChatRequest(messages=[{"role": "user", "content": "Hi"}])))


def _away(backend: AzureFoundryBackend, bench: AzureBench, tag: str) -> object:
    tags = owner_tags(tag, backend.azure.installation)
    properties = {"modelType": "mlflow_model", "modelUri": "azureml://jobs/x/outputs/y", "tags": tags}
    made = Asset("models", tag, "1", properties, bench.cloud.clock.now())
    bench.cloud.seed.project.models[tag] = {"1": made}
    return backend.discard_model(f"{tag}:1"), backend.remote_things()


def _project(backend: AzureFoundryBackend, bench: AzureBench, tag: str) -> object:
    address = WorkspaceAddress(subscription=SUBSCRIPTION, resource_group=GROUP, name=tag)
    backend.make_project(address, hub=HUB)
    hub = WorkspaceAddress(subscription=SUBSCRIPTION, resource_group=GROUP, name=f"hub-{tag}")
    backend.make_hub(hub, region="eastus2")
    return backend.making(WorkspaceKind.PROJECT, address), backend.making(WorkspaceKind.HUB, hub)


def _rows(backend: AzureFoundryBackend, bench: AzureBench, tag: str) -> object:
    rows = bench.folder / f"{tag}.jsonl"
    rows.write_bytes(bench.training_rows.read_bytes().replace(b"ticket", tag.encode()))
    file: RemoteFile = backend.upload(rows, tag=tag)
    return backend.file(file), backend.discard_upload(rows)


VERBS: dict[str, Verb] = {
    "check": lambda backend, _bench, _tag: backend.check(),
    "doctor": lambda backend, _bench, _tag: backend.doctor_for(SERVERLESS),
    "discovery": lambda backend, _bench, _tag: (
        backend.subscriptions(), backend.resource_groups(SUBSCRIPTION), backend.workspaces(SUBSCRIPTION, GROUP)
    ),
    "catalog": lambda backend, _bench, _tag: look_up(backend.azure, at=backend.clock.now()),
    "rows": _rows,
    "submit": lambda backend, bench, tag: backend.submit(bench.request(tag)),
    "look": lambda backend, _bench, _tag: backend.observe(RemoteJob("running"), since=None),
    "log": lambda backend, _bench, _tag: backend.log(RemoteJob("running"), lines=9),
    "cancel": lambda backend, _bench, _tag: backend.cancel(RemoteJob("waiting")),
    "serve": lambda backend, bench, tag: _ready(backend, bench, tag, PARTNER),
    "machines": lambda backend, bench, tag: _ready(backend, bench, tag, f"{MANAGED}:13"),
    "chat": _chat,
    "counted": lambda backend, _bench, _tag: backend.usage_metrics("served", over=timedelta(hours=1)),
    "undeploy": lambda backend, _bench, _tag: backend.undeploy("served"),
    "quotas": lambda backend, _bench, _tag: backend.quotas(),
    "away": _away,
    "project": _project,
}  # fmt: skip


def astray(body: Any) -> Any:  # noqa: ANN401 -- JSON
    """Return an answer in which every address is elsewhere, and every list goes on there."""
    if isinstance(body, list):
        return [astray(each) for each in body]
    if not isinstance(body, dict):
        return _elsewhere(body) if isinstance(body, str) else body
    changed = {name: astray(value) for name, value in body.items()}
    if isinstance(body.get("value"), list):
        changed["nextLink"] = f"https://{STRANGER}/next"
    if "accountName" in body:
        changed |= {"accountName": f"{STRANGER}/x", "endpoint": STRANGER}
    return changed


def _elsewhere(text: str) -> str:
    for scheme in ("https://", "azureml://"):
        if text.startswith(scheme) and "." in text.removeprefix(scheme).partition("/")[0]:
            rest = text.removeprefix(scheme).partition("/")[2]
            return f"{scheme}{STRANGER}/{rest}"
    return text


WAYS: dict[str, dict[str, Any]] = {
    "redirect": {"kind": "answer", "status": 307, "headers": {"Location": f"https://{STRANGER}/x"}},
    "answer": {
        "kind": "changed",
        "change": astray,
        "headers": dict.fromkeys(("Azure-AsyncOperation", "Location"), f"https://{STRANGER}/operations/1"),
    },
}


@pytest.fixture
def field(bench: AzureBench) -> Iterator[AzureBench]:
    """A cloud in which something of each kind is there already."""
    cloud = bench.cloud
    cloud.state.pace.retry_after = 0.0
    cloud.seed.grant(CONTRIBUTOR)
    cloud.state.pace.stages["Running"] = 1e6
    bench.backend.submit(bench.request("running"))
    cloud.clock.turn(1800)
    _ready(bench.backend, bench, "served", SERVERLESS)
    cloud.take_strangers()
    yield bench
    cloud.refused.clear()


# In the default run those whose token, secret or storage is somebody else's business than plain REST's.
_SHORT = {"check", "submit"}


@pytest.mark.parametrize(
    "verb", [pytest.param(each, marks=() if each in _SHORT else pytest.mark.slow) for each in VERBS]
)
def test_nothing_is_sent_where_an_answer_leads_astray(field: AzureBench, verb: str) -> None:
    cloud, work = field.cloud, VERBS[verb]

    def done() -> int:
        """Do it as a process that has just started; return how many requests it took."""
        tag = f"t{next(_tags)}"
        if verb == "cancel":
            cloud.state.pace.stages["Queued"] = 1e6
            with suppress(BackendError):
                field.backend.submit(field.request("waiting"))
        before = len(cloud.requests)
        backend = backend_over(cloud, field.folder)
        backend.looked_up._file.unlink(missing_ok=True)
        with suppress(BackendError):
            work(backend, field, tag)
        backend.azure.close()
        return len(cloud.requests) - before

    for way in WAYS.values():
        cloud.faults.clear()
        for number in range(min(done(), 40)):
            cloud.faults.clear()
            details = {name: value for name, value in way.items() if name != "kind"}
            cloud.faults.add(("*", ".*"), way["kind"], skip=number, **details)
            done()
    cloud.faults.clear()
    assert cloud.strangers == []
    assert not any(STRANGER in each for each in cloud.refused)
