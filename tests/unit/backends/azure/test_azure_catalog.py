from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from app.backends.azure_foundry.backend import AzureFoundryBackend
from app.backends.azure_foundry.catalog.hyperparameters import wire_values
from app.backends.azure_foundry.catalog.model_ids import ModelId
from app.backends.azure_foundry.catalog.registry import LookUp, RegistryModel, read_version
from app.backends.azure_foundry.settings import AzureSettings
from app.domain.backend import NotFound, Rejected
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobSpec, Method
from app.domain.prices import make_bill
from tests.support.clock import TurnedClock

DAY = datetime(2026, 11, 25, 12, tzinfo=UTC)
PHI4 = "serverless:azureml/Phi-4-mini-instruct"
PHI3 = "serverless:azureml/Phi-3-mini-4k-instruct"
PHI3_MANAGED = "managed:azureml/Phi-3-mini-4k-instruct"


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock(DAY)


@pytest.fixture
def backend(clock: TurnedClock, tmp_path: Path) -> AzureFoundryBackend:
    """A backend that never calls out: it has no secrets, and the cache is what a test puts there."""
    return AzureFoundryBackend(AzureSettings(), {}, clock=clock, cache=tmp_path)


def put(folder: Path, *models: RegistryModel, at: datetime = DAY) -> None:
    (folder / "azure-models-AzureCloud.json").write_bytes(msgspec.json.encode(LookUp(fetched_at=at, models=models)))


def spec(base: str, **changes: object) -> JobSpec:
    whole: dict[str, object] = {"project": "p", "connection": "c", "base_model": base, "name": "n"}
    return JobSpec(**(whole | {"training_dataset": "d", "method": Method.SFT} | changes))  # type: ignore[arg-type]


def test_the_data_files_alone_make_a_catalog(backend: AzureFoundryBackend) -> None:
    models = {model.id: model for model in backend.base_models()}
    assert "eastus2" in models[PHI4].regions
    assert models[PHI4].known_from == "the data file"
    state = backend.catalog_state()
    assert state.fetched_at is None
    assert not state.refreshing
    assert state.data_as_of is not None


def test_phi_3_is_retired_serverless_and_ending_on_managed_compute(backend: AzureFoundryBackend) -> None:
    serverless, managed = backend.base_model(PHI3).lifecycle, backend.base_model(PHI3_MANAGED).lifecycle
    assert (serverless.status, serverless.serve_until) == ("retired", date(2025, 8, 30))
    assert serverless.replacement == PHI4
    assert serverless.source
    assert (managed.status, managed.replacement) == ("retiring", "managed:azureml/Phi-4")


def test_a_model_lives_until_the_day_of_its_end(tmp_path: Path) -> None:
    before = AzureFoundryBackend(
        AzureSettings(), {}, clock=TurnedClock(datetime(2025, 6, 29, tzinfo=UTC)), cache=tmp_path
    )
    assert before.base_model(PHI3).lifecycle.status == "retiring"


def test_what_the_registry_tells_comes_before_the_data_file(backend: AzureFoundryBackend, tmp_path: Path) -> None:
    new = RegistryModel(
        registry="azureml", name="Phi-9-mini", version="3", publisher="Microsoft", train_regions=("westus9",)
    )
    moved = RegistryModel(registry="azureml", name="Phi-4-mini-instruct", version="7", train_regions=("uksouth",))
    put(tmp_path, new, moved)
    assert backend.base_model("serverless:azureml/Phi-9-mini").regions == ("westus9",)
    assert backend.base_model(PHI4).regions == ("uksouth",)
    assert backend.newest_version(ModelId.parse(PHI4)) == "7"
    assert backend.base_model(f"{PHI4}:2").id == f"{PHI4}:2"


def test_an_archived_model_is_still_known_by_its_last_version(backend: AzureFoundryBackend) -> None:
    assert backend.newest_version(ModelId.parse(PHI3_MANAGED)) == "15"


@pytest.mark.parametrize("content", [b"", b"{", b'{"fetched_at": 3}', b"[1]"])
def test_a_broken_cache_is_as_none(backend: AzureFoundryBackend, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "azure-models-AzureCloud.json").write_bytes(content)
    assert backend.base_model(PHI4).known_from == "the data file"


@pytest.mark.parametrize(
    "identifier", ["builtin:starter", "serverless:azureml/nothing", "managed:azureml/Ministral-3B"]
)
def test_what_is_not_offered_is_not_found(backend: AzureFoundryBackend, identifier: str) -> None:
    with pytest.raises(NotFound):
        backend.base_model(identifier)


def test_tags_are_read_in_all_their_forms() -> None:
    body = {
        "name": "4",
        "properties": {
            "tags": {
                "maas-finetuning-deploy-regions": '["eastus2", "westus3"]',
                "finetune_compute_allow_list": "['Standard_NC24ads_A100_v4', 'Standard_ND96asr_v4']",
                "textContextWindow": 4096,
                "FinetuneRetirementDate": "2025-08-30",
                "license": "MIT",
            },
            "properties": {"finetuning-tasks": "chat-completion, text-generation"},
        },
    }
    read = read_version("azureml", "m", body)
    assert read.train_regions == ("eastus2", "westus3")
    assert read.instance_types == ("Standard_NC24ads_A100_v4", "Standard_ND96asr_v4")
    assert (read.context_length, read.retired, read.licence) == (4096, date(2025, 8, 30), "MIT")
    assert read.tasks == ("chat-completion", "text-generation")


