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
from app.domain.connections import REHEARSAL_ID, Connection
from app.domain.errors import Conflict, Invalid, NotFound, ProviderFailed
from app.kit.clock import SystemClock
from app.services import connections, jobs
from tests.support.house import TestHouse

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
class Desk:
    """A house that knows Azure's kind, with the verbs in short."""

    house: TestHouse
    kind: Recording

    def create(self, settings: Mapping[str, str] = PRINCIPAL, secret: str = CANARY, name: str = "Azure") -> Connection:
        secrets = {"client_secret": secret} if secret else {}
        with self.house.open() as scope:
            return connections.create(scope, backend="azure_foundry", name=name, settings=settings, secrets=secrets)

    def update(self, identifier: str, settings: Mapping[str, str] | None = None, **secrets: str) -> Connection:
        with self.house.open() as scope:
            return connections.update(scope, identifier, settings=settings, secrets=secrets)

    def secrets(self, connection: Connection) -> dict[str, str]:
        """Return what its backend is opened with now."""
        self.house.house.backends.of(connection)
        return self.kind.opened[-1][1]

    def everyone(self) -> Sequence[Connection]:
        with self.house.open() as scope:
            return connections.list_connections(scope)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    kind = Recording(tmp_path / "cache")
    house = TestHouse(tmp_path, kinds=(kind,))
    yield Desk(house, kind)
    house.database.close()


def pointers(error: pytest.ExceptionInfo[Invalid]) -> dict[str, str]:
    assert all(each.message and each.fix for each in error.value.problems)
    return {each.pointer: each.code for each in error.value.problems}


def test_a_connection_is_made_and_its_backend_gets_its_secrets(desk: Desk) -> None:
    made = desk.create()
    assert made.settings == {**PRINCIPAL, "cloud": "AzureCloud"}
    assert made.has_secrets
    assert desk.secrets(made) == {"client_secret": CANARY}
    assert {each.name for each in desk.everyone()} == {"Rehearsal", "Azure"}


def test_its_backend_is_opened_once_until_something_changes(desk: Desk) -> None:
    made = desk.create()
    backends = desk.house.house.backends
    first = backends.of(made)
    assert backends.of(made) is first
    changed = desk.update(made.id, {**made.settings, "workspace": "triage"})
    assert backends.of(changed) is not first
    assert len(desk.kind.opened) == 2


def test_every_mistake_is_told_at_once_with_its_place(desk: Desk) -> None:
    wrong = {"credential": "client_secret", "tenant_id": "no tenant!", "subscription_id": "12", "colour": "red"}
    with pytest.raises(Invalid) as error, desk.house.open() as scope:
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
    assert len(desk.everyone()) == 1


def test_an_unknown_kind_is_refused_with_the_known_ones(desk: Desk) -> None:
    with pytest.raises(Invalid) as error, desk.house.open() as scope:
        connections.create(scope, backend="local", name="Mine", settings={}, secrets={})
    assert "azure_foundry" in error.value.problems[0].fix


def test_what_another_way_to_sign_in_asks_for_is_not_kept(desk: Desk) -> None:
    made = desk.create({**PRINCIPAL, "credential": "azure_cli"}, secret="ignored-7")
    assert "client_id" not in made.settings
    assert not made.has_secrets


def test_a_secret_left_empty_stays_and_a_new_one_replaces_it(desk: Desk) -> None:
    made = desk.create()
    kept = desk.update(made.id, {**made.settings, "workspace": "triage"}, client_secret="")
    assert desk.secrets(kept) == {"client_secret": CANARY}
    replaced = desk.update(made.id, client_secret="another-one")
    assert replaced.settings == kept.settings
    assert desk.secrets(replaced) == {"client_secret": "another-one"}


@pytest.mark.parametrize(
    "change", [{"tenant_id": OTHER_TENANT}, {"client_id": OTHER_TENANT}, {"cloud": "AzureUSGovernment"}]
)
def test_secrets_are_never_sent_to_whom_they_were_not_typed_for(desk: Desk, change: dict[str, str]) -> None:
    made = desk.create()
    with pytest.raises(Invalid) as error:
        desk.update(made.id, {**made.settings, **change})
    assert pointers(error) == {"/secrets/client_secret": "missing"}
    moved = desk.update(made.id, {**made.settings, **change}, client_secret="typed-anew")
    assert desk.secrets(moved) == {"client_secret": "typed-anew"}


