"""Tearing down at Azure, in order, with the whole house; and what was left behind."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.backends.azure_foundry.training import files
from app.domain.backend import Rejected
from app.domain.deployments import DeploymentStatus
from app.domain.errors import Conflict, Invalid, NotFound, ProviderFailed
from app.domain.models import ModelStatus
from app.services import deployments, models, orphans
from app.store import events as event_store
from tests.support.azure.azurite import Azurite
from tests.support.azure.certificates import Certificates
from tests.support.azure.house import AzureHouse
from tests.support.azure.served import ANOTHER, served_cloud
from tests.support.clock import TurnedClock


@pytest.fixture
def app_context(azure_certificates: Certificates, tmp_path: Path) -> Iterator[AzureHouse]:
    with served_cloud(azure_certificates, tmp_path / "cloud", TurnedClock()) as served:
        made = AzureHouse(tmp_path / "house", served)
        yield made
        made.close()


@pytest.fixture
def stored(azure_certificates: Certificates, azurite: Azurite, tmp_path: Path) -> Iterator[AzureHouse]:
    """The same with a storage account, in which lie a colleague's rows, too."""
    with served_cloud(azure_certificates, tmp_path / "cloud", TurnedClock(), azurite=azurite) as served:
        served.data("theirs", owner=None)
        made = AzureHouse(tmp_path / "house", served)
        yield made
        made.close()


def left(app_context: AzureHouse) -> list[str]:
    """Return everything at the cloud that carries our mark."""
    return [each.key for each in app_context.azure.remote_things()]


def test_a_teardown_keeps_the_order_and_leaves_nothing(app_context: AzureHouse) -> None:
    model = app_context.tuned()
    deployment = app_context.ready(app_context.deploy(model))
    assert deployment.region == "eastus2"
    with app_context.open() as scope:
        plan = models.teardown(scope, model.id, model.name)
    assert [(step.kind, step.done) for step in plan.steps] == [
        ("deployment", False),
        ("model", False),
        ("files", False),
    ]
    app_context.until(lambda: app_context.model(model.id).status is ModelStatus.DELETED)
    deleted = [entry.kind.rsplit("/", 1)[-1].lower() for entry in app_context.served.cloud.ledger.of("delete")]
    assert deleted == ["serverlessendpoints", "versions", "versions"]
    with app_context.open() as scope:
        steps = models.teardown_plan(scope, model.id).steps
    assert all(step.done for step in steps)
    assert steps[1].outcome == "Deleted at Azure."
    assert steps[2].outcome == f"Deleted at Azure{files.GONE}."
    assert left(app_context) == []
    assert app_context.served.cloud.ledger.foreign == []


def test_a_teardown_takes_the_file_under_the_rows_too(stored: AzureHouse) -> None:
    model = stored.tuned()
    assert len(stored.served.files()) == 2
    with stored.open() as scope:
        models.teardown(scope, model.id, model.name)
    stored.until(lambda: stored.model(model.id).status is ModelStatus.DELETED)
    assert stored.served.files() == ["theirs.jsonl"]
    assert left(stored) == []
    with stored.open() as scope:
        assert models.teardown_plan(scope, model.id).steps[1].outcome == f"Deleted at Azure{files.REMOVED}."


def test_a_teardown_that_dies_between_the_file_and_its_asset_goes_on(stored: AzureHouse) -> None:
    """The store loses the file, then nobody answers: to Azure that is a server killed between the two."""
    model = stored.tuned()
    stored.served.cloud.faults.add(("DELETE", r"/data/tunedesk-[0-9a-f]+/versions/1$"), "reset")
    with stored.open() as scope:
        models.teardown(scope, model.id, model.name)
    stored.until(lambda: stored.served.files() == ["theirs.jsonl"])
    assert stored.model(model.id).status is ModelStatus.DELETING
    assert [key.partition(":")[0] for key in left(stored)] == ["data"]
    stored.until(lambda: stored.model(model.id).status is ModelStatus.DELETED)
    assert left(stored) == []
    with stored.open() as scope:
        assert models.teardown_plan(scope, model.id).steps[1].outcome == f"Deleted at Azure{files.GONE}."


def test_a_deployed_model_is_not_deleted_and_the_plan_is_reported(app_context: AzureHouse) -> None:
    model = app_context.tuned()
    app_context.ready(app_context.deploy(model, name="helpdesk"))
    with app_context.open() as scope, pytest.raises(Conflict, match="served by helpdesk") as refused:
        models.delete(scope, model.id)
    assert "deployment helpdesk, then model triage, then rows at the provider" in refused.value.fix
    assert not app_context.served.cloud.ledger.of("delete")


def test_a_model_that_somebody_else_serves_is_left_where_it_is(app_context: AzureHouse) -> None:
    """A colleague deployed it in the studio: Azure knows, our records do not."""
    model = app_context.tuned()
    served = app_context.served
    served.until(served.deploy("by-hand", model.remote_id), DeploymentStatus.READY)
    served.project.serverless["by-hand"].body["tags"] = {}
    served.cloud.state.model_delete = "refused"
    with app_context.open() as scope, pytest.raises(ProviderFailed, match="still served by by-hand"):
        models.delete(scope, model.id)
    assert app_context.model(model.id).status is ModelStatus.PRESENT
    assert not served.cloud.ledger.of("archive")


