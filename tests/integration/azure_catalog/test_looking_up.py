from datetime import timedelta

from app.backends.azure_foundry.catalog.model_ids import ModelId
from app.backends.azure_foundry.catalog.registry_cache import STALE_AFTER
from tests.support.azure.foundry import MANAGED, SERVERLESS, AzureBench
from tests.support.azure.roles import READER
from tests.support.azure.state import SUBSCRIPTION
from tests.support.waiting import until


def looked_up(bench: AzureBench) -> None:
    bench.backend.refresh_catalog()
    until(lambda: not bench.backend.catalog_state().refreshing)


def test_the_registries_tell_versions_regions_and_machines(bench: AzureBench) -> None:
    looked_up(bench)
    state = bench.backend.catalog_state()
    assert state.fetched_at == bench.cloud.clock.now()
    model = bench.backend.base_model(SERVERLESS)
    assert model.known_from == "the registry azureml"
    assert set(model.regions) >= {"eastus2", "westus3"}
    assert bench.backend.newest_version(ModelId.parse(MANAGED)) == "13"
    # A registry of which this cloud knows nothing is told, and the others count nevertheless.
    assert "azureml-nttdata" in state.problem
    asked = len(bench.cloud.requests)
    assert bench.backend.base_models()
    assert bench.reopen().base_model(SERVERLESS).known_from == "the registry azureml"
    assert len(bench.cloud.requests) == asked, "listing calls nobody"


def test_pages_are_followed_and_only_candidates_are_asked_for_their_tags(bench: AzureBench) -> None:
    bench.cloud.state.pace.page_size = 2
    looked_up(bench)
    tagged = [one.path for one in bench.cloud.requests if "/versions/" in one.path]
    assert len(tagged) == len(set(tagged))
    assert any("Phi-4-multimodal-instruct" in path for path in tagged)
    assert not any("bert-base-uncased" in path for path in tagged)
    assert bench.backend.base_model("serverless:azureml-mistral/Ministral-3B").known_from != "the data file"


def test_without_reach_the_data_file_counts_and_the_problem_is_reported(bench: AzureBench) -> None:
    looked_up(bench)
    bench.cloud.clock.turn((STALE_AFTER + timedelta(hours=1)).total_seconds())
    bench.cloud.faults.add(match=("GET", ".*/registrymanagement/.*"), kind="403", times=100)
    bench.backend.base_model(SERVERLESS)  # begins a look-up, because the last one is old
    until(lambda: not bench.backend.catalog_state().refreshing)
    state = bench.backend.catalog_state()
    assert state.problem
    assert state.fetched_at is not None
    assert bench.backend.base_model(SERVERLESS).known_from == "the registry azureml", "what was known stays known"
    asked = len(bench.cloud.requests)
    bench.backend.base_models()
    assert not bench.backend.catalog_state().refreshing, "a failure is not repeated at every look"
    assert len(bench.cloud.requests) == asked


def test_quotas_are_asked_of_the_projects_region(bench: AzureBench) -> None:
    refused = bench.backend.quotas()
    assert refused.missing
    bench.cloud.seed.grant(READER, scope=f"/subscriptions/{SUBSCRIPTION}")
    bench.cloud.state.subscriptions[SUBSCRIPTION].usages["eastus2", "standardNCADSA100v4Family"] = (24, 96)
    report = bench.backend.quotas()
    assert report.missing == ""
    used = {quota.label: (quota.used, quota.limit, quota.share) for quota in report.quotas if quota.region}
    assert used["standardNCADSA100v4Family"] == (24.0, 96.0, 0.25)
    assert "standardNCSv3Family" not in used, "neither used nor allowed"
