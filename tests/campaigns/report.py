"""The whole campaign, and its report in docs/reliability.md: `python -m tests.campaigns.report --kills 1000 --each 20`.

The report stands between two marks in the document; everything around them is left alone.
"""

import argparse
import platform
import secrets
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path

from app.kit.crash_points import CrashPoint
from tests.campaigns.campaign import Campaign, Outcome, Plan
from tests.support.rehearsed import ROOT

BEGIN, END = "<!-- campaign -->", "<!-- end of campaign -->"


def report(outcome: Outcome) -> str:
    """Return the report as Markdown."""
    return "\n".join(_lines(outcome))


def _lines(outcome: Outcome) -> Iterator[str]:
    diary, plan, named = outcome.diary, outcome.plan, outcome.named
    when = datetime.now(tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
    faults = outcome.verdict.faults()
    machine = f"{cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    yield f"Run of {when}, seed {plan.seed}, {outcome.took_s / 60:.0f} minutes, {machine}."
    yield ""
    yield "| | |"
    yield "|---|--:|"
    yield f"| `kill -9` at random instants | {outcome.kills} |"
    yield f"| deaths at named crash points | {sum(named.values())} |"
    yield f"| fewest deaths at one point | {min(named[point] for point in CrashPoint)} |"
    yield f"| jobs acknowledged, of which somebody cancelled | {len(diary.jobs)}, {len(diary.cancelled)} |"
    yield f"| real trainings among them | {plan.real_jobs} |"
    yield f"| whole ways to the teardown | {diary.done} |"
    yield f"| models torn down | {len(diary.torn_down)} |"
    yield f"| chats answered | {diary.chats} |"
    yield f"| submits that the provider refused or left unanswered | {outcome.refused} |"
    yield f"| trainings at once at most (4 allowed) | {outcome.most_at_once} |"
    for kind in ("lost", "doubled", "strange", "stuck", "orphans", "left_over", "server_errors"):
        yield f"| **{kind.replace('_', ' ')}** | **{len(faults.get(kind, []))}** |"
    for kind, times in outcome.ready_s.items():
        if times:
            yield f"| ready again, {kind} ({len(times)} starts), median / longest | {_times(times)} |"
            yield f"| of that the process's own CPU time | {_times(outcome.ready_cpu_s[kind])} |"
    yield ""
    yield "Deaths at each point: " + ", ".join(f"`{point}` {named[point]}" for point in CrashPoint) + "."


def _times(times: Sequence[float]) -> str:
    return f"{statistics.median(times):.2f} s / {max(times):.2f} s"


def write(text: str, document: Path) -> None:
    """Put the report between its marks."""
    before, _, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Run the campaign as asked; return 0 if nothing went wrong."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--kills", type=int, default=1000)
    asked.add_argument("--each", type=int, default=20)
    asked.add_argument("--real-jobs", type=int, default=2)
    asked.add_argument("--people", type=int, default=4)
    asked.add_argument("--minutes", type=float, default=24 * 60)
    asked.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    asked.add_argument("--report", type=Path, default=ROOT / "docs" / "reliability.md")
    request = asked.parse_args()
    _say(f"seed {request.seed}")
    plan = Plan(
        seed=request.seed,
        kills=request.kills,
        each=request.each,
        people=request.people,
        real_jobs=request.real_jobs,
        minutes=request.minutes,
        longest_life=16,
        cold=0.02,
    )
    with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
        outcome = Campaign(Path(folder), plan, _say).run()
    text = report(outcome)
    _say(text)
    for kind, found in outcome.verdict.faults().items():
        _say(f"{kind}: {found}")
    write(text, request.report)
    return 1 if outcome.verdict.faults() else 0


if __name__ == "__main__":
    sys.exit(main())
