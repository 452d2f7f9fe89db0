"""Holds an installation's answers against its own OpenAPI document, so that two versions can be compared:

    python -m tests.campaigns.contract --checkout FOLDER   a server of that checkout, on a data folder of its own
    python -m tests.campaigns.contract --url URL           an installation that is there, with its rehearsal

Prints every kind of valid request that was refused, with its count, and every other broken rule. The figures of
docs/rest.md were made so.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.campaigns.servers import SERVE
from tests.support.contract import SEED, Report, furnish, run

# A server asks nobody outside: what it would send there ends at a port on which nobody listens.
_NOWHERE = "http://127.0.0.1:9"
_QUICK = {"queue_s": 0.1, "train_s": 0.5, "deploy_s": 0.1, "undeploy_s": 0.1, "evaluate_s": 0.1, "look_s": 0.1}


@contextmanager
def served(checkout: Path, folder: Path) -> Iterator[str]:
    """Have a server of `checkout` with the rehearsal, on an empty folder; give its address."""
    script = folder / "script.json"
    script.write_text(json.dumps(_QUICK), encoding="utf-8")
    settings = {
        "DATA_DIR": str(folder / "data"),
        "DISK_RESERVE_MB": "0",
        "ENGINE_INTERVAL_S": "0.1",
        "LOG_LEVEL": "warning",
        "PORT": "0",
        "REHEARSAL": "true",
        "REHEARSAL_SCRIPT": str(script),
        "RUNTIMES_DIR": str(folder / "runtimes"),
        "RUNTIME_AUTOINSTALL": "false",
        "RUNTIME_PYTHON": sys.executable,
        "SECRET_KEY_FILE": str(folder / "key"),
    }
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(checkout)}
    environment |= {f"TUNEDESK_{name}": value for name, value in settings.items()}
    environment |= {"HTTP_PROXY": _NOWHERE, "HTTPS_PROXY": _NOWHERE, "NO_PROXY": "127.0.0.1,localhost"}
    command = [sys.executable, "-c", SERVE]
    with subprocess.Popen(command, cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().partition(" is at ")[2].partition("/  ")[0]
        finally:
            process.terminate()


def summary(report: Report) -> str:
    """Return what a run found, line by line."""
    in_order = {kind: count for kind, count in report.refused.items() if kind.in_order}
    lines = [
        f"{report.cases} requests",
        f"{sum(report.kinds.values())} valid ones refused in {len(report.kinds)} kinds",
        *(f"{count:6} {each.operation} {each.status}: {', '.join(each.said)}" for each, count in report.kinds.items()),
        f"{sum(in_order.values())} more in {len(in_order)} kinds, for what is stored or offered there",
        f"{sum(report.wrong.values())} other broken rules in {len(report.wrong)} kinds",
        *(f"{count:6} {name}" for name, count in sorted(report.wrong.items())),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run once; return 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--checkout", type=Path)
    where.add_argument("--url")
    parser.add_argument("--examples", type=int, default=11, help="requests of chance for each operation")
    parser.add_argument("--seed", type=int, default=SEED)
    chosen = parser.parse_args(arguments)
    if chosen.url:
        report = run(chosen.url, furnish(chosen.url), examples=chosen.examples, seed=chosen.seed)
    else:
        with tempfile.TemporaryDirectory() as folder, served(chosen.checkout.resolve(), Path(folder)) as url:
            report = run(url, furnish(url), examples=chosen.examples, seed=chosen.seed)
    sys.stdout.write(summary(report))
    return 1 if report.kinds or report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
