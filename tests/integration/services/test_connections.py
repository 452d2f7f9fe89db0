"""Connections of a kind: what is asked for, what is kept, what is forgotten, and what never shows."""

import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from app.backends.azure_foundry.kind import AzureFoundryKind
from app.domain.backend import Backend
from app.domain.connections import Connection
from app.domain.errors import Conflict, Invalid, NotFound, ProviderFailed
from app.kit.clock import SystemClock
from app.services import connections, jobs
from tests.support.app_context import TestHouse
from tests.support.connections import REHEARSAL_ID

TENANT = "11111111-2222-3333-4444-555555555555"
OTHER_TENANT = "99999999-2222-3333-4444-555555555555"
CLIENT = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
CANARY = "canary-of-the-client-secret-2718"
PRINCIPAL = {"credential": "client_secret", "tenant_id": TENANT, "client_id": CLIENT}


class Recording(AzureFoundryKind):
    """The real kind, which remembers what it was opened with."""

    def __init__(self, folder: Path) -> None:
        super().__init__(clock=SystemClock(), cache=folder)
        self.opened: list[tuple[dict[str, str], dict[str, str]]] = []

    def open(
        self, settings: Mapping[str, str], secrets: Mapping[str, str], *, earlier: Backend | None = None
    ) -> Backend:
        self.opened.append((dict(settings), dict(secrets)))
        return super().open(settings, secrets, earlier=earlier)


@dataclass(frozen=True)
class DemoClient:
    """A house that knows Azure's kind, with the verbs in short."""

    app_context: TestHouse
    kind: Recording

    def create(self, settings: Mapping[str, str] = PRINCIPAL, secret: str = CANARY, name: str = "Azure") -> Connection:
        secrets = {"client_secret": secret} if secret else {}
        with self.app_context.open() as scope:
            return connections.create(scope, backend="azure_foundry", name=name, settings=settings, secrets=secrets)

    def update(self, identifier: str, settings: Mapping[str, str] | None = None, **secrets: str) -> Connection:
        with self.app_context.open() as scope:
            return connections.update(scope, identifier, settings=settings, secrets=secrets)

    def secrets(self, connection: Connection) -> dict[str, str]:
        """Return what its backend is opened with now."""
        self.app_context.app_context.backends.of(connection)
        return self.kind.opened[-1][1]

    def all_of_them(self) -> Sequence[Connection]:
        with self.app_context.open() as scope:
            return connections.list_connections(scope)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[DemoClient]:
    kind = Recording(tmp_path / "cache")
    app_context = TestHouse(tmp_path, kinds=(kind,))
    yield DemoClient(app_context, kind)
    app_context.database.close()


def pointers(error: pytest.ExceptionInfo[Invalid]) -> dict[str, str]:
    assert all(each.message and each.fix for each in error.value.problems)
    return {each.pointer: each.code for each in error.value.problems}


def test_a_connection_is_made_and_its_backend_gets_its_secrets(client: DemoClient) -> None:
    made = client.create()
    assert made.settings == {**PRINCIPAL, "cloud": "AzureCloud"}
    assert made.has_secrets
    assert client.secrets(made) == {"client_secret": CANARY}
    assert {each.name for each in client.all_of_them()} == {"Rehearsal", "Azure"}


def test_its_backend_is_opened_once_until_something_changes(client: DemoClient) -> None:
    made = client.create()
    backends = client.app_context.app_context.backends
    first = backends.of(made)
    assert backends.of(made) is first
    changed = client.update(made.id, {**made.settings, "workspace": "triage"})
    assert backends.of(changed) is not first
    assert len(client.kind.opened) == 2


def test_every_mistake_is_reported_at_once_with_its_position(client: DemoClient) -> None:
    wrong = {"credential": "client_secret", "tenant_id": "no tenant!", "subscription_id": "12", "colour": "red"}
    with pytest.raises(Invalid) as error, client.app_context.open() as scope:
        connections.create(scope, backend="azure_foundry", name=" ", settings=wrong, secrets={}, slots=0)
    assert pointers(error) == {
        "/name": "missing",
        "/slots": "range",
        "/settings/colour": "unknown",
        "/settings/tenant_id": "invalid",
        "/settings/subscription_id": "invalid",
        "/settings/client_id": "missing",
        "/secrets/client_secret": "missing",
    }
    assert len(error.value.problems) == 7
    assert len(client.all_of_them()) == 1


def test_an_unknown_kind_is_refused_with_the_known_ones(client: DemoClient) -> None:
    with pytest.raises(Invalid) as error, client.app_context.open() as scope:
        connections.create(scope, backend="local", name="Mine", settings={}, secrets={})
    assert "azure_foundry" in error.value.problems[0].fix


def test_what_another_way_to_sign_in_asks_for_is_not_kept(client: DemoClient) -> None:
    made = client.create({**PRINCIPAL, "credential": "azure_cli"}, secret="ignored-7")
    assert "client_id" not in made.settings
    assert not made.has_secrets


def test_a_secret_left_empty_stays_and_a_new_one_replaces_it(client: DemoClient) -> None:
    made = client.create()
    kept = client.update(made.id, {**made.settings, "workspace": "triage"}, client_secret="")
    assert client.secrets(kept) == {"client_secret": CANARY}
    replaced = client.update(made.id, client_secret="another-one")
    assert replaced.settings == kept.settings
    assert client.secrets(replaced) == {"client_secret": "another-one"}


