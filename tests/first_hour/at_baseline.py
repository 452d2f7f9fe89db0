"""Runs this package against a server of the code in which the faults were found, where each test has to fail:

    python -m tests.first_hour.at_baseline                 all of it, in ten minutes of a machine with other work
    python -m tests.first_hour.at_baseline -k test_03      some of it, chosen as pytest does

A test that has never been seen to fail proves little. Each of these names a fault by the number under which it was
found, in code of commit 8b96ff6; there it must fail by its assertion, in a sentence, and not because something that
it asks for does not exist. Prints what each says there; the exit status tells whether all of them do.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.first_hour.house import CODE
from tests.support.older import release

FOLDER = Path(__file__).parent
# Those that are shown by a test. 22 to 28 are matters of looks and words.
NUMBERS = frozenset({*range(1, 22), 29})
NUMBER = re.compile(r"test_(\d\d)[a-z]?_")
_ALL = ("-k", "not numbers")
_BROWSERS = "static/vendor"  # libraries that the set-up brings; of the same versions then and now
_WIDE = 200
_ADDED = re.compile(r"^(?:assert |Call log:|Error:)", re.MULTILINE)


@dataclass
class Seen:
    """What became of each test: its assertion's words where it failed by one, else what came instead."""

    failed: dict[str, str] = field(default_factory=dict)
    otherwise: dict[str, str] = field(default_factory=dict)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note how a test went."""
        report = yield
        name = item.nodeid.rpartition("::")[2]
        if call.excinfo is not None and call.when != "teardown":
            met = f"{call.excinfo.typename}: {call.excinfo.value}"
            by_assertion = call.when == "call" and call.excinfo.errisinstance(AssertionError)
            (self.failed if by_assertion else self.otherwise)[name] = met
        elif call.when == "call":
            self.otherwise[name] = "passes"
        return report


def table(found: Mapping[str, str]) -> str:
    """Return a table in Markdown: number, test, words."""
    rows = [(_number(name), name, _sentence(text)) for name, text in found.items()]
    lines = [f"| {number} | `{name}` | {text} |" for number, name, text in sorted(rows)]
    return "\n".join(["| fault | test | at 8b96ff6 |", "|--:|---|---|", *lines, ""])


def _sentence(met: str) -> str:
    """Return what an assertion says, without what pytest and Playwright add to it."""
    said = _ADDED.split(met.removeprefix("AssertionError: "))[0]
    return " ".join(said.split())[:_WIDE].replace("|", "/")


def _number(name: str) -> int:
    match = NUMBER.match(name)
    assert match is not None, f"{name} names no fault"
    return int(match[1])


def main(chosen: Sequence[str]) -> int:
    """Unpack that code, run, tell."""
    seen = Seen()
    with tempfile.TemporaryDirectory() as folder:
        try:
            code = release.unpacked(Path(folder))
        except pytest.skip.Exception as why:
            sys.stdout.write(f"{why}\n")
            return 1
        if (release.ROOT / _BROWSERS).is_dir():
            shutil.copytree(release.ROOT / _BROWSERS, code / _BROWSERS, dirs_exist_ok=True)
        os.environ[CODE] = str(code)
        quietly = ["-q", "-p", "no:cacheprovider", "-n0", "--tb=no", "--no-summary"]
        pytest.main([*quietly, "-m", "slow or not slow", *(chosen or _ALL), str(FOLDER)], plugins=[seen])
    missing = frozenset() if chosen else NUMBERS - {_number(name) for name in seen.failed}
    sys.stdout.write(f"\n{table(seen.failed)}\n{len(seen.failed)} tests fail by their assertion.\n")
    for name, met in seen.otherwise.items():
        sys.stdout.write(f"{name}: {met[:2000]}\n")
    sys.stdout.write(f"Not shown: {sorted(missing)}\n" if missing else "")
    return 1 if seen.otherwise or missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
