"""The doctor against the cloud: all green as it should be, and each thing that can be missing, planted alone."""

import re
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from app.backends.azure_foundry.backend import AzureFoundryBackend
from app.backends.azure_foundry.doctor import identity, workspace
from app.backends.azure_foundry.doctor.facts import Facts
from app.domain.connections import Check, CheckStatus
from tests.support.azure.bare import backend_for
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.roles import OWNER, READER, TRAIN_ONLY
from tests.support.azure.seed import GROUP, GROUP_SCOPE
from tests.support.azure.state import SUBSCRIPTION, ResourceGroup
from tests.support.clock import TurnedClock

PASS, WARN, FAIL, UNKNOWN = CheckStatus.PASS, CheckStatus.WARN, CheckStatus.FAIL, CheckStatus.UNKNOWN
EVERYTHING = (
    "network", "clock", "sign_in", "hosts", "subscription", "provider_ml", "provider_network", "resource_group",
    "workspace", "region", "train_role", "deploy_role", "datastore", "quota",
)  # fmt: skip
WRITES = {"PUT", "PATCH", "DELETE", "POST"}


def by_id(backend: AzureFoundryBackend, model: str | None = None) -> Mapping[str, Check]:
    return {each.id: each for each in backend.doctor_for(model)}


def sick(checks: Mapping[str, Check]) -> dict[str, CheckStatus]:
    """Return what is not in order; the quota is left out where it cannot be read."""
    return {name: each.status for name, each in checks.items() if each.status is not PASS and name != "quota"}


def test_all_is_well_and_nothing_was_changed(bare_cloud: AzureCloud) -> None:
    bare_cloud.seed.grant(READER, scope=f"/subscriptions/{SUBSCRIPTION}")
    found = by_id(backend_for(bare_cloud))
    assert tuple(found) == EVERYTHING
    assert {name: each.status for name, each in found.items()} == dict.fromkeys(EVERYTHING, PASS)
    assert "Azure AI Developer" in found["train_role"].detail
    assert "Phi-4-mini-instruct" in found["region"].detail
    assert "A100" in found["quota"].detail
    assert bare_cloud.seed.app.app_id in found["sign_in"].detail
    sent = [each for each in bare_cloud.requests if each.host == "management.azure.com"]
    assert [each.path for each in sent if each.method in WRITES] == []
    assert bare_cloud.ledger.entries == []


def test_every_question_is_asked_once(bare_cloud: AzureCloud) -> None:
    backend_for(bare_cloud).doctor()
    asked = [
        f"{each.path}?{sorted(each.query.items())}"
        for each in bare_cloud.requests
        if each.host == "management.azure.com"
    ]
    assert len(asked) == len(set(asked))
    assert len(asked) <= 14


def _unregistered(cloud: AzureCloud) -> None:
    cloud.state.subscriptions[SUBSCRIPTION].providers["Microsoft.Network"] = "NotRegistered"


def _half_registered(cloud: AzureCloud) -> None:
    cloud.state.subscriptions[SUBSCRIPTION].providers["Microsoft.MachineLearningServices"] = "Registering"


def _disabled(cloud: AzureCloud) -> None:
    cloud.state.subscriptions[SUBSCRIPTION].state = "Disabled"


def _past_due(cloud: AzureCloud) -> None:
    cloud.state.subscriptions[SUBSCRIPTION].state = "PastDue"


def _trains_only(cloud: AzureCloud) -> None:
    cloud.seed.take_away()
    cloud.seed.grant(TRAIN_ONLY)


def _reads_only(cloud: AzureCloud) -> None:
    cloud.seed.take_away()
    cloud.seed.grant(READER)


def _elsewhere(cloud: AzureCloud) -> None:
    cloud.seed.project.location = "westeurope"


def _unfinished(cloud: AzureCloud) -> None:
    cloud.seed.project.state = "Creating"


def _broken(cloud: AzureCloud) -> None:
    cloud.seed.project.state = "Failed"


def _no_keys(cloud: AzureCloud) -> None:
    cloud.seed.project.storage.allow_keys = False


def _behind(cloud: AzureCloud) -> None:
    cloud.seed.project.kind = "Hub"