@pytest.mark.parametrize("body", [None, [], {}, {"properties": None}, {"properties": {"tags": [1], "properties": 3}}])
def test_tags_that_are_none_are_no_failure(body: object) -> None:
    assert not read_version("azureml", "m", body).tunable


def test_hyperparameters_go_by_azures_keys_and_as_texts() -> None:
    serverless, managed = ModelId.parse(PHI4), ModelId.parse(PHI3_MANAGED)
    assert wire_values(serverless, {"n_epochs": 2, "learning_rate": 2e-5, "batch_size": "auto"}) == {
        "num_train_epochs": "2",
        "learning_rate": "0.00002",
    }
    # Managed compute gets the defaults that the form showed: the model's own.
    assert wire_values(managed, {}) == {
        "per_device_train_batch_size": "1",
        "learning_rate": "0.000005",
        "num_train_epochs": "1",
    }
    with pytest.raises(Rejected):
        wire_values(managed, {"learning_rate": 0.1})
    with pytest.raises(Rejected):
        wire_values(serverless, {"warmup": 3})


def test_a_serverless_training_is_estimated_in_tokens(backend: AzureFoundryBackend) -> None:
    asked = spec(PHI4, hyperparameters={"n_epochs": 3, "batch_size": 4})
    made = backend.estimate(asked, rows=100, tokens=1_000_000, validation_rows=20)
    (charge,) = made.charges
    assert (charge.low, charge.expected, charge.high) == (2.4, 3.0, 3.75)
    assert made.steps == 75
    assert made.duration_low_s is not None
    assert made.duration_high_s is not None
    assert made.duration_low_s < made.duration_high_s
    auto = backend.estimate(spec(PHI4), rows=100, tokens=1_000_000, validation_rows=20)
    assert (auto.charges[0].low, auto.charges[0].high) == (0.8, 12.5)


def test_a_managed_training_is_estimated_in_machine_hours_with_a_sourced_price(backend: AzureFoundryBackend) -> None:
    prices = {price.id: price for price in backend.prices()}
    one = backend.estimate(spec(PHI3_MANAGED), rows=1000, tokens=10_000_000, validation_rows=20)
    two = backend.estimate(
        spec(PHI3_MANAGED, options={"instance_type": "Standard_NC96ads_A100_v4"}),
        rows=1000,
        tokens=10_000_000,
        validation_rows=20,
    )
    bill = make_bill(one.charges, prices)
    assert bill.cost is not None
    assert bill.per_hour is not None
    assert bill.per_hour.amount == "3.673"
    assert prices["compute:Standard_NC24ads_A100_v4"].source
    assert one.duration_s is not None
    assert two.duration_s is not None
    assert two.duration_s < one.duration_s
    unknown = backend.estimate(
        spec(PHI3_MANAGED, options={"compute": "mine"}), rows=1000, tokens=10, validation_rows=20
    )
    assert (unknown.duration_s, unknown.charges) == (None, ())


def test_few_rows_and_a_seed_are_warned_about(backend: AzureFoundryBackend) -> None:
    warned = backend.estimate(spec(PHI4, seed=7), rows=4, tokens=100, validation_rows=3).warnings
    assert [notice.pointer for notice in warned] == ["/training_dataset", "/validation", "/seed"]


def test_hosting_is_charged_by_what_is_served(backend: AzureFoundryBackend) -> None:
    assert backend.hosting_charges(PHI4, tuned=False, options={}) == ()
    (fee,) = backend.hosting_charges(PHI4, tuned=True, options={})
    assert fee.price == "hosting:azureml/Phi-4-mini-instruct"
    machine: dict[str, Hyperparameter] = {"instance_type": "Standard_NC48ads_A100_v4", "instance_count": 2}
    (two,) = backend.hosting_charges(PHI3_MANAGED, tuned=True, options=machine)
    assert (two.price, two.per_hour) == ("compute:Standard_NC48ads_A100_v4", 2.0)


def test_answers_are_charged_by_what_is_read_and_written_where_no_machine_is_paid(
    backend: AzureFoundryBackend,
) -> None:
    read, written = backend.asking_charges(PHI4, rows=100, tokens=50_000)
    assert (read.price, read.expected) == ("input:azureml/Phi-4-mini-instruct", 0.05)
    assert (written.price, written.low, written.high) == ("output:azureml/Phi-4-mini-instruct", 0.0001, 0.0512)
    assert backend.asking_charges(PHI3_MANAGED, rows=100, tokens=50_000) == ()
    assert {read.price, written.price} <= {each.id for each in backend.prices()}


def test_limits_for_everybody_come_without_asking(backend: AzureFoundryBackend) -> None:
    report = backend.quotas()
    assert "subscription" in report.missing
    assert {"serverless-tokens", "serverless-requests"} <= {quota.id for quota in report.quotas}
    assert all(quota.source and quota.as_of for quota in report.quotas)


def test_a_fresh_look_up_is_not_repeated(backend: AzureFoundryBackend, tmp_path: Path, clock: TurnedClock) -> None:
    put(tmp_path, at=clock.now() - timedelta(hours=1))
    backend.base_models()
    assert not backend.looked_up.refreshing


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        (PHI4, "Phi-4-mini-instruct (serverless)"),
        (f"{PHI3_MANAGED}:13", "Phi-3-mini-4k-instruct:13 (managed compute)"),
        ("serverless:azureml/Long-Gone", "Long-Gone (serverless)"),
        ("builtin:starter", "builtin:starter"),
    ],
)
def test_every_id_has_a_name_for_people(backend: AzureFoundryBackend, identifier: str, name: str) -> None:
    assert backend.base_name(identifier) == name
