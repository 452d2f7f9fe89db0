"""Every benchmark that has a goal, one after the other; the exit code is 1 when any of them misses one.

python3 -m benchmarks.all
"""

import subprocess
import sys

from app.settings import ROOT

NAMES = (
    "validation",
    "rows_page",
    "splits",
    "startup",
    "live_viewers",
    "metrics_path",
    "jobs_page",
    "openai_jobs",
    "engine_tick",
    "training_overhead",
    "preflight",
    "serving",
)


def main() -> int:
    """Run them; returns the exit code."""
    missed = []
    for name in NAMES:
        print(f"\n== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=ROOT, check=False).returncode:
            missed.append(name)
    print(f"\nmissed: {', '.join(missed)}" if missed else "\nevery goal is met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