def test_where_azure_deletes_no_model_it_is_archived_and_that_is_reported(app_context: AzureHouse) -> None:
    model = app_context.tuned()
    app_context.served.cloud.state.model_delete = "refused"
    with app_context.open() as scope:
        models.delete(scope, model.id)
    with app_context.open() as scope:
        reported = models.teardown_plan(scope, model.id).steps[0].outcome
    assert "so it was archived" in reported
    assert app_context.served.project.models["triage"]["1"].properties["isArchived"] is True
    assert app_context.model(model.id).status is ModelStatus.DELETED


def test_a_model_without_our_mark_is_never_touched(app_context: AzureHouse) -> None:
    model = app_context.tuned()
    app_context.served.project.models["triage"]["1"].properties["tags"] = {"owner": "a colleague"}
    with app_context.open() as scope, pytest.raises(ProviderFailed, match="does not carry this installation's mark"):
        models.delete(scope, model.id)
    assert app_context.served.cloud.ledger.foreign == []


def test_it_is_deleted_when_its_time_is_up(app_context: AzureHouse) -> None:
    model = app_context.tuned()
    ends = app_context.clock.now() + timedelta(minutes=30)
    deployment = app_context.ready(app_context.deploy(model, expires_at=ends, expires_after_idle_s=0))
    app_context.until(lambda: app_context.deployment(deployment.id).status is DeploymentStatus.DELETED, limit=300)
    gone = app_context.deployment(deployment.id)
    assert gone.reason == "expired"
    assert gone.ended_at is not None
    assert ends <= gone.ended_at < ends + timedelta(minutes=5)
    with app_context.open() as scope, pytest.raises(Invalid, match="over, or too far away"):
        deployments.create(scope, target={"model": model.id}, expires_at=app_context.clock.now())


def test_the_key_is_shown_on_demand_and_noted(app_context: AzureHouse) -> None:
    deployment = app_context.ready(app_context.deploy(app_context.tuned()))
    with app_context.open() as scope:
        key = deployments.show_key(scope, deployment.id)
    assert key in app_context.served.project.serverless[deployment.id.replace("_", "-")].keys.values()
    with app_context.open() as scope:
        reported = event_store.of_kind(scope.read, deployment.id, "key")
        everything = event_store.after(scope.read, deployment.id, 0, limit=1000)
    assert [event.message for event in reported] == ["owner was shown the key."]
    assert key not in repr(everything)
    assert key.encode() not in (app_context.folder / "house.sqlite3").read_bytes()


def test_what_nobody_here_knows_is_reported_and_removed_by_name(app_context: AzureHouse) -> None:
    model = app_context.tuned()
    app_context.ready(app_context.deploy(model))
    served = app_context.served
    served.until(served.deploy("dep-lost", served.model("lost", tag="job-lost")), DeploymentStatus.READY)
    served.model("theirs", tag="job-theirs", owner=ANOTHER)
    served.model("colleagues", owner=None)
    with app_context.open() as scope:
        report = orphans.report(scope, app_context.connection.id)
    assert {each.thing.key for each in report.orphans} == {"endpoint:dep-lost", "model:lost:1"}
    assert report.orphans[0].thing.billed, "what costs money comes first"
    assert {each.thing.kind for each in report.known} == {"endpoint", "model", "data"}
    assert [each.thing.name for each in report.foreign] == ["theirs:1"]
    with app_context.open() as scope:
        with pytest.raises(Invalid, match="does not match"):
            orphans.remove(scope, app_context.connection.id, "endpoint:dep-lost", "dep")
        with pytest.raises(ProviderFailed, match="still served by dep-lost"):
            orphans.remove(scope, app_context.connection.id, "model:lost:1", "lost:1")
    with app_context.open() as scope:
        assert "deleting" in orphans.remove(scope, app_context.connection.id, "endpoint:dep-lost", "dep-lost")
    served.cloud.clock.turn(60)
    served.cloud.operations.finish_all()
    with app_context.open() as scope:
        orphans.remove(scope, app_context.connection.id, "model:lost:1", "lost:1")
    with app_context.open() as scope:
        assert not orphans.report(scope, app_context.connection.id).orphans
        with pytest.raises(Conflict, match="another TuneDesk"):
            orphans.remove(scope, app_context.connection.id, "model:theirs:1", "theirs:1")
        with pytest.raises(Conflict, match="belongs to"):
            orphans.remove(scope, app_context.connection.id, "model:triage:1", "triage:1")
        with pytest.raises(NotFound):
            orphans.remove(scope, app_context.connection.id, "model:nothing:1", "nothing:1")
    assert served.cloud.ledger.foreign == []


def test_the_backend_itself_removes_nothing_without_our_mark(app_context: AzureHouse) -> None:
    served = app_context.served
    served.model("colleagues", owner=None)
    served.model("theirs", owner=ANOTHER)
    served.data("tunedesk-abc", owner=ANOTHER)
    for kind, name in (("model", "colleagues:1"), ("model", "theirs:1"), ("data", "tunedesk-abc:1"), ("job", "x/y")):
        with pytest.raises(Rejected):
            app_context.azure.remove_thing(kind, name)
    assert app_context.azure.remove_thing("model", "nothing:1") == "It was gone already."
    assert not served.cloud.ledger.of("delete")
