from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.backends.azure_foundry.kind import AzureFoundryKind
from app.domain.catalog import LifecycleStatus
from app.domain.deployments import DeploymentStatus
from app.domain.errors import Conflict, Invalid
from app.domain.prices import Billing
from app.services import catalog, connections, deployments, drafts, estimates, jobs, lifecycle, overview, prices
from app.store import jobs as job_store
from app.store import rows, schema
from tests.support.app_context import TestHouse
from tests.support.connections import REHEARSAL_ID
from tests.support.spending import ANYTHING

PHI4 = "serverless:azureml/Phi-4-mini-instruct"
PHI3 = "serverless:azureml/Phi-3-mini-4k-instruct"
PHI3_MANAGED = "managed:azureml/Phi-3-mini-4k-instruct"
TRAINING, HOSTING = "training:azureml/Phi-4-mini-instruct", "hosting:azureml/Phi-4-mini-instruct"
NC24 = "compute:Standard_NC24ads_A100_v4"


@pytest.fixture
def app_context(app_context: TestHouse, tmp_path: Path) -> TestHouse:
    app_context.clock.turn(datetime(2026, 11, 25, 12, tzinfo=UTC) - app_context.clock.now())
    app_context.app_context.backends._kinds["azure_foundry"] = AzureFoundryKind(
        clock=app_context.clock, cache=tmp_path / "cache"
    )
    return app_context


@pytest.fixture
def azure(app_context: TestHouse) -> str:
    """A connection that is never called: it has no project yet."""
    with app_context.open() as scope:
        return connections.create(scope, backend="azure_foundry", name="Azure", settings={}, secrets={}).id


def asked(app_context: TestHouse, connection: str, base_model: str, **changes: object) -> dict[str, object]:
    return app_context.fields(connection=connection, base_model=base_model, **changes)


def test_an_unknown_price_is_left_out_and_said(app_context: TestHouse, azure: str) -> None:
    fields = asked(app_context, azure, PHI4)
    with app_context.open() as scope:
        made = estimates.estimate(scope, fields)
    assert made.cost is None
    assert [price.id for price in made.bill.unpriced] == [TRAINING]
    assert any("No price is known" in notice.message for notice in made.warnings)


def test_ones_own_price_makes_the_total(app_context: TestHouse, azure: str) -> None:
    with app_context.open() as scope:
        prices.set_own(scope, azure, TRAINING, "2.50")
    fields = asked(app_context, azure, PHI4, hyperparameters={"n_epochs": 2})
    with app_context.open() as scope:
        made = estimates.estimate(scope, fields)
        assert catalog.model(scope, azure, PHI4).prices["training"].amount == "2.5"
    assert made.cost is not None
    assert made.cost.low.amount < made.cost.expected.amount < made.cost.high.amount
    assert made.bill.items[0].price.own
    with app_context.open() as scope:
        prices.set_own(scope, azure, TRAINING, "")
    with app_context.open() as scope:
        assert estimates.estimate(scope, fields).cost is None


@pytest.mark.parametrize(
    ("price", "amount", "currency", "pointer"),
    [(TRAINING, "-1", "USD", "/amount"), ("none:such", "1", "USD", "/price"), (TRAINING, "1", "XXX", "/currency")],
)
def test_a_bad_price_is_refused(
    app_context: TestHouse, azure: str, price: str, amount: str, currency: str, pointer: str
) -> None:
    with app_context.open() as scope, pytest.raises(Invalid) as refused:
        prices.set_own(scope, azure, price, amount, currency)
    assert [problem.pointer for problem in refused.value.problems] == [pointer]


def test_what_runs_here_is_not_billed(app_context: TestHouse) -> None:
    fields = app_context.fields()
    with app_context.open() as scope:
        assert prices.lists(scope) == []
        job = jobs.create(scope, fields)
    assert job.bill.is_free
    assert job.cost.billing is Billing.FREE


def test_a_job_keeps_the_prices_of_its_day_and_counts_by_work_and_hours(app_context: TestHouse, azure: str) -> None:
    fields = asked(app_context, azure, PHI3_MANAGED)
    with app_context.open() as scope:
        job = jobs.create(scope, fields, accepted=ANYTHING)
        prices.set_own(scope, azure, NC24, "100")
    with app_context.open() as scope:
        kept = jobs.get(scope, job.id)
    assert kept.bill == job.bill
    assert kept.cost.estimated is not None
    assert kept.cost.so_far is not None
    assert kept.cost.so_far.amount == "0.00"
    began = replace(kept, started_at=app_context.clock.now())
    after = began.cost_at(app_context.clock.now() + timedelta(hours=2))
    assert after.so_far is not None
    assert after.so_far.amount == "7.346"
    assert job_store.values(kept).get("bill") is None, "the engine must not write it back"