@pytest.mark.parametrize(
    "change", [{"tenant_id": OTHER_TENANT}, {"client_id": OTHER_TENANT}, {"cloud": "AzureUSGovernment"}]
)
def test_secrets_are_never_sent_to_whom_they_were_not_typed_for(client: DemoClient, change: dict[str, str]) -> None:
    made = client.create()
    with pytest.raises(Invalid) as error:
        client.update(made.id, {**made.settings, **change})
    assert pointers(error) == {"/secrets/client_secret": "missing"}
    moved = client.update(made.id, {**made.settings, **change}, client_secret="typed-anew")
    assert client.secrets(moved) == {"client_secret": "typed-anew"}


def test_another_way_to_sign_in_forgets_the_secret(client: DemoClient) -> None:
    made = client.create()
    changed = client.update(made.id, {**made.settings, "credential": "azure_cli"})
    assert not changed.has_secrets
    with pytest.raises(Invalid):
        client.update(made.id, PRINCIPAL)


def test_a_second_cloud_is_refused_but_the_only_connection_may_change_its_own(client: DemoClient) -> None:
    first = client.create()
    with pytest.raises(Invalid) as error:
        client.create({**PRINCIPAL, "cloud": "AzureChinaCloud"}, name="Other")
    assert pointers(error) == {"/settings/cloud": "second_cloud"}
    client.update(first.id, {**PRINCIPAL, "cloud": "AzureChinaCloud"}, client_secret="anew")
    client.create({**PRINCIPAL, "cloud": "AzureChinaCloud"}, name="Other")


def test_a_wrong_key_is_reported_and_typing_the_secret_again_mends_it(client: DemoClient) -> None:
    made = client.create()
    key_file = client.app_context.app_context.backends.vault.key_file
    key_file.write_bytes(Fernet.generate_key())
    with pytest.raises(ProviderFailed, match="cannot be opened") as error:
        client.app_context.app_context.backends.of(made)
    assert "again" in error.value.fix
    with pytest.raises(Invalid):  # nothing of it can be kept, so it is asked for
        client.update(made.id, made.settings)
    mended = client.update(made.id, made.settings, client_secret="typed-again")
    assert client.secrets(mended) == {"client_secret": "typed-again"}


def test_secrets_moved_into_another_row_stay_shut(client: DemoClient) -> None:
    first, second = client.create(), client.create(name="Second", secret="second-secret")
    with sqlite3.connect(client.app_context.folder / "house.sqlite3") as database:
        database.execute("UPDATE connections SET sealed = ? WHERE id = ?", (first.sealed, second.id))
    with client.app_context.open() as scope:
        swapped = connections.get(scope, second.id)
    with pytest.raises(ProviderFailed, match="something else"):
        client.app_context.app_context.backends.of(swapped)


def test_a_key_that_cannot_be_made_is_reported_and_nothing_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "vault").write_text("in the way")
    app_context = TestHouse(tmp_path, kinds=(AzureFoundryKind(clock=SystemClock(), cache=tmp_path),))
    client = DemoClient(app_context, Recording(tmp_path))
    with pytest.raises(Conflict, match="cannot be made"):
        client.create()
    assert len(client.all_of_them()) == 1
    app_context.database.close()


def test_deleting_forgets_it_unless_something_names_it(client: DemoClient) -> None:
    made = client.create()
    with client.app_context.open() as scope:
        connections.delete(scope, made.id)
    with pytest.raises(NotFound), client.app_context.open() as scope:
        connections.get(scope, made.id)
    with pytest.raises(Conflict), client.app_context.open() as scope:
        connections.delete(scope, REHEARSAL_ID)


def test_a_used_connection_stays_and_the_sentence_counts(client: DemoClient) -> None:
    made = client.create()
    with client.app_context.open() as scope:
        job = jobs.create(scope, client.app_context.fields())
    with sqlite3.connect(client.app_context.folder / "house.sqlite3") as database:
        database.execute("UPDATE jobs SET connection = ? WHERE id = ?", (made.id, job.id))
    with pytest.raises(Conflict, match="1 jobs"), client.app_context.open() as scope:
        connections.delete(scope, made.id)


def test_a_change_lifts_a_pause_and_outdates_the_doctor(client: DemoClient) -> None:
    made = client.create()
    with sqlite3.connect(client.app_context.folder / "house.sqlite3") as database:
        database.execute("UPDATE connections SET paused_reason = 'no' WHERE id = ?", (made.id,))
    nudges = client.app_context.nudges
    changed = client.update(made.id, {**made.settings, "workspace": "triage"})
    assert changed.paused_reason is None
    assert changed.doctor is None
    assert client.app_context.nudges == nudges + 1


def test_no_secret_lies_in_the_database_or_in_the_log(client: DemoClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    made = client.create()
    client.secrets(made)
    client.update(made.id, made.settings, client_secret=f"{CANARY}-second")
    assert CANARY not in caplog.text
    assert CANARY not in repr(client.all_of_them())
    for file in client.app_context.folder.rglob("*"):
        assert not file.is_file() or CANARY.encode() not in file.read_bytes(), file
