"""The command line: what `python3 -m app` understands, and which part of the house each command calls.

Nothing outside the standard library is imported before the web environment stands, so that `--help`, `doctor` and
`runtime` work where nothing else does.
"""

import argparse
import gc
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.domain.errors import DomainError
from app.runtimes.environments import RUNTIMES, RuntimeEnvironments, RuntimeState, RuntimeStatus
from app.setup import bootstrap
from app.setup.paths import Paths, data_root, runtimes_root
from app.setup.problems import SetupError, explain_os
from app.setup.terminal import Terminal

if TYPE_CHECKING:
    from app.settings import Settings

Command = Callable[[argparse.Namespace, Paths], int]
_PASSES_ARGUMENTS_ON = {"test", "demo"}
_HELPS_ITSELF = {"demo"}  # it knows its own options
_USAGE = 2
_TEST_WORKERS = 4  # each may have a browser, a server and a training of its own: about 1.5 GB
_TEST_RUNTIME = "TUNEDESK_TEST_RUNTIME_PYTHON"  # the interpreter that tests train with


def main(arguments: Sequence[str], *, set_up: bool = True) -> int:
    """Do what the arguments say; returns the exit code: 0 done, 1 failed, 2 asked wrongly.

    Without `set_up` this process's own environment is used, whatever it is.
    """
    asked = read(arguments)
    paths = Paths.here()
    try:
        if set_up and asked.needs_environment:
            bootstrap.ensure(paths, Terminal(), tests=asked.command == "test")
            if not bootstrap.in_environment(paths):
                bootstrap.enter_environment(paths, arguments)
        run: Command = asked.run
        return run(asked, paths)
    except SetupError as error:
        return _failed(error)
    except DomainError as error:
        return _failed(SetupError(error.message, error.fix))
    except OSError as error:
        return _failed(explain_os("TuneDesk cannot go on.", error))
    except KeyboardInterrupt:
        print("\nStopped. The same command starts again.", file=sys.stderr)
        return 128 + signal.SIGINT


def _failed(error: SetupError) -> int:
    print(f"{error.sentence} {error.remedy}", file=sys.stderr)
    return error.code


