"""A team's installation with a payload in every text that it stores, and the addresses of all its pages."""

import json
import re
from collections.abc import Iterator

from fastapi.routing import APIRoute, iter_route_contexts

from app.domain.actors import OWNER, TokenScope
from app.domain.audit import Act
from app.services import datasets
from app.store import audit as audit_store
from tests.support.app_context import TestHouse
from tests.support.connections import REHEARSAL_ID
from tests.support.door import address
from tests.support.office import Office
from tests.support.payloads import PAYLOADS, furnish, plant

_NOT_PAGES = re.compile(
    r"^/(api|v1|openapi|metrics|healthz|patterns)|\.(json|csv|txt)$|/(download|export|capsule|live|code\.py)$"
)
_JOB_TABS = ("events", "log", "data", "parameters", "evaluation", "code")
_DATASET_TABS = ("rows", "lineage", "findings")
_STEPS = ("project", "model", "data", "validation", "hyperparameters", "review")


class Planted:
    """One of everything, each text of it a payload; `office` has the ways in."""

    def __init__(self, house: TestHouse) -> None:
        self.office = Office(house)
        self.house = house
        ours = self.office.two.ours
        rows = [
            {"messages": [{"role": "user", "content": each}, {"role": "assistant", "content": each}]}
            for each in PAYLOADS
        ]
        table = f"{_cell(PAYLOADS[0])},{_cell(PAYLOADS[20])}\n" + "a,b\n" * 12
        self.brought = [
            self._bring("p.jsonl", "".join(json.dumps(each) + "\n" for each in rows), ours.project),
            self._bring("t.csv", table, ours.project),
        ]
        with house.open() as scope:
            act = Act(verb="jobs.create", action="spend", noun="jobs")
            audit_store.append(scope.write, OWNER, [act], at=scope.now())
            more = furnish(
                scope.write, connection=REHEARSAL_ID, project=ours.project, dataset=self.brought[0], at=scope.now()
            )
        self.office.session("root")
        self.office.token("root", TokenScope.READ)
        self.ids = {
            "jobs": ours.job, "datasets": ours.dataset, "models": ours.model, "deployments": ours.deployment,
            "evaluations": ours.evaluation, "wizard": ours.draft, "projects": ours.project,
            "connections": REHEARSAL_ID, **more,
        }  # fmt: skip
        self.planted: set[str] = set()

    def _bring(self, filename: str, content: str, project: str) -> str:
        with self.house.open() as scope:
            chunks = [content.encode()]
            return datasets.upload(scope, name=filename, filename=filename, chunks=chunks, project=project).id

    def plant(self, payload: str) -> None:
        """Put a payload everywhere."""
        with self.house.database.writing() as tx:
            self.planted |= plant(tx, payload)

    def pages(self) -> Iterator[str]:
        """Yield the address of every page, and of its parts that have addresses of their own."""
        for context in iter_route_contexts(self.office.app.routes):
            route = context.original_route
            if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and not _NOT_PAGES.search(route.path):
                yield self.at(route.path)
        job, draft = self.ids["jobs"], self.ids["wizard"]
        yield from (f"/jobs/{job}?tab={each}" for each in _JOB_TABS)
        yield from (f"/wizard/{draft}/{each}" for each in _STEPS)
        for dataset in (self.ids["datasets"], *self.brought):
            yield from (f"/datasets/{dataset}?tab={each}" for each in _DATASET_TABS)
        yield f"/jobs/compare?ids={job},{self.office.two.theirs.job}&all=true"
        yield f"/playground?deployment={self.ids['deployments']}"

    def at(self, template: str) -> str:
        """Return a route's address with the id of the one thing of its kind."""
        step = template.removeprefix("/settings").split("/")
        noun = "messages" if "messages" in step else step[1] if len(step) > 1 else ""
        known = self.ids.get(noun, "")
        filled = re.sub(r"\{[^}]+\}", known, template, count=1) if known else template
        return address(filled).replace("/checkpoints/job_1", "/checkpoints/10").replace("/rows/job_1", "/rows/1")


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""').replace("\n", " ") + '"'
