"""A campaign of deaths: a real server that is killed at random instants and at every named crash point, people who go
the whole way meanwhile, a provider that loses answers, and everybody's own book to judge by afterwards.
"""

import random
import shlex
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.backends.rehearsal import Ledger
from app.kit.crash_points import CrashPoint
from tests.campaigns import stand_in_child
from tests.campaigns.people import STALLED_REAL_S, Diary, Person, local_fields
from tests.campaigns.servers import Server
from tests.campaigns.verdict import Verdict, assess, processes_under
from tests.support.local import STARTER, runtime_python
from tests.support.receiver import Receiver, receiving
from tests.support.waiting import until

GRACE_S = 2.0
REAL = "builtin:starter"
_STILLBORN = 0.2  # the share of servers that are killed while they start
_LIFE_S = 8.0  # the longest life where nobody gets an answer
_TRIES = 6  # at a named point, until a server came to it
# A bad day at the provider: one submit in three goes wrong, one look in ten.
BAD_DAY: Mapping[str, Any] = {
    "queue_s": 0.1,
    "train_s": 0.5,
    "spread": 0.5,
    "steps": 9,
    "deploy_s": 0.2,
    "undeploy_s": 0.1,
    "evaluate_s": 0.2,
    "look_s": 0.2,
    "acceptance_grace_s": GRACE_S,
    "latency_s": 0.02,
    "repeats_doubles": True,
    "faults": [
        {"call": "submit", "kind": "lost_answer", "times": None, "share": 0.1},
        {"call": "submit", "kind": "late_acceptance", "times": None, "share": 0.1, "seconds": 1.0},
        {"call": "submit", "kind": "outcome_unknown", "times": None, "share": 0.06},
        {"call": "submit", "kind": "unavailable", "times": None, "share": 0.06},
        {"call": "submit", "kind": "rate_limited", "times": None, "share": 0.06, "seconds": 1.0},
        {"call": "find", "kind": "unavailable", "times": None, "share": 0.1},
        {"call": "observe", "kind": "unavailable", "times": None, "share": 0.04},
        {"call": "observe", "kind": "backwards", "times": None, "share": 0.06},
        {"call": "train", "kind": "interrupted", "times": 1, "share": 0.15},
        {"call": "upload", "kind": "unavailable", "times": None, "share": 0.04},
        {"call": "cancel", "kind": "unavailable", "times": None, "share": 0.1},
        {"call": "deploy", "kind": "unavailable", "times": None, "share": 0.05},
        {"call": "undeploy", "kind": "unavailable", "times": None, "share": 0.05},
        {"call": "start_evaluation", "kind": "unavailable", "times": None, "share": 0.05},
        {"call": "serve", "kind": "gone", "times": None, "share": 0.05, "seconds": 0.5},
    ],
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many deaths: `kills` at random instants, `each` at every named point; who works meanwhile."""

    seed: int
    kills: int
    each: int
    people: int = 6
    real_jobs: int = 0  # real trainings; they need the runtime environment
    longest_life: int = 40  # answers to people before a server is killed
    cold: float = 0.04  # the share of servers that start as programs of their own, not forked
    minutes: float = 24 * 60  # after which no more server is killed, and everybody finishes
    patience_s: float = 30.0  # for a server to come to its crash point; then it is killed at random instead


@dataclass(kw_only=True)
class Outcome:
    """What a campaign came to."""

    plan: Plan
    verdict: Verdict
    diary: Diary
    kills: int = 0
    named: Counter[CrashPoint] = field(default_factory=Counter)
    ready_s: dict[str, list[float]] = field(default_factory=dict)
    ready_cpu_s: dict[str, list[float]] = field(default_factory=dict)
    refused: int = 0  # submits that the provider refused or left unanswered
    most_at_once: int = 0
    took_s: float = 0.0


def interpreter(folder: Path, stand_in: Path, *, real: Path | None) -> Path:
    """Return an "interpreter" for children: the real one where the spec names the real model, else the stand-in."""
    path = folder / "interpreter"
    fast_check = f'exec {shlex.quote(sys.executable)} {shlex.quote(str(stand_in))} "$@"'
    choice = f'if grep -q \'{REAL}\' "$spec"; then exec {shlex.quote(str(real))} "$@"; fi\n' if real else ""
    path.write_text(f"#!/bin/sh\nfor spec; do :; done\n{choice}{fast_check}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


class Campaign:
    """One campaign in one folder."""

    def __init__(self, folder: Path, plan: Plan, tell: Callable[[str], None] = lambda _text: None) -> None:
        self.folder, self.plan, self._tell = folder, plan, tell
        self.diary = Diary(runs=folder / "data" / "runs")
        self.kills = 0
        self.named: Counter[CrashPoint] = Counter()
        self._chance = random.Random(plan.seed)
        self._over = threading.Event()
        self._real_left = threading.Semaphore(plan.real_jobs)
        self._quick = folder / "quick"
        shutil.copytree(STARTER, self._quick)
        real = runtime_python() if plan.real_jobs else None
        python = interpreter(folder, Path(stand_in_child.__file__), real=real)
        self._server = Server(folder, {**BAD_DAY, "seed": plan.seed}, runtime_python=python)

    def run(self) -> Outcome:
        """Kill as planned, let everybody finish, and judge; a webhook hears of every end."""
        with receiving() as receiver:
            return self._run(receiver)

    def _run(self, receiver: Receiver) -> Outcome:
        begun = time.monotonic()
        try:
            self._server.start(cold=True)
            self._server.comes_up()
            webhook = self._hook(receiver)
            threads = [threading.Thread(target=person.live, name=person.name) for person in self._people()]
            for thread in threads:
                thread.start()
            try:
                self._kill_all()
            except AssertionError:
                self.diary.broken_off = True
                raise
            finally:
                self._over.set()
                for thread in threads:
                    thread.join()
            self._settle(webhook, receiver)
        finally:
            self._server.close()
        return self._outcome(time.monotonic() - begun)

    def _goes_on(self) -> bool:
        """Tell whether people begin another way: until the killing is over, and the provider has refused a submit.

        On a busy machine few ways are gone, and by chance none of them may be refused; then a few more are gone.
        """
        if not self._over.is_set():
            return True
        return not self.diary.broken_off and not self._refused()

    def _book(self) -> list[Any]:
        return list(Ledger(self.folder / "provider" / "ledger.jsonl").entries())

    def _refused(self) -> int:
        return sum(entry.call == "submit" and entry.fault is not None for entry in self._book())

    def _people(self) -> list[Person]:
        address, more = self._server.address, self._goes_on
        people = [Person(f"person-{n}", address, self.diary, more) for n in range(self.plan.people)]
        people.append(Person("quick", address, self.diary, more, local_fields(f"path:{self._quick}")))
        if self.plan.real_jobs:
            fields, left = local_fields(REAL), self._real_is_left
            people.append(Person("real", address, self.diary, left, fields, patience_s=STALLED_REAL_S))
        return people

    def _real_is_left(self) -> bool:
        return self._real_left.acquire(blocking=False)

    def _kill_all(self) -> None:
        """Let one server after another die, each as it is its turn: killed, or by itself at a named point."""
        begun, order = time.monotonic(), self._order()
        for number, point in enumerate(order):
            if time.monotonic() - begun > self.plan.minutes * 60:
                break
            if point is None:
                self._die_at_random()
            elif not self._die_at(point) and order.count(point) < _TRIES:
                order.append(point)  # on a busy machine nobody came to it in time
            # The next one is born with the point at which it is to die.
            following = order[number + 1] if number + 1 < len(order) else None
            self._server.start(cold=self._chance.random() < self.plan.cold, crash_at=following)
            if number % 20 == 0:
                self._tell(f"{number} of {len(order)} deaths, {self.diary.done} whole ways")
        self._server.comes_up()  # at once: after everybody's last way its time would tell of them

    def _order(self) -> list[CrashPoint | None]:
        """Return the deaths in a random order; the first one is at random, for that server is there already."""
        order: list[CrashPoint | None] = [point for point in CrashPoint for _ in range(self.plan.each)]
        order += [None] * (self.plan.kills - 1)
        self._chance.shuffle(order)
        return [None, *order]

    def _die_at_random(self) -> None:
        if self._chance.random() < _STILLBORN:
            self._server.stands(self._chance.uniform(0.0, 0.3))
        else:
            self._server.comes_up()
            self._let_live(self._chance.randrange(self.plan.longest_life))
        self._server.kill()
        self.kills += 1

    def _die_at(self, point: CrashPoint) -> bool:
        """Wait until the server ends itself there; if it never comes to it, kill it at last. Tell whether it did."""
        came = not self._server.comes_up(may_end=True) or self._server.springs(self.plan.patience_s)
        if came:
            self.named[point] += 1
        else:
            self._server.kill()
            self.kills += 1
        return came

    def _let_live(self, answers: int) -> None:
        """Wait for some answers to people, whatever else the machine has to do, and for a moment on top."""
        begun, enough = time.monotonic(), self.diary.answers + answers
        while self.diary.answers < enough and time.monotonic() - begun < _LIFE_S:
            self._server.stands(0.01)
        self._server.stands(self._chance.uniform(0.0, 0.1))

    def _hook(self, receiver: Receiver) -> str:
        """Return the id of a webhook that leads to the receiver."""
        founder = Person("founder", self._server.address, self.diary, lambda: False)
        try:
            made = founder.ask("POST", "/webhooks", json={"name": "campaign", "url": receiver.url})
        finally:
            founder.close()
        return str(made["webhook"]["id"])

    def _settle(self, webhook: str, receiver: Receiver) -> None:
        """Let the last server finish what is open, end it in good order, and wait for the last child's end."""
        self._server.comes_up()
        data = self.folder / "data"
        self.diary.messages = receiver.received
        quiet = Person("settling", self._server.address, self.diary, lambda: False)
        try:
            quiet.until("/evaluations?limit=200", lambda seen: all(e["ended_at"] for e in seen["items"]))
            sent = f"/webhooks/{webhook}/messages?limit=200"
            quiet.until(sent, lambda seen: all(e["status"] == "delivered" for e in seen["items"]))
        finally:
            quiet.close()
        until(lambda: not processes_under(data / "runs"), within=60, doing="the end of every child")
        code = self._server.stop()
        assert code in {0, -signal.SIGTERM}, f"the server ended with {code}:\n{self._server.log()}"

    def _outcome(self, took_s: float) -> Outcome:
        book = self._book()
        return Outcome(
            plan=self.plan,
            verdict=assess(book, self.diary, self.folder / "data"),
            diary=self.diary,
            kills=self.kills,
            named=self.named,
            ready_s=self._server.ready_s,
            ready_cpu_s=self._server.ready_cpu_s,
            refused=self._refused(),
            most_at_once=most_at_once(book),
            took_s=took_s,
        )


def most_at_once(book: list[Any]) -> int:
    """Return how many trainings ran at the same time at most, interruptions counted as running."""
    moments: list[tuple[float, int]] = []
    stopped = {entry.id: entry.at for entry in book if entry.call == "cancel"}
    for entry in book:
        if entry.call == "submit" and entry.id is not None:
            begins = entry.data["accepted_at"]
            ends = min(begins + entry.data["queue_s"] + entry.data["train_s"], stopped.get(entry.id, float("inf")))
            moments += [(begins, 1), (max(begins, ends), -1)]
    now = most = 0
    for _, change in sorted(moments):
        now += change
        most = max(most, now)
    return most