def read(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments, understood; `serve` where no command is named. Ends the process with code 2 where they make no
    sense.
    """
    names_command = bool(arguments) and (not arguments[0].startswith("-") or arguments[0] in {"-h", "--help"})
    top = parser()
    asked, further = top.parse_known_args(arguments if names_command else ["serve", *arguments])
    if further and asked.command not in _PASSES_ARGUMENTS_ON:
        top.error(f"{asked.command} does not know {' '.join(further)}; see: python3 -m app {asked.command} --help")
    asked.further = further
    return asked


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(
        prog="python3 -m app", description="TuneDesk: fine-tune language models from a web page.", allow_abbrev=False
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Command, about: str, *, needs_environment: bool = True) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name, help=about, description=about, allow_abbrev=False, add_help=name not in _HELPS_ITSELF
        )
        command.set_defaults(run=run, needs_environment=needs_environment)
        return command

    serve = add("serve", _serve, "Set up where needed, then serve the pages (what happens without a command).")
    serve.add_argument("--host", help="address to listen on; loopback only unless there are accounts (127.0.0.1)")
    serve.add_argument("--port", type=_port, help="port to listen on (8000)")
    serve.add_argument(
        "--insecure-http", action="store_true", default=None, help="serve beyond loopback without TLS all the same"
    )
    _add_data_dir(serve)
    _add_accounts(add("accounts", _accounts, "Who may come in: switch accounts on or off, give out one-time codes."))
    test = add("test", _test, "Run the tests; arguments that are not named here go to pytest.")
    test.add_argument("--all", action="store_true", help="slow tests and campaigns too")
    _add_data_dir(add("migrate", _migrate, "Bring the database to this version."))
    audit = add("audit", _audit, "Who did what: see whether the record of it is whole.")
    audit.add_argument("action", choices=["verify"])
    audit.add_argument("--head", metavar="HASH", help="the newest hash of an earlier look, which must still be there")
    _add_data_dir(audit)
    secrets = add("secrets", _secrets, "The key that seals secrets: seal everything with a new one.")
    secrets.add_argument("action", choices=["rotate"])
    _add_data_dir(secrets)
    add("demo", _demo, "The whole main job in the terminal, in a temporary data folder.")
    add("setup", _setup, "Do all set-up and stop: for container images and machines that will be offline.")
    doctor = add("doctor", _doctor, "Look at everything TuneDesk stands on.", needs_environment=False)
    doctor.add_argument("--port", type=_port, default=8000, help="port to look at (8000)")
    _add_data_dir(doctor)
    runtime = add("runtime", _runtime, "The environments that training runs in.", needs_environment=False)
    runtime.add_argument("action", choices=["install", "list", "remove"])
    runtime.add_argument("name", nargs="?", default=RUNTIMES[0], help=f"which one ({RUNTIMES[0]})")
    runtime.add_argument(
        "--allow-cuda", action="store_true", help="take the CUDA build where no CPU build is to be had"
    )
    return top


def _add_accounts(command: argparse.ArgumentParser) -> None:
    command.add_argument("action", choices=["on", "off", "code"])
    command.add_argument("--admin", metavar="NAME", help="on: who is to administer the installation")
    command.add_argument("--project", default="First project", help="on: what gets all that is in no project yet")
    command.add_argument("--name", help="code: who needs a new password")
    _add_data_dir(command)


def _add_data_dir(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data-dir", type=Path, help="folder of database, files and runs (./data)")


def _port(text: str) -> int:
    highest = 65535
    if not text.isdecimal() or int(text) > highest:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 to {highest}")
    return int(text)


def _settings(asked: argparse.Namespace) -> "Settings":
    """The settings, with what the command line says above what the environment says."""
    from pydantic import ValidationError

    from app.settings import Settings

    given = {name: getattr(asked, name, None) for name in ("host", "port", "data_dir", "insecure_http")}
    named: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(**named)
    except ValidationError as error:
        first = error.errors()[0]
        name, said = str(first["loc"][0]), str(first["msg"]).removeprefix("Value error, ")
        raise SetupError(
            f"The setting {name} (TUNEDESK_{name.upper()}) is wrong: {said}.",
            "Fix it, then start again.",
            code=_USAGE,
        ) from None


def _serve(asked: argparse.Namespace, _paths: Paths) -> int:
    gc.disable()  # what a start loads stays: looking for garbage in it costs a tenth of the start; on again in `serve`
    import app.main

    settings = _settings(asked)
    _check_port(settings.host, settings.port)
    app.main.serve(settings)
    return 0


def _check_port(host: str, port: int) -> None:
    """Raise SetupError where another program listens already; the server itself would say so less kindly, and later."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            remedy = f"Stop the program that has it, or take another port: python3 -m app serve --port {port + 1}"
            raise SetupError(f"Port {port} on {host} cannot be used: {error.strerror or error}.", remedy) from None


def _migrate(asked: argparse.Namespace, _paths: Paths) -> int:
    import app.main

    app.main.migrate(_settings(asked))
    return 0


def _audit(asked: argparse.Namespace, _paths: Paths) -> int:
    import app.main

    whole, said = app.main.verify_audit(_settings(asked), asked.head or "")
    print(said)
    return 0 if whole else 1


def _secrets(asked: argparse.Namespace, _paths: Paths) -> int:
    import app.main

    print(app.main.rotate_secrets(_settings(asked)))
    return 0


def _accounts(asked: argparse.Namespace, _paths: Paths) -> int:
    import app.people_command

    settings = _settings(asked)
    if asked.action == "off":
        app.people_command.switch_off(settings, tell=print)
    elif asked.action == "code":
        name = _named(asked.name, "whose it is", "accounts code --name NAME")
        app.people_command.make_code(settings, name=name, tell=print)
    else:
        admin = _named(asked.admin, "who administers the installation", "accounts on --admin NAME")
        app.people_command.switch_on(settings, administrator=admin, project=asked.project, tell=print)
    return 0


def _named(given: str | None, what: str, how: str) -> str:
    if not given:
        raise SetupError(f"It is not said {what}.", f"Say: python3 -m app {how}", code=_USAGE)
    return given


def _demo(asked: argparse.Namespace, _paths: Paths) -> int:
    import app.demo

    return app.demo.run(asked.further)


def _setup(_asked: argparse.Namespace, paths: Paths) -> int:
    """Also compile ahead: an image's user may not write beside the sources, and would compile at every start."""
    compiler = [sys.executable, "-W", "ignore", "-m", "compileall", "-qq", "-j", "0"]
    subprocess.run([*compiler, str(paths.venv), str(paths.root / "app")], check=False)
    print("Everything is set up. Start with: python3 -m app")
    return 0


def _test(asked: argparse.Namespace, paths: Paths) -> int:
    """Run pytest over everything not marked slow, campaign or named; with `--all` over all but the last.

    A plain run first makes the training runtime, for the tests that train, and names its interpreter to them; a run of
    chosen tests takes the one that is there, and those that train say so when there is none. A plain run also uses
    several cores, a file of tests each: what a file's tests share is made once.
    """
    environ = dict(os.environ)
    if _TEST_RUNTIME not in environ and (asked.all or not asked.further):
        state = _install(_environments(paths), RUNTIMES[0], allow_cuda=False)
        environ[_TEST_RUNTIME] = str(state.python)
    selection = ["-m", "not named"] if asked.all else []
    # Two more than there are cores: many tests wait for processes of their own.
    workers = min(_TEST_WORKERS, (os.cpu_count() or 1) + 2)
    if not asked.further:
        selection += ["-n", str(workers), "--dist", "loadscope", "--no-loadscope-reorder", "--max-worker-restart", "0"]
        selection += ["--durations", "30"]  # what takes long is seen, and may move to the long form
    command = [sys.executable, "-m", "pytest", *selection, *asked.further]
    return subprocess.run(command, cwd=paths.root, env=environ, check=False).returncode


def _doctor(asked: argparse.Namespace, paths: Paths) -> int:
    from app.doctor import report

    data_dir = asked.data_dir.absolute() if asked.data_dir else data_root(paths.root)
    return report(paths, data_dir, runtimes_root(paths.root), asked.port)


def _runtime(asked: argparse.Namespace, paths: Paths) -> int:
    environments = _environments(paths)
    if asked.action == "list":
        for name in RUNTIMES:
            print(_describe(environments.state(name)))
    elif asked.action == "remove":
        environments.remove(asked.name)
        print(f"{asked.name} is removed.")
    else:
        print(_describe(_install(environments, asked.name, allow_cuda=asked.allow_cuda)))
    return 0


def _environments(paths: Paths) -> RuntimeEnvironments:
    return RuntimeEnvironments(runtimes_root(paths.root), paths=paths)


def _install(environments: RuntimeEnvironments, name: str, *, allow_cuda: bool) -> RuntimeState:
    """Install a runtime environment, or join whoever does, with a bar; raises SetupError when that fails."""
    state = environments.start(name, allow_cuda=allow_cuda)
    if state.status is RuntimeStatus.READY:
        return state
    terminal = Terminal()
    terminal.say(f"Making the training runtime {name}: some minutes, once")
    state = environments.wait(name, watch=lambda state: terminal.bar(state.progress, state.message))
    if state.status is RuntimeStatus.NEEDS_CONSENT:
        raise SetupError(state.message, f"To take it: python3 -m app runtime install {name} --allow-cuda")
    if state.status is not RuntimeStatus.READY:
        raise SetupError(
            f"The training runtime {name} is not there: {state.message}",
            f"Try again: python3 -m app runtime install {name}",
        )
    return state


def _describe(state: RuntimeState) -> str:
    size = f", {state.size_bytes / 1000**3:.1f} GB" if state.size_bytes else ""
    return f"{state.name}: {state.status.value}{size}. {state.message}"
