"""Every way to sign in, with the real azure-identity: who the cloud believes that we are, and what is told if not."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.backends.azure_foundry.backend import AzureFoundryBackend
from app.backends.azure_foundry.settings import AzureSettings, SignIn
from app.backends.azure_foundry.transport.client import Azure
from app.domain.backend import NotAuthorised, Rejected
from app.kit.clock import SystemClock
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.foundry import backend_over, connection
from tests.support.azure.seed import SECRET
from tests.support.azure.state import Principal
from tests.support.waiting import until


@pytest.fixture
def opened() -> Iterator[list[AzureFoundryBackend]]:
    """The backends of a test, closed at its end."""
    made: list[AzureFoundryBackend] = []
    yield made
    for backend in made:
        backend.azure.close()


def only_for(cloud: AzureCloud, principal: Principal) -> None:
    """Leave rights to one principal only, so that an answer proves who asked."""
    for other in (cloud.seed.app, cloud.seed.managed, cloud.seed.person):
        if other is not principal:
            cloud.seed.take_away(other)


def asks(backend: AzureFoundryBackend) -> str:
    """Ask for the project; return its name."""
    answer = backend.azure.arm("GET", backend.azure.workspace_path, api_version="2024-10-01")
    return str(answer.body["name"])


def test_a_secret(entered_cloud: AzureCloud, tmp_path: Path, opened: list[AzureFoundryBackend]) -> None:
    only_for(entered_cloud, entered_cloud.seed.app)
    opened.append(backend_over(entered_cloud, tmp_path))
    assert asks(opened[-1]) == "proj1"


def test_a_wrong_secret_is_reported_as_such_and_not_shown(
    entered_cloud: AzureCloud, tmp_path: Path, opened: list[AzureFoundryBackend]
) -> None:
    opened.append(backend_over(entered_cloud, tmp_path, secrets={"client_secret": "hunter2-wrong"}))
    with pytest.raises(NotAuthorised) as caught:
        asks(opened[-1])
    assert "secret" in caught.value.detail
    assert "hunter2" not in f"{caught.value.detail} {caught.value.fix}"


def test_a_certificate(entered_cloud: AzureCloud, tmp_path: Path, opened: list[AzureFoundryBackend]) -> None:
    only_for(entered_cloud, entered_cloud.seed.app)
    pem = entered_cloud.seed.certificate(tmp_path / "app.pem").read_text(encoding="utf-8")
    secrets = {"certificate": pem}
    opened.append(backend_over(entered_cloud, tmp_path, secrets=secrets, credential=SignIn.CLIENT_CERTIFICATE))
    assert asks(opened[-1]) == "proj1"


def test_a_certificate_that_is_none_cannot_even_be_tried(
    entered_cloud: AzureCloud, tmp_path: Path, opened: list[AzureFoundryBackend]
) -> None:
    secrets = {"certificate": "-----BEGIN NOTHING-----"}
    opened.append(backend_over(entered_cloud, tmp_path, secrets=secrets, credential=SignIn.CLIENT_CERTIFICATE))
    with pytest.raises(NotAuthorised) as caught:
        asks(opened[-1])
    assert caught.value.fix


def test_a_workloads_token_file(entered_cloud: AzureCloud, tmp_path: Path, opened: list[AzureFoundryBackend]) -> None:
    only_for(entered_cloud, entered_cloud.seed.app)
    file = entered_cloud.seed.federated_token(tmp_path / "token")
    way = SignIn.WORKLOAD_IDENTITY
    opened.append(backend_over(entered_cloud, tmp_path, secrets={}, credential=way, token_file=str(file)))
    assert asks(opened[-1]) == "proj1"


def test_an_app_services_identity(cloud: AzureCloud, tmp_path: Path, opened: list[AzureFoundryBackend]) -> None:
    only_for(cloud, cloud.seed.managed)
    settings = {**connection(cloud), "credential": SignIn.MANAGED_IDENTITY.value}
    del settings["client_id"]
    with cloud.entered(cloud.identity.environment()):
        made = AzureFoundryBackend(AzureSettings.of(settings), {}, clock=cloud.clock, cache=tmp_path)
        opened.append(made)
        assert asks(made) == "proj1"


def test_the_azure_cli(cloud: AzureCloud, tmp_path: Path, opened: list[AzureFoundryBackend]) -> None:
    only_for(cloud, cloud.seed.person)
    folder = cloud.identity.write_az(tmp_path / "bin")
    with cloud.entered({"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}):
        opened.append(backend_over(cloud, tmp_path, secrets={}, credential=SignIn.AZURE_CLI))
        assert asks(opened[-1]) == "proj1"
        cloud.identity.signed_in = None
        opened.append(backend_over(cloud, tmp_path, secrets={}, credential=SignIn.AZURE_CLI))
        with pytest.raises(NotAuthorised) as caught:
            asks(opened[-1])
    assert "az login" in caught.value.fix


def test_whatever_this_machine_has(cloud: AzureCloud, tmp_path: Path, opened: list[AzureFoundryBackend]) -> None:
    only_for(cloud, cloud.seed.app)
    with cloud.entered(cloud.seed.credentials()):
        opened.append(backend_over(cloud, tmp_path, secrets={}, credential=SignIn.DEFAULT))
        assert asks(opened[-1]) == "proj1"


def test_a_device_code_holds_nobody_up(
    entered_cloud: AzureCloud, tmp_path: Path, opened: list[AzureFoundryBackend]
) -> None:
    only_for(entered_cloud, entered_cloud.seed.person)
    made = backend_over(entered_cloud, tmp_path, secrets={}, credential=SignIn.DEVICE_CODE)
    opened.append(made)
    with pytest.raises(NotAuthorised) as caught:
        asks(made)
    pending = made.azure.sign_in_session.pending
    assert pending is not None
    address, code, until_when = pending
    assert address in caught.value.fix
    assert code in caught.value.fix
    assert until_when > entered_cloud.clock.now()
    with pytest.raises(NotAuthorised):
        asks(made)
    assert made.azure.sign_in_session.pending == pending, "a second call began a second sign-in"
    entered_cloud.entra.approve(code, entered_cloud.seed.person.oid)
    assert until(lambda: made.azure.sign_in_session.pending is None, within=30)
    assert asks(made) == "proj1"


def test_a_sign_in_that_is_declined_is_reported(
    entered_cloud: AzureCloud, tmp_path: Path, opened: list[AzureFoundryBackend]
) -> None:
    made = backend_over(entered_cloud, tmp_path, secrets={}, credential=SignIn.DEVICE_CODE)
    opened.append(made)
    with pytest.raises(NotAuthorised):
        asks(made)
    assert made.azure.sign_in_session.pending is not None
    entered_cloud.entra.refuse(made.azure.sign_in_session.pending[1])
    assert until(lambda: made.azure.sign_in_session.pending is None, within=30)
    with pytest.raises(NotAuthorised) as caught:
        asks(made)
    assert "last sign-in failed" in caught.value.detail


def test_a_second_cloud_is_refused_in_one_process(entered_cloud: AzureCloud) -> None:
    settings = AzureSettings.of({**connection(entered_cloud), "cloud": "AzureChinaCloud"})
    azure = Azure(settings, {"client_secret": SECRET})
    before = os.environ.get("AZUREML_CURRENT_CLOUD")
    os.environ["AZUREML_CURRENT_CLOUD"] = "AzureCloud"
    try:
        with pytest.raises(Rejected) as caught:
            azure.ready()
    finally:
        os.environ.pop("AZUREML_CURRENT_CLOUD")
        if before is not None:
            os.environ["AZUREML_CURRENT_CLOUD"] = before
    assert "AzureChinaCloud" in caught.value.detail


def test_a_clock_that_is_wrong_is_measured(
    entered_cloud: AzureCloud, tmp_path: Path, opened: list[AzureFoundryBackend]
) -> None:
    entered_cloud.clock.turn(-1800)
    settings = AzureSettings.of(connection(entered_cloud))
    made = AzureFoundryBackend(settings, {"client_secret": SECRET}, clock=SystemClock(), cache=tmp_path)
    opened.append(made)
    asks(made)
    assert made.azure.clock_skew is not None
    assert -1810 < made.azure.clock_skew.total_seconds() < -1790