@pytest.mark.parametrize(
    ("plant", "expected", "words"),
    [
        (_unregistered, {"provider_network": FAIL}, "az provider register --namespace Microsoft.Network"),
        (_half_registered, {"provider_ml": WARN}, "few minutes"),
        (_disabled, {"subscription": FAIL}, "Disabled"),
        (_past_due, {"subscription": WARN}, "payment"),
        (_trains_only, {"deploy_role": FAIL}, "role assignment create .*Azure AI Developer.* --scope"),
        (_reads_only, {"train_role": FAIL, "deploy_role": FAIL, "datastore": FAIL}, "jobs/write"),
        (_elsewhere, {"region": WARN}, "managed compute"),
        (_unfinished, {"workspace": WARN}, "Creating"),
        (_broken, {"workspace": FAIL}, "Failed"),
        (_no_keys, {"datastore": FAIL}, "Storage Blob Data Contributor"),
        (_behind, {"workspace": FAIL}, "hub: jobs run in a project"),
    ],
)
def test_one_thing_is_wrong_and_one_check_says_so_and_how_to_mend_it(
    bare_cloud: AzureCloud, plant: Callable[[AzureCloud], None], expected: dict[str, CheckStatus], words: str
) -> None:
    plant(bare_cloud)
    found = by_id(backend_for(bare_cloud))
    assert sick(found) == expected
    reported = [found[name] for name in expected]
    assert all(each.fix is not None and each.fix.text for each in reported)
    said = " ".join(f"{each.detail} {each.fix.text} {each.fix.command}" for each in reported if each.fix)
    assert re.search(words, said), said
    for each in reported:
        if each.status is FAIL and each.fix is not None and each.fix.url is not None:
            assert each.fix.url.startswith("https://portal.azure.com/#@")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"subscription_id": "99999999-0000-0000-0000-000000000000"}, "subscription"),
        ({"resource_group": "nowhere"}, "resource_group"),
        ({"workspace": "nothing"}, "workspace"),
    ],
)
def test_what_is_not_there_fails_and_tells_the_command(
    bare_cloud: AzureCloud, change: dict[str, str], expected: str
) -> None:
    found = by_id(backend_for(bare_cloud, earlier=None, **change))
    check = found[expected]
    assert check.status is FAIL
    assert check.fix is not None
    assert (check.fix.command or "").startswith("az ")
    # What hangs on it is not called wrong: it could not be told.
    assert {name for name, status in sick(found).items() if status is FAIL} == {expected}


def test_a_connection_that_names_nothing_yet_is_led_on(bare_cloud: AzureCloud) -> None:
    found = by_id(backend_for(bare_cloud, subscription_id="", resource_group="", workspace=""))
    for name in ("subscription", "resource_group", "workspace"):
        assert found[name].status is FAIL
        assert found[name].fix is not None
        assert "Choose a project" in found[name].fix.text  # type: ignore[union-attr]  # asserted above
    assert found["sign_in"].status is PASS
    assert {found[name].status for name in ("provider_ml", "region", "train_role", "datastore", "quota")} == {UNKNOWN}


def test_the_region_is_evaluated_for_the_chosen_model(bare_cloud: AzureCloud) -> None:
    backend = backend_for(bare_cloud)
    phi_4, phi_3 = "serverless:azureml/Phi-4-mini-instruct", "managed:azureml/Phi-3-mini-4k-instruct"
    for model, location, expected in (
        (phi_4, "eastus2", PASS),
        (phi_4, "westeurope", WARN),
        (phi_3, "westeurope", PASS),
        ("serverless:azureml/Nobody-knows-it", "eastus2", UNKNOWN),
    ):
        bare_cloud.seed.project.location = location
        assert workspace.region(Facts(backend.azure, backend.clock, model=model)).status is expected, (model, location)


def test_the_clocks_are_compared(bare_cloud: AzureCloud) -> None:
    backend = backend_for(bare_cloud)
    for ahead, expected in ((0, PASS), (90, WARN), (400, FAIL), (-400, FAIL)):
        ours = TurnedClock(bare_cloud.clock.now() + timedelta(seconds=ahead))
        found = identity.clock(Facts(backend.azure, ours))
        assert found.status is expected, ahead
        assert ("ahead of" in found.detail) == (ahead > 0)


