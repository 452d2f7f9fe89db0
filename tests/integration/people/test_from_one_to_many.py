"""The command that switches accounts on, what a start refuses afterwards, and the data that were there before."""

from pathlib import Path
from typing import Any

import pytest

from app import cli, main, people_command
from app.domain.actors import OWNER
from app.kit import locks
from app.services import datasets, projects
from app.settings import Settings
from app.setup.problems import SetupError
from tests.support.asgi import ask
from tests.support.door import PEER


@pytest.fixture
def said() -> list[str]:
    return []


def upload(settings: Settings) -> str:
    """Bring a dataset that belongs to no project."""
    app = main.create_app(settings)
    content = b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n'
    with app.state.scopes.open(OWNER) as scope:
        made = datasets.upload(scope, name="old", filename="old.jsonl", chunks=[content]).id
    app.state.scopes.app_context.database.close()
    return made


def test_what_was_there_is_the_first_projects_and_everybody_must_sign_in(settings: Settings, said: list[str]) -> None:
    dataset = upload(settings)
    assert ask(main.create_app(settings), target="/api/v1/datasets", peer=PEER).status == 200
    for _ in range(2):
        people_command.switch_on(settings, administrator="root", project="Everything", tell=said.append)
    assert "1 thing that" in said[0]
    assert "0 things that" in said[4]
    codes = [line.rsplit(" ", 1)[1] for line in said if line.startswith("One-time code")]
    assert len(set(codes)) == 2
    app = main.create_app(settings)
    assert ask(app, target="/api/v1/datasets", peer=PEER).status == 401
    with app.state.scopes.open(OWNER) as scope:
        home = datasets.get(scope, dataset).project
        assert home is not None
        assert projects.get(scope, home).name == "Everything"


def test_it_can_be_switched_off_again(settings: Settings, said: list[str]) -> None:
    people_command.switch_on(settings, administrator="root", project="Everything", tell=said.append)
    people_command.switch_off(settings, tell=said.append)
    assert ask(main.create_app(settings), target="/api/v1/datasets", peer=PEER).status == 200


def test_a_running_server_is_not_changed_under_its_hands(settings: Settings, said: list[str]) -> None:
    main.create_app(settings).state.scopes.app_context.database.close()
    with locks.held(settings.data_dir / "tunedesk.lock"), pytest.raises(SetupError, match="is using the data folder"):
        people_command.switch_on(settings, administrator="root", project="Everything", tell=said.append)
    with locks.held(settings.data_dir / "tunedesk.lock"), pytest.raises(Exception, match="no person"):
        people_command.make_code(settings, name="nobody", tell=said.append)


@pytest.mark.parametrize(
    ("accounts", "changes", "why"),
    [
        (False, {}, "it has no accounts"),
        (False, {"allowed_hosts": ("td.example",), "insecure_http": True}, "it has no accounts"),
        (True, {}, "under which names"),
        (True, {"insecure_http": True}, "under which names"),
        (True, {"allowed_hosts": ("td.example",)}, "without TLS"),
    ],
)
def test_nothing_is_served_beyond_loopback_by_half(
    settings: Settings, said: list[str], accounts: bool, changes: dict[str, Any], why: str
) -> None:
    if accounts:
        people_command.switch_on(settings, administrator="root", project="Everything", tell=said.append)
    with pytest.raises(SetupError, match=why):
        main.serve(settings.model_copy(update={"host": "0.0.0.0", **changes}))  # noqa: S104 -- refused


def test_the_command_says_what_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ["--data-dir", str(tmp_path / "data")]
    assert cli.main(["accounts", "on", *folder], set_up=False) == 2
    assert "accounts on --admin NAME" in capsys.readouterr().err
    assert cli.main(["accounts", "on", "--admin", "a b", *folder], set_up=False) == 1
    assert "cannot be the name of an account" in capsys.readouterr().err
    assert cli.main(["accounts", "on", "--admin", "ada", *folder], set_up=False) == 0
    assert "One-time code for ada" in capsys.readouterr().out