def test_another_way_to_sign_in_forgets_the_secret(desk: Desk) -> None:
    made = desk.create()
    changed = desk.update(made.id, {**made.settings, "credential": "azure_cli"})
    assert not changed.has_secrets
    with pytest.raises(Invalid):
        desk.update(made.id, PRINCIPAL)


def test_a_second_cloud_is_refused_but_the_only_connection_may_change_its_own(desk: Desk) -> None:
    first = desk.create()
    with pytest.raises(Invalid) as error:
        desk.create({**PRINCIPAL, "cloud": "AzureChinaCloud"}, name="Other")
    assert pointers(error) == {"/settings/cloud": "second_cloud"}
    desk.update(first.id, {**PRINCIPAL, "cloud": "AzureChinaCloud"}, client_secret="anew")
    desk.create({**PRINCIPAL, "cloud": "AzureChinaCloud"}, name="Other")


def test_a_wrong_key_is_told_and_typing_the_secret_again_mends_it(desk: Desk) -> None:
    made = desk.create()
    key_file = desk.house.house.backends.vault.key_file
    key_file.write_bytes(Fernet.generate_key())
    with pytest.raises(ProviderFailed, match="cannot be opened") as error:
        desk.house.house.backends.of(made)
    assert "again" in error.value.fix
    with pytest.raises(Invalid):  # nothing of it can be kept, so it is asked for
        desk.update(made.id, made.settings)
    mended = desk.update(made.id, made.settings, client_secret="typed-again")
    assert desk.secrets(mended) == {"client_secret": "typed-again"}


def test_secrets_moved_into_another_row_stay_shut(desk: Desk) -> None:
    first, second = desk.create(), desk.create(name="Second", secret="second-secret")
    with sqlite3.connect(desk.house.folder / "house.sqlite3") as database:
        database.execute("UPDATE connections SET sealed = ? WHERE id = ?", (first.sealed, second.id))
    with desk.house.open() as scope:
        swapped = connections.get(scope, second.id)
    with pytest.raises(ProviderFailed, match="another connection"):
        desk.house.house.backends.of(swapped)


def test_a_key_that_cannot_be_made_is_told_and_nothing_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "vault").write_text("in the way")
    house = TestHouse(tmp_path, kinds=(AzureFoundryKind(clock=SystemClock(), cache=tmp_path),))
    desk = Desk(house, Recording(tmp_path))
    with pytest.raises(Conflict, match="cannot be made"):
        desk.create()
    assert len(desk.everyone()) == 1
    house.database.close()


def test_deleting_forgets_it_unless_something_names_it(desk: Desk) -> None:
    made = desk.create()
    with desk.house.open() as scope:
        connections.delete(scope, made.id)
    with pytest.raises(NotFound), desk.house.open() as scope:
        connections.get(scope, made.id)
    with pytest.raises(Conflict), desk.house.open() as scope:
        connections.delete(scope, REHEARSAL_ID)


def test_a_used_connection_stays_and_the_sentence_counts(desk: Desk) -> None:
    made = desk.create()
    with desk.house.open() as scope:
        job = jobs.create(scope, desk.house.fields())
    with sqlite3.connect(desk.house.folder / "house.sqlite3") as database:
        database.execute("UPDATE jobs SET connection = ? WHERE id = ?", (made.id, job.id))
    with pytest.raises(Conflict, match="1 jobs"), desk.house.open() as scope:
        connections.delete(scope, made.id)


def test_a_change_lifts_a_pause_and_outdates_the_doctor(desk: Desk) -> None:
    made = desk.create()
    with sqlite3.connect(desk.house.folder / "house.sqlite3") as database:
        database.execute("UPDATE connections SET paused_reason = 'no' WHERE id = ?", (made.id,))
    nudges = desk.house.nudges
    changed = desk.update(made.id, {**made.settings, "workspace": "triage"})
    assert changed.paused_reason is None
    assert changed.doctor is None
    assert desk.house.nudges == nudges + 1


def test_no_secret_lies_in_the_database_or_in_the_log(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    made = desk.create()
    desk.secrets(made)
    desk.update(made.id, made.settings, client_secret=f"{CANARY}-second")
    assert CANARY not in caplog.text
    assert CANARY not in repr(desk.everyone())
    for file in desk.house.folder.rglob("*"):
        assert not file.is_file() or CANARY.encode() not in file.read_bytes(), file
