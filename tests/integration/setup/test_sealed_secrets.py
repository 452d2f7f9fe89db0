"""Secrets through a start and through a change of the key: what 8b96ff6 sealed, every column, a death in the middle."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from app.domain.actors import OWNER
from app.domain.connections import sealed_for
from app.kit import locks
from app.kit.vault import Vault, VaultClosed, is_current
from app.main import create_app, open_data, rotate_secrets
from app.services import client_keys, deployments, webhooks
from app.settings import Settings
from app.setup.problems import SetupError
from app.store import connections as store
from app.store import sealed
from app.store.columns import metadata
from app.store.database import Database
from tests.support.app_context import TestHouse
from tests.support.connections import REHEARSAL_ID

SECRETS = {"client_secret": "canary-8b96ff6-connection"}


@pytest.fixture(autouse=True)
def same_umask() -> Iterator[None]:
    """A command ends with its process, and takes its umask along; a test does not."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def keyed(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"secret_key_file": tmp_path / "key"})


def filled(settings: Settings) -> None:
    """Seal a connection's secrets, a deployment's key and a webhook's secret in an installation's database."""
    app = create_app(settings)
    vault = app.state.scopes.app_context.backends.vault
    with app.state.scopes.open(OWNER) as scope:
        webhooks.create(scope, name="hook", url="https://hooks.example/")
        made = deployments.create(scope, target={"connection": REHEARSAL_ID, "base_model": "rehearsal:small"})
        client_keys.show(scope, made.id)
        connection = store.get(scope.write, REHEARSAL_ID)
        assert connection is not None
        seal(scope.write, vault.seal(sealed_for(REHEARSAL_ID), SECRETS))
    app.state.scopes.app_context.database.close()


def seal(tx: object, value: str) -> None:
    table = next(table for table, *_ in sealed.COLUMNS if table.name == "connections")
    tx.execute(table.update().where(table.c.id == REHEARSAL_ID).values(sealed=value))  # type: ignore[attr-defined]


def values(settings: Settings) -> dict[str, str]:
    """Every sealed value, by table and row."""
    database = Database(settings.url)
    with database.reading() as tx:
        found = {f"{table.name}/{row}": text for table, _, row, text in sealed.listed(tx)}
    database.close()
    return found


def test_every_sealed_column_is_known_to_whoever_seals_anew() -> None:
    columns = {(table.name, each.key) for table in metadata.tables.values() for each in table.c if "sealed" in each.key}
    assert columns == {(table.name, name) for table, name, _ in sealed.COLUMNS}
    assert len({purpose for *_, purpose in sealed.COLUMNS}) == len(sealed.COLUMNS), "a purpose has one key"


def test_a_new_key_opens_everything_and_the_old_one_nothing(keyed: Settings) -> None:
    filled(keyed)
    before, old = values(keyed), keyed.secret_key_file.read_bytes()
    assert len(before) == 3
    assert rotate_secrets(keyed).startswith("3 secrets are sealed with a new key; 1 old keys are gone")
    after = values(keyed)
    assert set(after) == set(before)
    vault = Vault(keyed.secret_key_file)
    assert vault.open(sealed_for(REHEARSAL_ID), after[f"connections/{REHEARSAL_ID}"]) == SECRETS
    keyed.secret_key_file.write_bytes(old)
    for table, _, purpose in sealed.COLUMNS:
        (name,) = [each for each in after if each.startswith(f"{table.name}/")]
        with pytest.raises(VaultClosed):
            vault.open(f"{name.partition('/')[2]} {purpose}", after[name])


def test_a_death_between_the_new_key_and_the_new_seals_loses_nothing(keyed: Settings) -> None:
    filled(keyed)
    Vault(keyed.secret_key_file).add_key()  # and then the process dies
    vault = Vault(keyed.secret_key_file)
    assert vault.open(sealed_for(REHEARSAL_ID), values(keyed)[f"connections/{REHEARSAL_ID}"]) == SECRETS
    assert "2 old keys are gone" in rotate_secrets(keyed)
    assert len(keyed.secret_key_file.read_text().split()) == 1


def test_a_value_that_no_key_opens_keeps_the_old_keys(keyed: Settings) -> None:
    filled(keyed)
    database = Database(keyed.url)
    with database.writing() as tx:
        seal(tx, Vault(keyed.data_dir.parent / "other").seal(sealed_for(REHEARSAL_ID), SECRETS))
    database.close()
    with pytest.raises(SetupError, match=f"No key opens connections/{REHEARSAL_ID}"):
        rotate_secrets(keyed)
    assert len(keyed.secret_key_file.read_text().split()) == 2


def test_nothing_is_changed_while_a_server_has_the_folder(keyed: Settings) -> None:
    filled(keyed)
    key = keyed.secret_key_file.read_bytes()
    with locks.held(keyed.data_dir / "tunedesk.lock"), pytest.raises(SetupError, match="is using the data folder"):
        rotate_secrets(keyed)
    assert keyed.secret_key_file.read_bytes() == key


def test_without_a_key_file_there_is_nothing_to_change(keyed: Settings) -> None:
    open_data(keyed)
    with pytest.raises(SetupError, match="cannot be read"):
        rotate_secrets(keyed)


def test_what_8b96ff6_sealed_is_sealed_anew_by_a_start(keyed: Settings, caplog: pytest.LogCaptureFixture) -> None:
    filled(keyed)
    content = json.dumps({"owner": REHEARSAL_ID, "secrets": SECRETS}).encode()
    older = Fernet(keyed.secret_key_file.read_bytes().split()[0]).encrypt(content).decode()
    database = Database(keyed.url)
    with database.writing() as tx:
        seal(tx, older)
    database.close()
    create_app(keyed).state.scopes.app_context.database.close()
    now = values(keyed)[f"connections/{REHEARSAL_ID}"]
    assert is_current(now)
    assert Vault(keyed.secret_key_file).open(sealed_for(REHEARSAL_ID), now) == SECRETS
    assert "ERROR" not in caplog.text


def test_a_start_without_the_key_says_so_and_makes_none(keyed: Settings, caplog: pytest.LogCaptureFixture) -> None:
    filled(keyed)
    keyed.secret_key_file.unlink()
    create_app(keyed).state.scopes.app_context.database.close()
    assert f"The key file {keyed.secret_key_file} is not the one that sealed the secrets here" in caplog.text
    assert not keyed.secret_key_file.exists()


def test_no_secret_is_in_what_people_and_programs_are_shown(app_context: TestHouse) -> None:
    with app_context.open() as scope:
        made = webhooks.create(scope, name="hook", url="https://hooks.example/")
        assert made.secret not in repr(webhooks.get(scope, made.webhook.id))
