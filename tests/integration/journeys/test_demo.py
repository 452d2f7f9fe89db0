"""The demo, whole: it ends well, says what came out, and leaves nothing behind."""

import tempfile
from pathlib import Path

import pytest

from app import demo


@pytest.mark.training
@pytest.mark.slow
def test_the_demo_ends_well_and_leaves_nothing(
    interpreter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNEDESK_RUNTIME_PYTHON", str(interpreter))
    monkeypatch.setenv("TUNEDESK_DISK_RESERVE_MB", "0")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert demo.run(["--epochs", "1", "--seed", "1"]) == 0
    said = capsys.readouterr()
    assert "accuracy, forced to choose" in said.out
    assert "10 of 10 test messages through the deployment were answered word for word" in " ".join(said.out.split())
    assert "Removed: deployment support-triage, then model support-triage" in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_request_that_the_product_refuses_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNEDESK_RUNTIME_PYTHON", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert demo.run(["--epochs", "1000"]) == 1
    assert "Epochs is out of range: 1000 Enter a number from 1 to 100." in capsys.readouterr().err.replace(". ", " ")
    assert list(tmp_path.iterdir()) == []
