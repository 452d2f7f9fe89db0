"""What stands in the environment is taken as people write it, or refused with one sentence that names the setting."""

import argparse
from pathlib import Path

import pytest

from app.cli import _settings
from app.setup.problems import SetupError


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("/models", ("/models",)),
        ("/models, /more models", ("/models", "/more models")),
        ('["/a,b"]', ("/a,b",)),
        ("[]", ()),
        ("", ()),
    ],
)
def test_a_list_is_json_or_has_commas(monkeypatch: pytest.MonkeyPatch, written: str, read: tuple[str, ...]) -> None:
    for name in ("MODEL_ROOTS", "IMPORT_ROOTS"):
        monkeypatch.setenv(f"TUNEDESK_{name}", written)
    settings = _settings(argparse.Namespace())
    assert settings.model_roots == settings.import_roots == tuple(map(Path, read))


def test_nothing_written_is_an_empty_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEDESK_OIDC_ROLES", "")
    monkeypatch.setenv("TUNEDESK_OIDC_GROUPS", '{"staff": "member of Support"}')
    settings = _settings(argparse.Namespace())
    assert (settings.oidc_roles, settings.oidc_groups) == ({}, {"staff": "member of Support"})


@pytest.mark.parametrize(
    ("name", "written", "said"),
    [
        ("MODEL_ROOTS", '["/models', "is no JSON, from its character 2 on"),
        ("OIDC_ROLES", "admins", "'admins' is no JSON, from its character 1 on"),
        ("OIDC_GROUPS", "[1]", "valid dictionary"),
        ("TRUSTED_PROXIES", "10.0.0.1,nobody", "'nobody' does not appear to be an IPv4 or IPv6 network"),
        ("ALLOWED_HOSTS", "[1]", "valid string"),
        ("PORT", "", "valid integer"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, written: str, said: str
) -> None:
    monkeypatch.setenv(f"TUNEDESK_{name}", written)
    with pytest.raises(SetupError) as refused:
        _settings(argparse.Namespace())
    assert f"(TUNEDESK_{name}) is wrong: " in refused.value.sentence
    assert said in refused.value.sentence
    assert "Value error" not in refused.value.sentence
