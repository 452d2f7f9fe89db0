"""Which build of torch a machine gets, and what pip is asked for."""

from pathlib import Path

import pytest

from app.runtimes.torch_build import (
    CPU_INDEX,
    Build,
    Machine,
    brings_cuda,
    build_for,
    consent_question,
    install_command,
    is_missing,
)
from app.setup.requirements import Locked

TORCH = Locked("torch", "2.13.0", "torch==2.13.0 \\\n    --hash=sha256:00")
PYTHON = Path("python")


@pytest.mark.parametrize(
    ("machine", "build", "cuda"),
    [
        (Machine("Linux", nvidia=False), Build.CPU, False),
        (Machine("Linux", nvidia=True), Build.PLAIN, True),
        (Machine("Darwin", nvidia=False), Build.PLAIN, False),
    ],
)
def test_a_machine_gets_its_build(machine: Machine, build: Build, *, cuda: bool) -> None:
    assert build_for(machine) is build
    assert brings_cuda(machine, build_for(machine)) is cuda


def test_linux_without_a_gpu_asks_for_the_cpu_build(tmp_path: Path) -> None:
    command = install_command(PYTHON, TORCH, build_for(Machine("Linux", nvidia=False)), tmp_path)
    assert command[-1] == "torch==2.13.0+cpu"
    assert command[command.index("--extra-index-url") + 1] == CPU_INDEX
    assert "--no-deps" in command, "else pip would bring what the CPU build does not need"
    assert command[command.index("--timeout") + 1] == "10", "an index out of reach costs seconds"


@pytest.mark.parametrize("machine", [Machine("Linux", nvidia=True), Machine("Darwin", nvidia=False)])
def test_others_ask_for_the_locked_wheel(machine: Machine, tmp_path: Path) -> None:
    command = install_command(PYTHON, TORCH, build_for(machine), tmp_path)
    assert not [argument for argument in command if "+cpu" in argument or CPU_INDEX in argument]
    assert command[-2:] == ["--requirement", str(tmp_path / "torch.txt")]
    assert (tmp_path / "torch.txt").read_text(encoding="utf-8").startswith("torch===2.13.0 \\\n    --hash=sha256:")
    assert "--require-hashes" in command


@pytest.mark.parametrize(("versions", "missing"), [("2.12.0, 2.13.0, 2.14.0", True), ("none", False), ("", False)])
def test_no_answer_is_the_networks_fault_not_a_missing_build(versions: str, *, missing: bool) -> None:
    said = (
        f"ERROR: Could not find a version that satisfies the requirement torch==2.13.0+cpu (from versions: {versions})"
    )
    assert is_missing(said) is missing


def test_the_question_says_how_much_it_is() -> None:
    assert "2.7 GB" in consent_question()
    assert "5.4 GB of disk" in consent_question()
