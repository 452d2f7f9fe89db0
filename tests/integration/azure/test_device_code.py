"""A person signs in by code: begun once, seen while it waits, and kept when the project is chosen afterwards."""

from app.backends.azure_foundry.backend import AzureFoundryBackend
from app.domain.connections import CheckStatus
from app.domain.sign_in import SignIn, SignInStatus
from tests.support.azure.bare import backend_for
from tests.support.azure.cloud import AzureCloud
from tests.support.waiting import until


def by_code(cloud: AzureCloud, earlier: AzureFoundryBackend | None = None, **changes: str) -> AzureFoundryBackend:
    return backend_for(cloud, earlier=earlier, credential="device_code", client_id="", **changes)


def state(backend: AzureFoundryBackend) -> SignIn:
    found = backend.sign_in()
    assert found is not None
    return found


def sign_in(cloud: AzureCloud, backend: AzureFoundryBackend) -> None:
    cloud.entra.approve(backend.begin_sign_in().code, cloud.seed.person.oid)
    until(lambda: state(backend).status is SignInStatus.SIGNED_IN, doing="signing in")


def test_a_code_is_shown_until_the_person_has_entered_it(bare_cloud: AzureCloud) -> None:
    backend = by_code(bare_cloud)
    assert state(backend).status is SignInStatus.NEEDED
    assert len(bare_cloud.requests) == 0
    waiting = backend.begin_sign_in()
    assert waiting.status is SignInStatus.WAITING
    assert waiting.address == "https://microsoft.com/devicelogin"
    assert waiting.expires_at is not None
    assert 600 < (waiting.expires_at - bare_cloud.clock.now()).total_seconds() <= 960
    assert backend.begin_sign_in().code == waiting.code  # pressed twice, asked once
    bare_cloud.entra.approve(waiting.code, bare_cloud.seed.person.oid)
    until(lambda: state(backend).status is SignInStatus.SIGNED_IN, doing="signing in")
    assert "ada@example.com" in state(backend).who
    assert {each.id: each.status for each in backend.doctor()}["sign_in"] is CheckStatus.PASS


def test_choosing_a_project_does_not_ask_again_but_another_tenant_does(bare_cloud: AzureCloud) -> None:
    first = by_code(bare_cloud, workspace="")
    sign_in(bare_cloud, first)
    chosen = by_code(bare_cloud, earlier=first, workspace="proj1")
    assert state(chosen).status is SignInStatus.SIGNED_IN
    assert [each.name for each in chosen.workspaces(chosen.azure.settings.subscription_id or "", "rg1")]
    moved = by_code(bare_cloud, earlier=chosen, tenant_id="99999999-2222-3333-4444-555555555555")
    assert state(moved).status is SignInStatus.NEEDED


def test_a_person_who_declines_is_reported_and_may_try_again(bare_cloud: AzureCloud) -> None:
    backend = by_code(bare_cloud)
    bare_cloud.entra.refuse(backend.begin_sign_in().code)
    until(lambda: state(backend).status is SignInStatus.FAILED, doing="declining")
    assert "AADSTS70044" in state(backend).message
    sign_in(bare_cloud, backend)


def test_nobody_signed_in_is_what_the_doctor_says_first(bare_cloud: AzureCloud) -> None:
    found = {each.id: each for each in by_code(bare_cloud).doctor()}
    assert found["sign_in"].status is CheckStatus.FAIL
    assert found["sign_in"].fix is not None
    assert "code" in found["sign_in"].fix.text
    assert found["network"].status is CheckStatus.PASS


def test_other_ways_need_nobody(bare_cloud: AzureCloud) -> None:
    assert backend_for(bare_cloud).sign_in() is None
