"""Whatever is asked for, in any order: nothing without our mark is touched, and a teardown leaves nothing of ours."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from app.backends.azure_foundry.backend import AzureFoundryBackend
from app.backends.azure_foundry.settings import AzureSettings
from app.backends.azure_foundry.transport.names import INSTALLATION_TAG
from app.backends.azure_foundry.transport.workspace import Workspace
from app.domain.backend import BackendError, ChatRequest, DeploymentRequest
from app.domain.deployments import DeploymentStatus
from tests.support.azure import azurite as azurite_process
from tests.support.azure.azurite import Azurite
from tests.support.azure.certificates import Certificates
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.direct import DirectAzure
from tests.support.azure.fixtures import TOOLS
from tests.support.azure.served import ANOTHER, BASE, INSTALLATION, MANAGED, ServedCloud, connection_settings
from tests.support.clock import TurnedClock

TAGS = st.sampled_from(["dep-1", "dep-2"])
NAMES = st.sampled_from(["triage", "reviews"])
VERSIONS = st.sampled_from(["triage:1", "reviews:1", "triage-too:1", "reviews-too:1"])
OWNERS = st.sampled_from([INSTALLATION, ANOTHER, None])
KINDS = st.sampled_from(["endpoint", "model", "data", "job", "subscription"])
BASES = st.sampled_from([BASE, MANAGED + ":13", "serverless:azureml-mistral/Ministral-3B"])
_TOUCHES = {"update", "cancel", "archive", "delete"}
_LIMITS: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True}


class Operations(RuleBasedStateMachine):
    """Random operations of ours among those of colleagues and of another installation."""

    open_cloud: Callable[[ExitStack], ServedCloud]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.served = type(self).open_cloud(self.stack)
        self.backend = self.served.backend
        self.asked: dict[str, DeploymentRequest] = {}
        self.shared: set[str] = set()  # files that a second asset has named

    def attempt(self, operation: Callable[[], object]) -> None:
        """Do something that may be refused, in sentences."""
        with suppress(BackendError):
            operation()

    @rule(tag=TAGS, name=NAMES, base=BASES, tuned=st.booleans(), safe=st.booleans())
    def deploy(self, tag: str, name: str, base: str, *, tuned: bool, safe: bool) -> None:
        model = f"{name}:1" if tuned else None
        wanted = DeploymentRequest(tag=tag, base_model=base, model=model, name=tag, content_safety=safe)
        request = self.asked.setdefault(tag, wanted)
        self.attempt(lambda: self.backend.deploy(request))

    @rule(tag=TAGS)
    def look(self, tag: str) -> None:
        self.attempt(lambda: self.backend.observe_deployment(tag))

    @rule(tag=TAGS)
    def ask(self, tag: str) -> None:
        question = ChatRequest(messages=[{"role": "user", "content": "Hello"}], max_tokens=4)
        self.attempt(lambda: list(self.backend.chat(tag, question)))

    @rule(tag=TAGS)
    def undeploy(self, tag: str) -> None:
        self.attempt(lambda: self.backend.undeploy(tag))
        self.asked.pop(tag, None)

    @rule(name=NAMES)
    def discard(self, name: str) -> None:
        self.attempt(lambda: self.backend.discard_model(f"{name}:1"))

    @rule(kind=KINDS, name=st.one_of(TAGS, VERSIONS))
    def remove(self, kind: str, name: str) -> None:
        self.attempt(lambda: self.backend.remove_thing(kind, name))

    @rule(name=NAMES, owner=OWNERS)
    def somebody_registers_a_model(self, name: str, owner: str | None) -> None:
        if name not in self.served.project.models:
            self.served.model(name, owner=owner)

    @rule(name=NAMES, owner=OWNERS)
    def somebody_brings_rows(self, name: str, owner: str | None) -> None:
        if name not in self.served.project.data:
            self.served.data(name, owner=owner)

    @rule(name=NAMES, owner=OWNERS, archived=st.booleans())
    def somebody_names_the_same_file(self, name: str, owner: str | None, *, archived: bool) -> None:
        data = self.served.project.data
        if name in data and f"{name}-too" not in data:
            path = str(data[name]["1"].properties["dataUri"]).partition("/paths/")[2]
            self.served.data(f"{name}-too", owner=owner, path=path)
            data[f"{name}-too"]["1"].properties["isArchived"] = archived
            self.shared.add(f"{name}.jsonl")

    @rule(tag=TAGS)
    def somebody_takes_our_mark_away(self, tag: str) -> None:
        for endpoints in (self.served.project.serverless, self.served.project.online):
            if tag in endpoints:
                endpoints[tag].body["tags"] = {"owner": "a colleague"}

    @rule(tag=TAGS, name=NAMES)
    def another_installation_deploys(self, tag: str, name: str) -> None:
        other = self.served.made(installation=ANOTHER)
        request = DeploymentRequest(tag=tag, base_model=BASE, model=f"{name}:1", name=tag)
        self.attempt(lambda: other.deploy(request))
        other.azure.close()

    @rule(refused=st.booleans())
    def azure_changes_its_mind_about_deleting(self, *, refused: bool) -> None:
        self.served.cloud.state.model_delete = "refused" if refused else "allowed"

    @rule(seconds=st.sampled_from([1, 30, 600]))
    def time_passes(self, seconds: int) -> None:
        self.served.cloud.clock.turn(seconds)

    @invariant()
    def nothing_of_others_was_touched(self) -> None:
        """Marketplace subscriptions carry no tags; theirs is told by its name, which only this installation makes."""
        touched = [each for each in self.served.cloud.ledger.entries if each.verb in _TOUCHES]
        strange = [
            each
            for each in touched
            if each.tags.get(INSTALLATION_TAG) != INSTALLATION
            and not (each.kind.lower().endswith("marketplacesubscriptions") and each.name.startswith("tunedesk-"))
        ]
        assert strange == []

    @invariant()
    def what_is_served_is_there(self) -> None:
        for endpoint in self.served.project.serverless.values():
            model = str(endpoint.properties["modelSettings"]["modelId"])
            if model.startswith("azureml://locations/"):
                name = model.split("/models/")[1].split("/", maxsplit=1)[0]
                asset = self.served.project.models[name]["1"]
                assert not asset.properties.get("isArchived"), f"{name} was put away while {endpoint.name} serves it"

    @invariant()
    def rows_that_are_there_have_their_file(self) -> None:
        if self.served.cloud.blobs.stores:
            assert self.named() <= set(self.served.files())

    def named(self) -> set[str]:
        """Return the files that the project's data assets name."""
        assets = self.served.project.data.values()
        return {str(each["1"].properties["dataUri"]).rpartition("/")[2] for each in assets}

    def teardown(self) -> None:
        try:
            self.clear_away()
        finally:
            self.stack.close()

    def clear_away(self) -> None:
        """Take everything of ours away, in order, and find nothing left."""
        self.served.cloud.state.model_delete = "allowed"
        for tag in ("dep-1", "dep-2"):
            self.settle()
            self.backend.undeploy(tag)
        self.settle()
        for each in self.backend.remote_things():
            if each.ours and each.kind in {"model", "data"}:
                self.attempt(lambda each=each: self.backend.remove_thing(each.kind, each.name))  # type: ignore[misc]
        self.backend.serverless.release_subscriptions()
        self.settle()
        left = [each for each in self.backend.remote_things() if each.ours]
        served = {name for each in left for name in self.served_by_others(each.name)}
        assert [each.key for each in left if each.kind != "subscription" and not served] == []
        assert all(self.backend.observe_deployment(tag).status is DeploymentStatus.DELETED for tag in self.asked)
        self.nothing_of_others_was_touched()
        assert set(self.served.files()) - self.named() <= self.shared, "a file of ours is left"

    def served_by_others(self, model: str) -> list[str]:
        """Return who, without our mark, serves a model of ours: then it stays."""
        ending = f"/models/{model.replace(':', '/versions/')}"
        return [
            each.name
            for each in self.served.project.serverless.values()
            if str(each.properties["modelSettings"]["modelId"]).endswith(ending)
        ]

    def settle(self) -> None:
        """Let everything that is under way come to its end."""
        self.served.cloud.clock.turn(1000)
        self.served.cloud.operations.finish_all()


