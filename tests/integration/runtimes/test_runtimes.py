"""Runtime environments: installed by a process of their own, watched through their files, mended after a kill."""

import os
import signal
from pathlib import Path

import pytest

from app.kit.locks import holder, open_lock, try_lock
from app.runtimes.environments import RuntimeEnvironments, RuntimeState, RuntimeStatus, append
from app.runtimes.installer import Installation, install
from app.runtimes.torch_build import Machine
from app.setup.problems import SetupError
from tests.support.checkout import Checkout, closed_address, make_checkout, write_wheel

NO_GPU, GPU, MAC = Machine("Linux", nvidia=False), Machine("Linux", nvidia=True), Machine("Darwin", nvidia=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return make_checkout(tmp_path)


@pytest.fixture
def environments(checkout: Checkout) -> RuntimeEnvironments:
    return on(checkout)


def on(checkout: Checkout, **environ: str) -> RuntimeEnvironments:
    root = checkout.root / ".runtimes"
    return RuntimeEnvironments(root, paths=checkout.paths, environ={**checkout.environ, **environ})


@pytest.fixture
def pip_of(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process's own pip settings, for installations that run inside the test."""
    for name, value in checkout.environ.items():
        monkeypatch.setenv(name, value)


def settle(environments: RuntimeEnvironments) -> RuntimeState:
    return environments.wait("trl", watch=lambda _: None)


def install_here(environments: RuntimeEnvironments, machine: Machine, *, allow_cuda: bool = False) -> RuntimeState:
    """The installer's work, in this process, as if on that machine."""
    home = environments.home("trl")
    lock = open_lock(home / "install.lock")
    try:
        assert try_lock(lock)
        install(Installation("trl", home, environments.lock_file("trl"), lock), machine, allow_cuda=allow_cuda)
    finally:
        os.close(lock)
    return environments.state("trl")


def packages(state: RuntimeState) -> set[str]:
    assert state.python is not None
    site = next((state.python.parents[1] / "lib").glob("python3*/site-packages"))
    return {path.name.removesuffix(".dist-info") for path in site.glob("*.dist-info")}


def test_installs_in_the_background_and_says_how_it_goes(environments: RuntimeEnvironments) -> None:
    assert environments.state("trl").status is RuntimeStatus.ABSENT
    begun = environments.start("trl")
    assert begun.status is RuntimeStatus.INSTALLING
    joined = environments.start("trl")
    assert joined.status is RuntimeStatus.INSTALLING
    state = settle(environments)
    assert state.status is RuntimeStatus.READY, environments.log("trl", 50)
    assert state.progress == 1.0
    assert state.message.startswith("Ready: torch 2.13.0")
    assert state.size_bytes is not None
    assert state.size_bytes > 1_000_000
    assert state.python is not None
    assert os.access(state.python, os.X_OK)
    said = environments.log("trl", 500)
    assert said.count("Making the environment") == 1, "the second start joined the first"
    assert environments.start("trl") == state, "nothing is left to do"
    environments.remove("trl")
    assert environments.state("trl").status is RuntimeStatus.ABSENT
    assert list((environments.home("trl").parent).iterdir()) == []


@pytest.mark.usefixtures("pip_of")
def test_linux_without_a_gpu_gets_the_cpu_build_and_no_cuda(environments: RuntimeEnvironments) -> None:
    state = install_here(environments, NO_GPU)
    assert state.status is RuntimeStatus.READY, environments.log("trl", 50)
    assert "torch-2.13.0+cpu" in packages(state)
    assert "nvidia_tiny-1.0" not in packages(state)


@pytest.mark.slow
@pytest.mark.usefixtures("pip_of")
def test_without_a_cpu_build_it_says_the_size_and_asks(checkout: Checkout, environments: RuntimeEnvironments) -> None:
    next(checkout.wheels.glob("torch-*+cpu-*")).unlink()
    state = install_here(environments, NO_GPU)
    assert state.status is RuntimeStatus.NEEDS_CONSENT
    assert "a download of 2.7 GB" in state.message
    state = install_here(environments, NO_GPU, allow_cuda=True)
    assert {"torch-2.13.0", "nvidia_tiny-1.0"} <= packages(state)


@pytest.mark.slow
@pytest.mark.usefixtures("pip_of")
@pytest.mark.parametrize(("machine", "cuda"), [(GPU, True), (MAC, False)])
def test_others_get_the_plain_build_even_where_a_cpu_build_lies_nearer(
    environments: RuntimeEnvironments, machine: Machine, *, cuda: bool
) -> None:
    found = packages(install_here(environments, machine))
    assert "torch-2.13.0" in found
    assert ("nvidia_tiny-1.0" in found) is cuda


@pytest.mark.slow
def test_no_network_is_a_failure(checkout: Checkout) -> None:
    cut_off = on(checkout, PIP_NO_INDEX="0", PIP_INDEX_URL=closed_address(), PIP_FIND_LINKS="")
    cut_off.start("trl")
    state = settle(cut_off)
    assert state.status is RuntimeStatus.FAILED
    assert state.message.startswith("torch could not be installed. The package index cannot be reached.")
    assert state.log_tail, "pip's own words are kept"


@pytest.mark.slow
def test_packages_that_do_not_load_are_a_failure(checkout: Checkout) -> None:
    broken = write_wheel(checkout.wheels, "trl", "1.0", body="raise ImportError('No module named rich')")
    lock = checkout.paths.locks / "trl.txt"
    text = lock.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = "".join(
        line for at, line in enumerate(text) if not (line.startswith("trl==") or text[at - 1].startswith("trl=="))
    )
    checkout.lock("trl", [broken])
    lock.write_text(kept + lock.read_text(encoding="utf-8"), encoding="utf-8")
    environments = on(checkout)
    environments.start("trl")
    state = settle(environments)
    assert state.status is RuntimeStatus.FAILED
    assert state.message.startswith("The packages are installed but do not load. ImportError: No module named rich")


@pytest.mark.slow
def test_a_killed_installer_is_noticed_and_started_anew(environments: RuntimeEnvironments) -> None:
    environments.start("trl")
    home = environments.home("trl")
    while not (home / "env" / "bin" / "python").exists():
        assert environments.state("trl").status is RuntimeStatus.INSTALLING
    installer = holder(home / "install.lock")
    assert installer is not None
    os.killpg(installer, signal.SIGKILL)
    state = settle(environments)
    assert state.status is RuntimeStatus.FAILED
    assert state.message == "The installation was interrupted. Start it again."
    environments.start("trl")
    assert settle(environments).status is RuntimeStatus.READY


@pytest.mark.slow
def test_removing_stops_an_installation(environments: RuntimeEnvironments) -> None:
    environments.start("trl")
    environments.remove("trl")
    assert environments.state("trl").status is RuntimeStatus.ABSENT


def test_a_name_that_is_none(environments: RuntimeEnvironments) -> None:
    with pytest.raises(SetupError, match="There is no runtime environment 'unsloth'"):
        environments.state("unsloth")


def test_a_line_cut_short_is_left_out(environments: RuntimeEnvironments) -> None:
    home = environments.home("trl")
    home.mkdir(parents=True)
    append(home, status=RuntimeStatus.FAILED, progress=0.4, message="It broke.")
    with (home / "install.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"t": 1, "kind": "sta')
    state = environments.state("trl")
    assert (state.status, state.progress, state.message) == (RuntimeStatus.FAILED, 0.4, "It broke.")


def test_a_folder_that_cannot_be_written(checkout: Checkout) -> None:
    blocked = checkout.root / "blocked"
    blocked.touch()
    environments = RuntimeEnvironments(blocked, paths=checkout.paths, environ=checkout.environ)
    with pytest.raises(SetupError, match="TUNEDESK_RUNTIMES_DIR"):
        environments.start("trl")


def test_an_interpreter_that_somebody_named_is_ready_and_installs_nothing(tmp_path: Path) -> None:
    python = tmp_path / "own" / "bin" / "python"
    environments = RuntimeEnvironments(tmp_path / "runtimes", named={"trl": python})
    state = environments.start("trl")
    assert state.status is RuntimeStatus.READY
    assert state.python == python
    assert str(python) in state.message
    assert not (tmp_path / "runtimes").exists()
