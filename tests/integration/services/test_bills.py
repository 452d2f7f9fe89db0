"""Whatever is recorded says what it is billed for, and only a backend says that it is free."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic import command
from bs4 import BeautifulSoup
from sqlalchemy import select

from app.domain.deployments import Deployment
from app.domain.jobs import FineTuningJob
from app.domain.prices import FREE, UNKNOWN, Billing
from app.services import capsules, deployments, drafts, jobs, overview
from app.settings import ROOT
from app.store import rows, schema
from app.store.migrating import configuration
from tests.support.app_context import TestHouse
from tests.support.billed import HOUR, KINDS, WORK, Made, house_of
from tests.support.door import visiting
from tests.support.rehearsed import Rehearsed
from tests.support.spending import ANYTHING


@pytest.fixture(scope="module", params=KINDS, ids=str)
def billing(request: pytest.FixtureRequest) -> Billing:
    """Return what a backend says."""
    return Billing(request.param)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, billing: Billing) -> Iterator[Made]:
    """Return an installation in which a job has succeeded at such a backend."""
    house = house_of(KINDS[billing], tmp_path_factory.mktemp(billing))
    yield Made(house, house.until(house.job(accepted=ANYTHING).id))
    house.close()


WAYS: dict[str, Callable[[Made], FineTuningJob | Deployment]] = {
    "create": lambda made: made.recorded(
        lambda scope: jobs.create(scope, jobs.fields_of(made.job.spec), accepted=ANYTHING)
    ),
    "retry": lambda made: made.recorded(lambda scope: jobs.retry(scope, made.job.id, accepted=ANYTHING)),
    "run again": lambda made: made.recorded(lambda scope: capsules.run_again(scope, made.job.id, accepted=ANYTHING)),
    "capsule": Made.from_capsule,
    "wizard": lambda made: made.submitted(lambda scope: drafts.create(scope, jobs.fields_of(made.job.spec))),
    "clone with changes": lambda made: made.submitted(lambda scope: drafts.of_job(scope, made.job.id)),
    "train further": lambda made: made.submitted(lambda scope: drafts.of_model(scope, str(made.job.fine_tuned_model))),
    "continue from a checkpoint": lambda made: made.submitted(
        lambda scope: drafts.of_checkpoint(scope, *made.with_step())
    ),
    "deploy a tuned model": lambda made: made.served(model=made.job.fine_tuned_model),
    "deploy a checkpoint": lambda made: made.served(model=made.model_of_checkpoint()),
    "deploy a base model": lambda made: made.served(
        connection=made.job.spec.connection, base_model=made.job.spec.base_model
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_whatever_is_recorded_says_what_it_is_billed_for(made: Made, billing: Billing, way: str) -> None:
    recorded = WAYS[way](made)
    with made.app_context.open() as scope:
        read = jobs.get if isinstance(recorded, FineTuningJob) else deployments.get
        kept = read(scope, recorded.id)
    assert kept.bill.billing is billing
    if billing is Billing.BILLED:
        expected = {"deploy a base model": ()}.get(way, (HOUR,) if isinstance(kept, Deployment) else (WORK,))
        assert tuple(item.price for item in kept.bill.items) == expected


def test_both_doors_tell_free_from_unknown(made: Made, billing: Billing) -> None:
    served = made.served(model=made.job.fine_tuned_model)
    with visiting(made.app_context.scopes) as client:
        job = client.get(f"/api/v1/jobs/{made.job.id}").json()
        deployment = client.get(f"/api/v1/deployments/{served.id}").json()
        estimate = client.post("/api/v1/jobs/estimate", json=_requested(made.job)).json()
        capsule = client.get(f"/api/v1/jobs/{made.job.id}/capsule").json()
        pages = {
            "job": client.get(f"/jobs/{made.job.id}").text,
            "deployment": client.get(f"/deployments/{served.id}").text,
            "prices": client.get("/settings/prices").text,
        }
    assert [each["billing"] for each in (job, deployment, estimate, capsule)] == [billing] * 4
    assert (job["cost"] is None) == (billing is Billing.FREE)
    assert (estimate["bill"] is None) == (billing is not Billing.BILLED)
    assert capsule["price"] == ({"amount": "4.00", "currency": "USD"} if billing is Billing.BILLED else None)
    words = {
        Billing.FREE: ("own machine", "Nothing is billed", "Nothing is billed"),
        Billing.BILLED: ("$4.00", "$3.00 an hour", "Hosting of tuned models"),
        Billing.UNKNOWN: (
            "see the provider&#39;s invoice",
            "Unknown – see the provider",
            "does not report what it bills",
        ),
    }
    for (page, text), said in zip(pages.items(), words[billing], strict=True):
        assert said in text, page
        assert billing is Billing.FREE or "free" not in _words_of(text), page


def test_the_meter_counts_what_has_no_known_bill(made: Made, billing: Billing) -> None:
    served = made.served(connection=made.job.spec.connection, base_model=made.job.spec.base_model)
    with made.app_context.open() as scope:
        before = overview.counts(scope).hosting_cost
        rows.change(scope.write, schema.deployments, served.id, {"status": "ready"})
        after = overview.counts(scope).hosting_cost
    assert after.billed - before.billed == (billing is not Billing.FREE), "a base model is billed by token"
    assert after.unpriced - before.unpriced == (billing is Billing.UNKNOWN)


def _requested(job: FineTuningJob) -> dict[str, object]:
    return jobs.fields_of(job.spec)


def _words_of(page: str) -> str:
    return BeautifulSoup(page, "html.parser").get_text(" ")


def test_what_was_recorded_without_a_bill_is_free_only_where_nothing_is_billed(tmp_path: Path) -> None:
    house = Rehearsed(tmp_path)
    here, there = house.job("here"), house.job("there")
    with house.open() as scope:
        elsewhere = {"id": "con_1", "name": "Azure", "backend": "azure_foundry"}
        table = schema.connections
        known = scope.write.execute(select(table)).mappings().one()
        rows.add(scope.write, table, {**{column.key: known[column] for column in table.c}, **elsewhere})
        rows.change(scope.write, schema.jobs, there.id, {"connection": "con_1"})
        for job in (here, there):
            rows.change(scope.write, schema.jobs, job.id, {"bill": None})
    house.close()
    config = configuration(f"sqlite:///{tmp_path / 'house.sqlite3'}", ROOT / "migrations")
    command.downgrade(config, "0007")
    command.upgrade(config, "head")
    again = TestHouse(tmp_path)
    with again.open() as scope:
        assert [jobs.get(scope, job.id).bill for job in (here, there)] == [FREE, UNKNOWN]
    again.database.close()