def test_a_wrong_secret_is_reported_with_its_remedy_and_the_rest_waits(bare_cloud: AzureCloud) -> None:
    found = by_id(backend_for(bare_cloud, secret="its-id-instead-of-its-value"))
    assert found["sign_in"].status is FAIL
    assert found["sign_in"].detail.startswith("The client secret is wrong")
    assert found["sign_in"].fix is not None
    assert bare_cloud.seed.app.app_id in (found["sign_in"].fix.command or "")
    assert "its-id-instead" not in repr(found)
    assert found["network"].status is found["clock"].status is PASS
    assert {found[name].status for name in EVERYTHING[3:]} == {UNKNOWN}


def test_an_unknown_tenant_and_application_are_distinguished(bare_cloud: AzureCloud) -> None:
    nobody = "12345678-1234-1234-1234-123456789abc"
    application = by_id(backend_for(bare_cloud, client_id=nobody))["sign_in"]
    tenant = by_id(backend_for(bare_cloud, tenant_id=nobody))["sign_in"]
    assert (application.status, tenant.status) == (FAIL, FAIL)
    assert application.detail.startswith("The tenant does not know this client id")
    assert tenant.detail.startswith("There is no such tenant")
    assert all(each.fix and each.fix.command for each in (application, tenant))


def test_one_slow_answer_costs_one_check(bare_cloud: AzureCloud) -> None:
    backend = backend_for(bare_cloud)
    backend.doctor()  # the packages are imported
    backend.checks_s = 1.0
    bare_cloud.faults.add(("GET", r"/providers/Microsoft\.Network$"), "timeout-before", seconds=3)
    found = by_id(backend)
    assert found["provider_network"].status is UNKNOWN
    assert "within 1 s" in found["provider_network"].detail
    assert sick(found) == {"provider_network": UNKNOWN}


@pytest.mark.parametrize("kind", ["403", "html", "reset"])
def test_a_failing_answer_is_no_verdict(bare_cloud: AzureCloud, kind: str) -> None:
    bare_cloud.faults.add(("GET", r"/workspaces/proj1$"), kind, times=9)
    found = by_id(backend_for(bare_cloud))
    assert found["workspace"].status is found["region"].status is UNKNOWN
    assert found["workspace"].detail.startswith("Could not tell: ")
    assert found["train_role"].status is PASS


def test_a_cloud_that_cannot_be_reached_is_reported_with_the_hosts(bare_cloud: AzureCloud) -> None:
    bare_cloud.faults.add(("*", ".*"), "reset", times=99)
    found = by_id(backend_for(bare_cloud))
    assert found["network"].status is FAIL
    assert found["network"].fix is not None
    assert "HTTPS_PROXY" in found["network"].fix.text
    assert found["sign_in"].status in {UNKNOWN, FAIL}


def test_many_doctors_at_once(bare_cloud: AzureCloud) -> None:
    backend = backend_for(bare_cloud)
    results: list[Mapping[str, Check]] = []
    threads = [threading.Thread(target=lambda: results.append(by_id(backend))) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(results) == 3
    assert all(sick(each) == {} for each in results)


def test_rights_given_higher_up_count(bare_cloud: AzureCloud) -> None:
    bare_cloud.seed.take_away()
    bare_cloud.seed.grant(OWNER, scope=f"/subscriptions/{SUBSCRIPTION}")
    found = by_id(backend_for(bare_cloud))
    assert found["deploy_role"].status is PASS
    assert "Owner" in found["deploy_role"].detail


def test_a_group_with_odd_letters_is_quoted_in_the_command(bare_cloud: AzureCloud) -> None:
    odd = "group(1)"
    bare_cloud.state.groups.append(ResourceGroup(SUBSCRIPTION, odd, "eastus2"))
    found = by_id(backend_for(bare_cloud, resource_group="group(2)", workspace=""))
    assert "--name 'group(2)'" in (found["resource_group"].fix.command or "")  # type: ignore[union-attr]
    assert GROUP_SCOPE.endswith(GROUP)
