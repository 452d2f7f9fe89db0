"""The browser libraries: fetched by npm against a lock, copied to `static/vendor/`, so that none comes from a CDN."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.setup.commands import explained
from app.setup.npm import fetch, find_npm, is_stamped, swap_in
from app.setup.paths import Paths
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


def is_fresh(paths: Paths, *, tests: bool) -> bool:
    """Whether every file is there and made from the committed lock."""
    return _holds(paths, paths.vendor, SERVED) and (not tests or _holds(paths, paths.test_vendor, FOR_TESTS))


def ensure(paths: Paths, terminal: Terminal, *, tests: bool, hold: Sequence[int] = ()) -> None:
    """Bring the libraries that are served, and with `tests` those that tests use; does nothing where they are fresh.

    Raises SetupError. The web environment must be there: its pip brings Node where there is none.
    """
    if is_fresh(paths, tests=tests):
        return
    paths.scratch.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=paths.scratch, prefix="browser-") as folder:
        scratch = Path(folder)
        npm = find_npm(paths, scratch / "node", terminal, hold)
        terminal.say("Bringing the browser libraries")
        log = paths.scratch / "browser.log"
        with explained("The browser libraries could not be fetched.", log):
            modules = fetch(npm, paths.assets, scratch, log=log, hold=hold)
        _fill(paths, paths.vendor, modules, SERVED, scratch / "vendor")
        if tests:
            _fill(paths, paths.test_vendor, modules, FOR_TESTS, scratch / "test-vendor")


def _fill(paths: Paths, target: Path, modules: Path, files: Mapping[str, tuple[str, ...]], draft: Path) -> None:
    """Make the folder of these files beside its place, and put it there."""
    draft.mkdir()
    for name, sources in files.items():
        (draft / name).write_bytes(b"\n;\n".join((modules / source).read_bytes() for source in sources))
    packages = sorted({_package(source) for sources in files.values() for source in sources})
    licences = "\n\n".join(_licence(modules / package) for package in packages)
    (draft / "LICENCES.txt").write_text(licences, encoding="utf-8")
    swap_in(draft, target, paths.assets)


def _package(source: str) -> str:
    parts = source.split("/")
    return "/".join(parts[:2]) if source.startswith("@") else parts[0]


def _licence(package: Path) -> str:
    """The package's name, version and licence, with the licence's text where the package carries one."""
    about = json.loads((package / "package.json").read_text(encoding="utf-8"))
    head = f"{about['name']} {about['version']}, licence {about.get('license', 'not named')}"
    texts = [path.read_text(encoding="utf-8") for path in sorted(package.glob("LICEN[CS]E*"))]
    return "\n\n".join([head, *texts])


def _holds(paths: Paths, folder: Path, files: Mapping[str, tuple[str, ...]]) -> bool:
    return is_stamped(folder, paths.assets) and all((folder / name).is_file() for name in files)