def test_hosting_is_metered_and_a_new_price_counts(app_context: TestHouse, azure: str) -> None:
    with app_context.open() as scope:
        made = deployments.create(
            scope,
            target={"connection": azure, "base_model": f"{PHI3_MANAGED}:13"},
            options={"instance_type": "Standard_NC24ads_A100_v4"},
            accepted=ANYTHING,
        )
    assert made.cost_per_hour is not None
    assert made.cost_per_hour.amount == "3.673"
    with app_context.open() as scope:
        ready = {"status": DeploymentStatus.READY.value, "ready_at": app_context.clock.now()}
        rows.change(scope.write, schema.deployments, made.id, ready)
        prices.set_own(scope, azure, NC24, "2")
    app_context.clock.turn(timedelta(hours=3))
    with app_context.open() as scope:
        found = deployments.get(scope, made.id)
        total = overview.counts(scope).hosting_cost
    so_far = found.cost_at(app_context.clock.now())
    assert so_far is not None
    assert so_far.amount == "6.00"
    assert total.per_hour is not None
    assert (total.per_hour.amount, total.unpriced, total.billed) == ("2.00", 0, 1)


def test_a_retired_model_cannot_be_used_and_says_what_can(app_context: TestHouse, azure: str) -> None:
    fields = asked(app_context, azure, PHI3)
    with app_context.open() as scope:
        found = catalog.search(scope, connection=azure, query="phi-3-mini-4k mini")
        assert {model.id for model in found} == {PHI3, PHI3_MANAGED}
        with pytest.raises(Invalid) as refused:
            jobs.create(scope, fields)
    assert "Retired since 2025-08-30" in str(refused.value)
    assert PHI4 in str(refused.value)


def test_one_act_puts_the_replacement_in_and_drops_what_it_has_not(app_context: TestHouse, azure: str) -> None:
    values = asked(
        app_context, azure, PHI3_MANAGED,
        hyperparameters={"n_epochs": 2, "learning_rate": 4e-5, "warmup_ratio": 0.1},
        options={"instance_type": "Standard_NC24ads_A100_v4", "adapter": "lora"},
    )  # fmt: skip
    with app_context.open() as scope:
        draft = drafts.create(scope, values)
        replaced = lifecycle.take_replacement(scope, draft.id)
    assert replaced.draft.values["base_model"] == "managed:azureml/Phi-4"
    assert replaced.draft.values["hyperparameters"] == {"n_epochs": 2, "learning_rate": 4e-5}
    assert replaced.dropped == ("warmup_ratio", "adapter")
    with app_context.open() as scope:
        assert drafts.review(scope, draft.id).complete
        with pytest.raises(Conflict):
            lifecycle.take_replacement(scope, draft.id)


def test_a_model_that_the_draft_does_not_name_yet_can_be_replaced_too(app_context: TestHouse, azure: str) -> None:
    with app_context.open() as scope:
        draft = drafts.create(scope, {"connection": azure})
        assert lifecycle.take_replacement(scope, draft.id, PHI3).draft.values["base_model"] == PHI4


def test_a_draft_without_a_connection_has_nothing_to_replace(app_context: TestHouse) -> None:
    with app_context.open() as scope, pytest.raises(Conflict, match="names no connection that is there"):
        lifecycle.take_replacement(scope, drafts.create(scope, {}).id)


def test_what_ends_needs_attention(app_context: TestHouse, azure: str) -> None:
    with app_context.open() as scope:
        drafts.create(scope, {"connection": azure, "base_model": PHI3, "name": "old"})
        drafts.create(scope, {"connection": azure, "base_model": PHI4, "name": "new"})
        needed = overview.summary(scope).attention
    assert [(each.kind, each.title) for each in needed] == [("draft_ending", "old")]
    assert PHI4 in needed[0].detail


def test_a_retiring_model_is_a_warning_and_no_blocker(app_context: TestHouse, azure: str) -> None:
    fields = asked(app_context, azure, PHI3_MANAGED)
    with app_context.open() as scope:
        made = estimates.estimate(scope, fields)
        model = catalog.model(scope, azure, PHI3_MANAGED)
    assert model.lifecycle.status == LifecycleStatus.RETIRING
    assert made.blockers == ()
    assert any("is being retired" in notice.message for notice in made.warnings)


def test_only_looked_up_catalogs_are_refreshed(app_context: TestHouse, azure: str) -> None:
    with app_context.open() as scope:
        (fresh,) = catalog.freshness(scope)
        assert fresh.connection.id == azure
        assert fresh.stale
        with pytest.raises(Conflict):
            catalog.refresh(scope, REHEARSAL_ID)
        with pytest.raises(Conflict):
            prices.quotas(scope, REHEARSAL_ID)
