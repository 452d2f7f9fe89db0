"""Every way of signing in, with the real azure-identity: each ends with a token that Resource Manager takes."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from azure.core.credentials import TokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    AzureCliCredential,
    CertificateCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    DeviceCodeCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

from tests.integration.azure_emulator.arm_client import ArmClient
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.seed import SECRET
from tests.support.azure.state import TENANT

SCOPE = "https://management.azure.com/.default"
Make = Callable[[AzureCloud, Path], tuple[TokenCredential, dict[str, str]]]


def secret(cloud: AzureCloud, folder: Path) -> tuple[TokenCredential, dict[str, str]]:
    return ClientSecretCredential(TENANT, cloud.seed.app.app_id, SECRET), {}


def certificate(cloud: AzureCloud, folder: Path) -> tuple[TokenCredential, dict[str, str]]:
    path = cloud.seed.certificate(folder / "app.pem")
    return CertificateCredential(TENANT, cloud.seed.app.app_id, str(path)), {}


def workload(cloud: AzureCloud, folder: Path) -> tuple[TokenCredential, dict[str, str]]:
    path = cloud.seed.federated_token(folder / "token")
    return WorkloadIdentityCredential(tenant_id=TENANT, client_id=cloud.seed.app.app_id, token_file_path=str(path)), {}


def az(cloud: AzureCloud, folder: Path) -> tuple[TokenCredential, dict[str, str]]:
    return AzureCliCredential(), {"PATH": f"{cloud.identity.write_az(folder / 'bin')}:/usr/bin:/bin"}


def accepted(cloud: AzureCloud, token: str) -> int:
    """Return the status with which Resource Manager answers a token."""
    path = f"/subscriptions/{next(iter(cloud.state.subscriptions))}/resourceGroups"
    return ArmClient(cloud).get(path, "2021-04-01", headers={"Authorization": f"Bearer {token}"}).status_code


@pytest.mark.parametrize("make", [secret, certificate, workload, az])
def test_a_credential_signs_in(cloud: AzureCloud, tmp_path: Path, make: Make) -> None:
    credential, extra = make(cloud, tmp_path)
    with cloud.entered(extra):
        token = credential.get_token(SCOPE).token
    assert accepted(cloud, token) == 200


def test_the_identity_of_an_app_service(cloud: AzureCloud) -> None:
    with cloud.entered(cloud.identity.environment()), ManagedIdentityCredential() as credential:
        assert accepted(cloud, credential.get_token(SCOPE).token) == 200


def test_a_device_code_waits_for_the_person(cloud: AzureCloud) -> None:
    shown = threading.Event()
    codes: list[str] = []

    def prompt(address: str, code: str, until: object) -> None:
        codes.extend([address, code])
        cloud.entra.approve(code, cloud.seed.person.oid)
        shown.set()

    with cloud.entered(), DeviceCodeCredential(tenant_id=TENANT, prompt_callback=prompt) as credential:
        token = credential.get_token(SCOPE).token
        assert credential.get_token(SCOPE).token == token, "the second time nobody is asked"
    assert shown.is_set()
    assert codes[0] == "https://microsoft.com/devicelogin"
    assert accepted(cloud, token) == 200


def test_a_person_who_declines(cloud: AzureCloud) -> None:
    def prompt(address: str, code: str, until: object) -> None:
        cloud.entra.refuse(code)

    with (
        cloud.entered(),
        DeviceCodeCredential(tenant_id=TENANT, prompt_callback=prompt) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS70044"),
    ):
        credential.get_token(SCOPE)


@pytest.mark.parametrize(
    ("change", "number"),
    [
        (lambda cloud: cloud.seed.app.secrets.clear(), "AADSTS7000215"),
        (lambda cloud: cloud.state.principals.pop(cloud.seed.app.oid), "AADSTS700016"),
    ],
)
def test_a_secret_that_is_not_known(cloud: AzureCloud, change: Callable[[AzureCloud], object], number: str) -> None:
    app = cloud.seed.app.app_id
    change(cloud)
    with (
        cloud.entered(),
        ClientSecretCredential(TENANT, app, SECRET) as credential,
        pytest.raises(ClientAuthenticationError, match=number),
    ):
        credential.get_token(SCOPE)


def test_a_certificate_that_is_not_registered(cloud: AzureCloud, tmp_path: Path) -> None:
    credential, _ = certificate(cloud, tmp_path)
    cloud.seed.app.certificates.clear()
    with cloud.entered(), pytest.raises(ClientAuthenticationError, match="AADSTS700027"):
        credential.get_token(SCOPE)


def test_a_federated_token_of_somebody_else(cloud: AzureCloud, tmp_path: Path) -> None:
    path = cloud.seed.federated_token(tmp_path / "token", subject="system:serviceaccount:other:app")
    credential = WorkloadIdentityCredential(
        tenant_id=TENANT, client_id=cloud.seed.app.app_id, token_file_path=str(path)
    )
    with cloud.entered(), pytest.raises(ClientAuthenticationError, match="AADSTS700213"):
        credential.get_token(SCOPE)


def test_an_az_that_nobody_signed_in(cloud: AzureCloud, tmp_path: Path) -> None:
    cloud.identity.signed_in = None
    credential, extra = az(cloud, tmp_path)
    with cloud.entered(extra), pytest.raises(ClientAuthenticationError, match="az login"):
        credential.get_token(SCOPE)


def test_a_chain_looks_for_a_machine_s_identity_and_is_refused_at_once(cloud: AzureCloud, tmp_path: Path) -> None:
    extra = {"PATH": str(tmp_path)}
    with (
        cloud.entered(extra),
        DefaultAzureCredential(exclude_developer_cli_credential=True) as credential,
        pytest.raises(ClientAuthenticationError),
    ):
        credential.get_token(SCOPE)
    assert cloud.probed
    assert all("169.254.169.254" in one for one in cloud.probed)
