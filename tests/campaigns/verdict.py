"""What a campaign comes to: the provider's book, the machine's processes and the database against people's diary."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

from app.backends.rehearsal import Entry
from tests.campaigns.people import Diary

# What each table calls over; a row that has any other status at the end is stuck.
_OVER: Mapping[str, tuple[str, ...]] = {
    "jobs": ("succeeded", "failed", "cancelled"),
    "evaluations": ("succeeded", "failed", "cancelled"),
    "deployments": ("deleted",),
    "datasets": ("ready", "needs_fixing", "needs_mapping", "rejected"),
    "models": ("present", "deleted"),
    "webhook_messages": ("delivered",),
    "lifeboats": ("done",),
}


@dataclass(kw_only=True)
class Verdict:
    """What went wrong, by kind; every list must be empty."""

    lost: list[str] = field(default_factory=list)  # acknowledged, and not what was asked for in the end
    doubled: list[str] = field(default_factory=list)  # done twice by the provider's own book, or under one key
    strange: list[str] = field(default_factory=list)  # known to the provider, and not to TuneDesk
    stuck: list[str] = field(default_factory=list)  # not over, or still held, or due although it is over
    orphans: list[str] = field(default_factory=list)  # processes and served models that nobody wants any more
    left_over: list[str] = field(default_factory=list)  # half-written files
    server_errors: list[str] = field(default_factory=list)

    def faults(self) -> dict[str, list[str]]:
        """Return what is not empty."""
        return {kind: found for kind, found in asdict(self).items() if found}


def assess(book: Iterable[Entry], diary: Diary, data: Path) -> Verdict:
    """Compare everything, once the server has ended and everybody is done."""
    book = list(book)
    with closing(sqlite3.connect(f"file:{data / 'tunedesk.sqlite3'}?mode=ro", uri=True)) as database:
        jobs = {row[0]: row[1:] for row in database.execute("SELECT id, status, connection, resumptions FROM jobs")}
        whole = [row[0] for row in database.execute("PRAGMA integrity_check")]
        stuck = list(_stuck(database))
    verdict = Verdict(stuck=[*stuck, *diary.stalled], server_errors=diary.server_errors)
    verdict.stuck += [] if whole == ["ok"] else whole
    accepted = Counter(entry.tag for entry in book if entry.call == "submit" and entry.id is not None)
    for job in diary.jobs.values():
        status, connection, _ = jobs.get(job, ("unknown to TuneDesk", "", 0))
        here = connection == "con_local" or accepted[job]
        wanted = {"succeeded"} | ({"cancelled"} if job in diary.cancelled else set())
        if status not in wanted or (status == "succeeded" and not here):
            verdict.lost.append(f"{job} {status}")
    verdict.doubled = [tag for tag, count in accepted.items() if count > 1] + diary.doubled_keys
    verdict.doubled += list(_started_twice(data / "runs", {job: int(row[2]) for job, row in jobs.items()}))
    _assess_messages(verdict, diary, {job: row[0] for job, row in jobs.items()})
    verdict.strange += sorted(accepted.keys() - jobs.keys())
    verdict.orphans = [*processes_under(data), *_still_served(book)]
    verdict.left_over = [path.name for path in (data / "files").glob("incoming-*")]
    return verdict


def _assess_messages(verdict: Verdict, diary: Diary, ends: Mapping[str, str]) -> None:
    """Hold what came to the webhook against the jobs' ends: of each a message, under one id however often it came."""
    if diary.messages is None:
        return
    ids: dict[tuple[str, str], set[str]] = {}
    for came in diary.messages:
        data = json.loads(came.body)["data"]
        if data["object"] == "fine_tuning.job":
            ids.setdefault((data["id"], data["status"]), set()).add(came.headers["webhook-id"])
    verdict.lost += [f"no message of {job} {end}" for job, end in ends.items() if (job, end) not in ids]
    verdict.doubled += [f"{len(found)} messages of {job} {end}" for (job, end), found in ids.items() if len(found) > 1]
    verdict.strange += [f"a message of {job} {end}" for job, end in ids if ends.get(job) != end]


def _stuck(database: sqlite3.Connection) -> Iterable[str]:
    for table, over in _OVER.items():
        for row in database.execute(f"SELECT id, status, due_at, lease_token FROM {table}"):  # noqa: S608 -- our names
            identifier, status, due_at, token = row
            if status not in over or due_at is not None or token is not None:
                yield f"{table}/{identifier}: {status}, due at {due_at}, held by {token}"


def _started_twice(runs: Path, resumptions: Mapping[str, int]) -> Iterable[str]:
    """Give the trainings of this machine that began more often than they were resumed."""
    for events in runs.glob("job_*/events.jsonl"):
        reported = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines() if line.strip()]
        begun = sum(event.get("kind") == "status" and event.get("state") == "starting" for event in reported)
        if begun > 1 + resumptions.get(events.parent.name, 0):
            yield f"{events.parent.name} began {begun} times"


def _still_served(book: Iterable[Entry]) -> list[str]:
    latest = {entry.tag: entry.call for entry in book if entry.call in {"deploy", "undeploy"} and entry.id is not None}
    return [tag for tag, call in latest.items() if call == "deploy"]


def processes_under(folder: Path) -> list[str]:
    """Return the processes whose command names the folder: the children of our runs."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue  # it has just ended
        if str(folder) in command:
            found.append(f"{entry.parent.name}: {command.strip()[-120:]}")
    return found
