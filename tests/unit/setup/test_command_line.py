"""What the command line understands, and that image and CI use nothing it does not."""

import re
import shlex
from pathlib import Path

import pytest

from app.cli import read
from app.setup.bootstrap import compiling_once

ROOT = Path(__file__).resolve().parents[3]


def commands_in(path: str) -> list[list[str]]:
    """The arguments of each `python3 -m app …` that a file runs, whether written as words or as a JSON list."""
    text = (ROOT / path).read_text(encoding="utf-8")
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    words = [shlex.split(match) for match in re.findall(r"python3 -m app\b([^\n|&;\\]*)", code)]
    lists = [re.findall(r'"([^"]+)"', match) for match in re.findall(r'"python3", "-m", "app"([^\]]*)\]', code)]
    return words + lists


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ([], "serve"),
        (["--port", "8123"], "serve"),
        (["serve", "--host", "127.0.0.1", "--data-dir", "somewhere"], "serve"),
        (["test", "tests/unit", "-k", "locks", "-x"], "test"),
        (["doctor"], "doctor"),
        (["runtime", "install", "trl", "--allow-cuda"], "runtime"),
        (["demo"], "demo"),
    ],
)
def test_a_command_is_understood(arguments: list[str], command: str) -> None:
    assert read(arguments).command == command


def test_what_pytest_understands_is_passed_on() -> None:
    asked = read(["test", "--all", "tests/unit", "-k", "locks", "-x"])
    assert asked.all
    assert asked.further == ["tests/unit", "-k", "locks", "-x"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serv"], "invalid choice: 'serv'"),
        (["serve", "--prot", "1"], "serve does not know --prot 1"),
        (["--port", "http"], "'http' is no port: give a number from 0 to 65535"),
        (["serve", "--port", "70000"], "'70000' is no port"),
        (["serve", "--port", "-1"], "port"),
        (["runtime", "instal"], "invalid choice: 'instal'"),
        (["runtime"], "the following arguments are required: action"),
    ],
)
def test_nonsense_ends_with_a_sentence_and_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        read(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_the_image_is_made_by_commands_that_exist() -> None:
    commands = commands_in("Dockerfile")
    assert [read(arguments).command for arguments in commands] == ["setup", "setup", "serve"]


def test_the_image_serves_loopback_as_nobody_special() -> None:
    image, compose = ((ROOT / name).read_text(encoding="utf-8") for name in ("Dockerfile", "compose.yaml"))
    assert not re.search(r"^\s*EXPOSE", image, re.MULTILINE)
    assert re.findall(r'^ *- "\d+:(\d+)"', compose, re.MULTILINE) == ["80", "443"]  # the proxy's, in the same network
    assert re.search(r"^USER (?!root)\w+", image, re.MULTILINE)
    assert "HEALTHCHECK" in image


def test_continuous_integration_runs_the_one_test_command() -> None:
    assert commands_in(".ci/run") == [["test"]]


def test_compiled_files_are_kept_out_of_the_checkout_where_they_are_not_wanted_there() -> None:
    aside = Path("/somewhere/.setup")
    assert compiling_once({"HOME": "/root"}, aside) == {"HOME": "/root"}
    kept = {"PYTHONPYCACHEPREFIX": "/somewhere/.setup/compiled"}
    assert compiling_once({"PYTHONDONTWRITEBYTECODE": "1"}, aside) == kept
    own = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": "/elsewhere"}
    assert compiling_once(own, aside) == {"PYTHONPYCACHEPREFIX": "/elsewhere"}
