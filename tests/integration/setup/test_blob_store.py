"""Azurite is brought for the tests alone, from its own lock; what hinders it is told and stops nothing."""

from pathlib import Path

import pytest

from app.setup import blob_store
from app.setup.terminal import Terminal
from tests.support.checkout import Checkout, make_checkout, write_npm


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A checkout that is not set up, with its npm on the PATH."""
    made = make_checkout(tmp_path)
    monkeypatch.setenv("PATH", made.environ["PATH"])
    return made


def test_it_is_brought_once(checkout: Checkout) -> None:
    terminal = Terminal()
    blob_store.ensure(checkout.paths, terminal)
    assert (checkout.paths.blob_store / "node_modules" / "htmx.org").is_dir(), "what the stand-in for npm brings"
    assert not (checkout.paths.blob_store / "node").exists(), "the Node of the PATH is not copied"
    assert blob_store.is_fresh(checkout.paths)
    write_npm(checkout, failing_with="npm must not be asked again")
    blob_store.ensure(checkout.paths, terminal)
    assert blob_store.is_fresh(checkout.paths)


def test_a_changed_lock_brings_it_again(checkout: Checkout) -> None:
    blob_store.ensure(checkout.paths, Terminal())
    lock = checkout.paths.assets / "azurite" / "package-lock.json"
    lock.write_text(lock.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert not blob_store.is_fresh(checkout.paths)


def test_a_network_that_is_out_of_reach_is_reported(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    write_npm(checkout, failing_with="npm error code ECONNREFUSED")
    blob_store.ensure(checkout.paths, Terminal())
    said = capsys.readouterr().err
    assert "Azurite could not be fetched. The package index cannot be reached." in said
    assert "will be skipped" in said
    assert not checkout.paths.blob_store.exists()
