"""A whole house on a temporary folder: a real SQLite file, a clock that is turned, the rehearsal backend."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

from app.backends.rehearsal import RehearsalBackend, Script
from app.domain.actors import ENGINE, OWNER
from app.domain.backend import Backend
from app.domain.connection_kinds import ConnectionKind
from app.domain.datasets import Dataset
from app.domain.single_sign_on import Directory
from app.kit.addresses import AddressPolicy
from app.kit.open_id import Client, OpenIdProvider
from app.kit.outgoing import Outgoing
from app.kit.vault import Vault
from app.runtimes.environments import RuntimeEnvironments
from app.services import connections, datasets, projects
from app.services.scope import AppContext, Backends, Scope, Scopes, SignOn
from app.settings import ROOT
from app.store.database import Database
from app.store.files import FileStore
from app.store.migrating import upgrade
from tests.support.clock import TurnedClock
from tests.support.connections import REHEARSAL_ID

MODEL = "rehearsal:small"


@cache
def _migrated() -> bytes:
    """Return an empty database of this version; the migrations run once a process, not once a test (0.1 s each)."""
    with tempfile.TemporaryDirectory(prefix="migrated-") as folder:
        file = Path(folder) / "house.sqlite3"
        upgrade(f"sqlite:///{file}", ROOT / "migrations")
        return file.read_bytes()


def new_database(file: Path) -> Database:
    """Open the database at `file`; where there is none, it is made empty, in this version."""
    if not file.exists():
        file.write_bytes(_migrated())
    return Database(f"sqlite:///{file}")


def chats(rows: int, answers: Sequence[str], question: str) -> bytes:
    """Return chats whose answers go round; `question` may name {n} and {answer}."""
    lines = [
        {
            "messages": [
                {"role": "user", "content": question.format(n=n, answer=answers[n % len(answers)])},
                {"role": "assistant", "content": answers[n % len(answers)]},
            ]
        }
        for n in range(rows)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


class TestHouse:
    """The house with its clock in reach."""

    __test__ = False

    def __init__(
        self,
        folder: Path,
        backends: Sequence[Backend] = (),
        *,
        script: Script | None = None,
        kinds: Sequence[ConnectionKind] = (),
        checkpoint_days: int = 0,
    ) -> None:
        self.clock = TurnedClock()
        self.folder = folder
        self.database = new_database(folder / "house.sqlite3")
        self.backend = RehearsalBackend(folder / "rehearsal", clock=self.clock, script=script or Script())
        self.app_context = AppContext(
            database=self.database,
            clock=self.clock,
            files=FileStore(folder / "data", upload_limit=64 * 2**20, disk_reserve=0),
            backends=Backends(backends or [self.backend], kinds=kinds, vault=Vault(folder / "vault" / "key")),
            runtimes=RuntimeEnvironments(folder / "runtimes"),
            samples=ROOT / "app" / "samples",
            version="test",
            checkpoint_days=checkpoint_days,
            outgoing=Outgoing(AddressPolicy(loopback=True)),
        )
        self.nudges = 0
        self.scopes = Scopes(self.app_context, self._nudge)
        with self.scopes.open(ENGINE) as scope:
            connections.ensure_built_in(scope)

    def sign_on_with(self, directory: Directory, client: Client) -> None:
        """Let people sign in with a directory."""
        provider = OpenIdProvider(client, self.app_context.outgoing, self.clock)
        self.app_context = replace(self.app_context, sign_on=SignOn(directory, provider))
        self.scopes.app_context = self.app_context

    def _nudge(self) -> None:
        self.nudges += 1

    @contextmanager
    def open(self) -> Iterator[Scope]:
        """Give the owner's scope; commits at the end."""
        with self.scopes.open(OWNER) as scope:
            yield scope

    def project(self, name: str = "Support") -> str:
        """Make a project; return its id."""
        with self.open() as scope:
            return projects.create(scope, name).id

    def dataset(self, rows: int = 20, *, name: str = "rows", answers: Sequence[str] = ("yes", "no")) -> Dataset:
        """Upload a dataset of `rows` short chats whose answers go round."""
        return self.upload(chats(rows, answers, "question number {n}, is it so?"), name)

    def upload(self, content: bytes, name: str) -> Dataset:
        """Bring a file; the same bytes under the same name are the same dataset."""
        with self.open() as scope:
            return datasets.upload(scope, name=name, filename=f"{name}.jsonl", chunks=[content])

    def fields(self, **changes: object) -> dict[str, object]:
        """Return the fields of a job that is in order, changed as asked."""
        whole: dict[str, object] = {
            "project": changes.pop("project", None) or self.project(f"Project {self.clock.now().timestamp()}"),
            "connection": REHEARSAL_ID,
            "base_model": MODEL,
            "name": "tuned",
            "training_dataset": changes.pop("training_dataset", None) or self.dataset().id,
            "validation": {"kind": "split", "ratio": 0.2, "test_ratio": 0.2, "seed": 7},
        }
        return whole | changes