class DirectlyServed(ServedCloud):
    """A cloud asked without a network."""

    def made(self, *, installation: str = INSTALLATION) -> AzureFoundryBackend:
        wanted = AzureSettings(**connection_settings(self.cloud.seed.app.app_id))  # type: ignore[arg-type]
        backend = AzureFoundryBackend(wanted, {}, clock=self.clock, cache=self.cloud.folder / "cache")
        backend.azure = DirectAzure(wanted, self.cloud, installation)
        backend.workspace = Workspace(backend.azure)
        return backend


def in_memory(certificates: Certificates, store: Azurite | None) -> Callable[[ExitStack], ServedCloud]:
    """Return what opens a cloud that is asked without a network."""

    def opened(stack: ExitStack) -> ServedCloud:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        cloud = stack.enter_context(AzureCloud(certificates, folder, azurite=store))
        stack.callback(lambda: bugs(cloud))
        return DirectlyServed(cloud, TurnedClock())

    return opened


def over_tls(certificates: Certificates, store: Azurite | None) -> Callable[[ExitStack], ServedCloud]:
    """Return what opens a cloud that is reached through the real SDK, its proxy and TLS."""

    def opened(stack: ExitStack) -> ServedCloud:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        cloud = stack.enter_context(AzureCloud(certificates, folder, azurite=store))
        stack.enter_context(cloud.entered())
        stack.callback(lambda: bugs(cloud))
        served = ServedCloud(cloud, TurnedClock())
        stack.callback(served.backend.azure.close)
        return served

    return opened


def bugs(cloud: AzureCloud) -> None:
    """Fail where the emulator itself went wrong, or somebody unexpected was asked."""
    assert cloud.bugs == []
    assert cloud.refused == []


def run(opener: Callable[[ExitStack], ServedCloud], *, examples: int, steps: int) -> None:
    """Run `examples` times `steps` random operations."""
    machine = type("Machine", (Operations,), {"open_cloud": staticmethod(opener)})
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=steps, **_LIMITS))


@pytest.fixture(scope="module")
def store() -> Iterator[Azurite | None]:
    """A store for the files, where there is one."""
    found = azurite_process.find(TOOLS)
    yield found
    if found is not None:
        found.stop()


def test_random_operations_in_memory(azure_certificates: Certificates, store: Azurite | None) -> None:
    run(in_memory(azure_certificates, store), examples=8, steps=30)


@pytest.mark.campaign
def test_ten_thousand_random_operations_in_memory(azure_certificates: Certificates, store: Azurite | None) -> None:
    run(in_memory(azure_certificates, store), examples=200, steps=50)


@pytest.mark.slow
def test_two_hundred_random_operations_through_the_sdk(azure_certificates: Certificates, store: Azurite | None) -> None:
    run(over_tls(azure_certificates, store), examples=5, steps=40)
