"""A house in which every form of the pages can be pressed: one thing of each kind, in each state that shows a form."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import update

from app.domain.actors import TokenScope
from app.domain.backend import RemoteFile, TrainingRequest
from app.domain.edits import DatasetEdit
from app.domain.webhooks import MessageStatus
from app.engine.engine import Engine
from app.kit.passwords import hashed
from app.services import adopting, capsules, connections, datasets, deployments, drafts, edits, jobs, people, webhooks
from app.services.scope import Scope
from app.store import schema
from tests.support.able import AbleHouse
from tests.support.app_context import MODEL, chats
from tests.support.connections import REHEARSAL_ID
from tests.support.door import turn
from tests.support.office import Office
from tests.support.payloads import METADATA
from tests.support.payloads import furnish as furnish_rest
from tests.support.pressing import PASSWORD
from tests.support.toy import TOKEN

TABLE = "frage,antwort\n" + "".join(f"question {number},answer {number % 2}\n" for number in range(20))
FAULTY = chats(20, ("yes", "no"), "question number {n}") * 2 + b'{"messages": []}\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressable:
    """The office, and the ids of its things, and texts, by the names that presses use."""

    office: Office
    ids: Mapping[str, str]


def furnish(folder: Path) -> Pressable:
    """Make the house; nothing is left under way in it."""
    folder.mkdir()
    house = AbleHouse(folder)
    office = Office(house)
    return _Furnishing(house, office).done()


class _Furnishing:
    def __init__(self, house: AbleHouse, office: Office) -> None:
        self.house, self.office = house, office
        self.project = office.two.ours.project
        self.ids: dict[str, str] = {"project": self.project, "rehearsal": REHEARSAL_ID}

    def done(self) -> Pressable:
        self._trained()
        self._in_each_state()
        self._rows()
        self._wizard()
        self._account_there()
        self._people()
        self._settings()
        return Pressable(office=self.office, ids=self.ids)

    def _fields(self, **changes: object) -> dict[str, Any]:
        known = {"project": self.project, "training_dataset": self.ids["dataset"]}
        return self.house.fields(**known, **changes)

    def _dataset(self, name: str, content: bytes, filename: str = "") -> str:
        with self.house.open() as scope:
            return datasets.upload(
                scope, name=name, filename=filename or f"{name}.jsonl", chunks=[content], project=self.project
            ).id

    def _trained(self) -> None:
        self.ids["dataset"] = self._dataset("rows", chats(60, ("yes", "no"), "question number {n}, is it so?"))
        with self.house.open() as scope:
            self.ids["done"] = jobs.create(scope, self._fields(name="pressed")).id
        engine = Engine(self.house.scopes)
        turn(self.house, engine)
        with self.house.open() as scope:
            job = jobs.get(scope, self.ids["done"])
            self.ids |= {"model": str(job.fine_tuned_model), "model_name": job.spec.name}
            self.ids["deployment"] = deployments.create(scope, target={"model": job.fine_tuned_model}).id
            changed = update(schema.models).where(schema.models.c.id == job.fine_tuned_model)
            scope.write.execute(changed.values(adapter="lora"))
        turn(self.house, engine)
        with self.house.open() as scope:
            self.ids["capsule"] = capsules.text(capsules.of_job(scope, self.ids["done"]))

    def _in_each_state(self) -> None:
        states: dict[str, dict[str, object]] = {
            "running": {"status": "running", "remote_id": "reh-running-1"},
            "paused": {"status": "paused", "goal": "paused", "remote_id": "reh-paused-1"},
            "failed": {"status": "failed"},
            "unknown": {"status": "unknown"},
            "nameless": {"status": "succeeded", "remote_id": "reh-nameless-1"},
            "waiting": {"attempts": 3, "note": "It did not answer."},
            "second": {},
            "third": {},
        }
        for name, values in states.items():
            with self.house.open() as scope:
                self.ids[name] = jobs.create(scope, self._fields(name=name, validation={"kind": "none"})).id
                if values:
                    changed = update(schema.jobs).where(schema.jobs.c.id == self.ids[name])
                    scope.write.execute(changed.values(**values))
        ours = self.office.two.ours
        self.ids["evaluation"] = ours.evaluation
        with self.house.open() as scope:
            scope.write.execute(
                update(schema.evaluations).where(schema.evaluations.c.id == ours.evaluation).values(status="running")
            )

    def _rows(self) -> None:
        self.ids["unused"] = self._dataset("unused", chats(12, ("a", "b"), "another question {n}"))
        self.ids["table"] = self._dataset("table", TABLE.encode(), "table.csv")
        self.ids["faulty"] = self._dataset("faulty", FAULTY)
        self.ids["pasted"] = chats(12, ("a", "b"), "a pasted question {n}").decode()

    def _wizard(self) -> None:
        with self.house.open() as scope:
            self.ids["draft"] = drafts.create(scope, self._fields(name="drafted")).id
        with self.house.open() as scope:
            self.ids["version"] = edits.apply(scope, self.ids["dataset"], DatasetEdit(exclude=(1,))).id

    def _account_there(self) -> None:
        """Let others have trained on the account."""
        rows = self.house.folder / "theirs.jsonl"
        rows.write_bytes(chats(12, ("a", "b"), "their question {n}"))
        there = self.house.backend
        training = there.upload(rows, tag="theirs-training")
        self.ids["remote_file"] = training.id
        self.ids["remote_job"] = there.submit(_request("theirs", training)).id
        self.ids["adopted_file"] = there.upload(rows, tag="adopted-training").id
        with self.house.open() as scope:
            adopting.adopt_file(scope, REHEARSAL_ID, self.ids["adopted_file"], project=self.project, name="adopted")
        self.ids["adopted_name"] = "adopted-training.jsonl"

    def _people(self) -> None:
        office, people_table = self.office, METADATA.tables["people"]
        self.ids["session"] = office.session("root")
        office.session("root")
        office.token("root", TokenScope.READ)
        gone = office.person("gone")
        self.ids |= {"nina": office.people["nina"].id, "gone": gone.id}
        with self.house.open() as scope:
            root = update(people_table).where(people_table.c.id == office.people["root"].id)
            scope.write.execute(root.values(password=hashed(PASSWORD)))
            people.disable(scope, gone.id)
            self.ids["code"] = people.new_code(scope, office.people["nina"].id).secret

    def _settings(self) -> None:
        with self.house.open() as scope:
            for name in ("toys", "unused_toys"):
                made = connections.create(scope, backend="toy", name=name, settings={}, secrets={"token": TOKEN})
                self.ids[name] = made.id
            webhook = webhooks.create(scope, name="hook", url="https://example.com/other").webhook
            self.ids["webhook"] = webhook.id
            self._furnish_rest(scope)
            message = webhooks.send_test(scope, webhook.id)
            self.ids["message"] = message.id
            table = METADATA.tables["webhook_messages"]
            failed = update(table).where(table.c.id == message.id)
            scope.write.execute(failed.values(status=MessageStatus.FAILED))
        self.ids["empty"] = self.house.project("empty")

    def _furnish_rest(self, scope: Scope) -> None:
        table = METADATA.tables["rescued_jobs"]
        more = furnish_rest(
            scope.write,
            connection=self.ids["toys"],
            project=self.project,
            dataset=self.ids["dataset"],
            at=scope.now(),
        )
        self.ids["rescued"] = more["rescued-jobs"]
        changed = update(table).where(table.c.id == more["rescued-jobs"])
        scope.write.execute(changed.values(training_dataset=self.ids["dataset"]))


def _request(tag: str, training: RemoteFile) -> TrainingRequest:
    return TrainingRequest(
        tag=tag,
        base_model=MODEL,
        method="sft",
        task_type="chat_completion",
        training_file=training,
        validation_file=None,
        hyperparameters={},
        options={},
        seed=7,
        suffix=tag,
    )
