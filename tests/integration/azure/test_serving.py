"""Serving at Azure: the real azure-core and azure-identity over TLS, against the emulator."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.backend import (
    ChatRequest,
    NotAuthorised,
    NotFound,
    RateLimited,
    Refused,
    Rejected,
    Unavailable,
)
from app.domain.deployments import DeploymentStatus as Status
from tests.support.azure.certificates import Certificates
from tests.support.azure.served import ANOTHER, INSTALLATION, MANAGED, ServedCloud, served_cloud
from tests.support.clock import TurnedClock

KIND = "serverlessendpoints"


@pytest.fixture
def served(azure_certificates: Certificates, tmp_path: Path) -> Iterator[ServedCloud]:
    with served_cloud(azure_certificates, tmp_path / "cloud", TurnedClock()) as made:
        yield made


def endpoint_body(served: ServedCloud, tag: str = "dep-1") -> dict[str, object]:
    made = served.project.serverless[tag].body
    assert isinstance(made, dict)
    return made


def test_a_tuned_model_is_served_with_content_safety_and_our_mark(served: ServedCloud) -> None:
    request = served.deploy(model=served.model())
    assert served.until(request, Status.READY).endpoint == (
        "https://dep-1.eastus2.models.ai.azure.com/v1/chat/completions"
    )
    body = endpoint_body(served)
    assert body["tags"] == {"tunedesk": "dep-1", "tunedesk-installation": INSTALLATION}
    position = f"azureml://locations/eastus2/workspaces/{served.project.guid}/models/triage/versions/1"
    assert body["properties"] == {
        "authMode": "Key",
        "contentSafety": {"contentSafetyStatus": "Enabled"},
        "modelSettings": {"modelId": position},
    }
    puts = [each for each in served.cloud.requests if each.method == "PUT"]
    assert [each.query["api-version"] for each in puts] == ["2024-10-01"]


def test_content_safety_can_be_switched_off(served: ServedCloud) -> None:
    served.until(served.deploy(model=served.model(), content_safety=False), Status.READY)
    assert served.project.serverless["dep-1"].properties["contentSafety"] == {"contentSafetyStatus": "Disabled"}
    assert "".join(each.text for each in served.ask("dep-1", "a violence-probe"))


def test_a_repeat_deploys_nothing_twice(served: ServedCloud) -> None:
    request = served.deploy(model=served.model())
    for _ in range(3):
        served.backend.deploy(request)
    served.made().deploy(request)
    assert len(served.cloud.ledger.of("create", KIND)) == 1


def test_ready_means_that_the_endpoint_answers(served: ServedCloud) -> None:
    served.cloud.state.pace.data_plane_looks = 3
    request = served.deploy(model=served.model())
    served.cloud.clock.turn(60)
    reported = []
    for _ in range(6):
        seen = served.backend.observe_deployment(request.tag)
        reported.append((seen.status, seen.raw_status))
    assert (Status.CREATING, "Online, not answering yet") in reported
    assert reported[-1] == (Status.READY, "Online")
    asked = len(served.project.serverless["dep-1"].calls)
    served.backend.observe_deployment(request.tag)
    assert len(served.project.serverless["dep-1"].calls) == asked, "what answers is not asked again"


def test_where_azure_refuses_a_region_what_is_known_of_it_is_said(served: ServedCloud) -> None:
    model = served.model()
    served.project.location = "swedencentral"
    with pytest.raises((Refused, Rejected), match=r"As of \d{4}-\d\d-\d\d, .* eastus2, .*, not in swedencentral"):
        served.deploy(model=model)
    assert not served.cloud.ledger.of("create", KIND)


def test_a_region_that_no_list_has_is_served_where_azure_serves_it(served: ServedCloud) -> None:
    model = served.model()
    served.project.location = "swedencentral"
    models = served.cloud.catalog.models
    models[:] = [replace(each, deploy_regions=("swedencentral",)) for each in models]
    served.until(served.deploy(model=model), Status.READY)


def test_a_partners_model_gets_its_marketplace_subscription_and_gives_it_back(served: ServedCloud) -> None:
    partner = next(each for each in served.cloud.catalog.models if each.partner and "eastus2" in each.tuning_regions)
    base = f"serverless:{partner.registry}/{partner.name}"
    with pytest.raises(Unavailable, match="being set up"):
        served.deploy(base=base)
    served.cloud.clock.turn(60)
    served.cloud.operations.finish_all()
    request = served.deploy(base=base)
    served.until(request, Status.READY)
    assert len(served.project.marketplace) == 1
    served.backend.serverless.release_subscriptions()
    assert served.cloud.ledger.of("delete", "marketplacesubscriptions") == [], "it is still needed"
    served.backend.undeploy(request.tag)
    served.until(request, Status.DELETED)
    served.backend.serverless.release_subscriptions()
    assert len(served.cloud.ledger.of("delete", "marketplacesubscriptions")) == 1


def test_another_ones_endpoint_of_our_name_is_neither_used_nor_deleted(served: ServedCloud) -> None:
    other = served.made(installation=ANOTHER)
    request = served.deploy(model=served.model())
    served.until(request, Status.READY)
    with pytest.raises(Rejected, match="not made here"):
        other.deploy(request)
    assert other.observe_deployment("dep-1").gone
    other.undeploy("dep-1")
    with pytest.raises(NotFound):
        other.endpoint_key("dep-1")
    assert not served.cloud.ledger.of("delete", KIND)


def test_it_goes_and_is_reported_gone_only_then(served: ServedCloud) -> None:
    request = served.deploy(model=served.model())
    served.until(request, Status.READY)
    served.cloud.state.pace.operation_looks = 5
    served.backend.undeploy("dep-1")
    served.backend.undeploy("dep-1")
    assert served.backend.observe_deployment("dep-1").status is Status.DELETING
    assert served.until(request, Status.DELETED).gone
    served.backend.undeploy("dep-1")
    assert len(served.cloud.ledger.of("delete", KIND)) == 1


def test_a_soft_conflict_is_something_to_wait_for(served: ServedCloud) -> None:
    served.cloud.faults.add(("PUT", "serverlessEndpoints"), "409")
    with pytest.raises(Unavailable):
        served.deploy(model=served.model())
    served.deploy(model="triage:1")
    assert len(served.cloud.ledger.of("create", KIND)) == 1


def test_suspended_and_broken_endpoints_say_what_to_do(served: ServedCloud) -> None:
    request = served.deploy(model=served.model())
    served.until(request, Status.READY)
    served.project.serverless["dep-1"].state = "Suspended"
    seen = served.backend.observe_deployment("dep-1")
    assert (seen.status, seen.raw_status) == (Status.FAILED, "Suspended")
    assert "suspended" in seen.message


def test_a_managed_endpoint_takes_its_three_steps(served: ServedCloud) -> None:
    options = {"instance_type": "Standard_NC24ads_A100_v4", "instance_count": 1}
    request = served.deploy("dep-2", served.model(), base=MANAGED, options=options)
    seen = served.until(request, Status.READY, looks=40)
    assert seen.endpoint == "https://dep-2.eastus2.inference.ml.azure.com/score"
    endpoint = served.project.online["dep-2"]
    assert endpoint.properties["traffic"] == {"main": 100}
    main = endpoint.children["main"]
    assert main.properties["instanceType"] == "Standard_NC24ads_A100_v4"
    assert main.body["sku"] == {"name": "Default", "capacity": 1}
    assert main.tags["tunedesk"] == "dep-2"
    answer = served.ask("dep-2", "Where is it?")
    assert answer[0].text == "The tuned model heard: Where is it?"
    hello: Any = {"messages": [{"role": "user", "content": "Hello"}]}
    for field, more in (("stop", {"stop": ("x",)}), ("seed", {"seed": 1, "temperature": 0.5})):
        with pytest.raises(Rejected, match=f"does not take {field}") as refused:
            list(served.backend.chat("dep-2", ChatRequest(**hello, **more)))
        assert refused.value.field == field
    assert list(served.backend.chat("dep-2", ChatRequest(**hello, seed=1, max_tokens=None))), "there is no chance in it"
    served.backend.undeploy("dep-2")
    served.until(request, Status.DELETED)
    assert not served.project.online


def test_a_managed_base_model_is_deployed_in_a_version(served: ServedCloud) -> None:
    unknown = "managed:azureml/some-model"
    with pytest.raises(Rejected, match="named version"):
        served.deploy(base=unknown)
    assert served.backend.deployment_offer(unknown, tuned=False).refused
    assert not served.backend.deployment_offer(unknown, tuned=True).refused
    assert not served.cloud.ledger.of("create")
    assert not served.backend.deployment_offer(MANAGED, tuned=False).refused, "the data files know its version"
    served.until(served.deploy("dep-2", base=f"{MANAGED}:13"), Status.READY, looks=40)
    model = served.project.online["dep-2"].children["main"].properties["model"]
    assert model == "azureml://registries/azureml/models/Phi-3-mini-4k-instruct/versions/13"


def test_it_answers_piece_by_piece_and_counts_tokens(served: ServedCloud) -> None:
    served.until(served.deploy(model=served.model()), Status.READY)
    pieces = served.ask("dep-1", "Where is my parcel?")
    assert "".join(each.text for each in pieces) == "The tuned model heard: Where is my parcel?"
    assert len(pieces) > 3
    assert pieces[-1].finish_reason == "stop"
    assert pieces[-1].prompt_tokens
    assert pieces[-1].completion_tokens == 8


def test_a_reader_who_leaves_stops_the_answer(served: ServedCloud) -> None:
    served.until(served.deploy(model=served.model()), Status.READY)
    answer = served.backend.chat("dep-1", ChatRequest(messages=[{"role": "user", "content": "Hello"}]))
    assert next(answer).text
    answer.close()  # type: ignore[attr-defined]  # a generator
    assert served.ask("dep-1", "Once more")[-1].finish_reason == "stop"


def test_keys_are_fetched_for_each_question_and_stand_nowhere(
    served: ServedCloud, caplog: pytest.LogCaptureFixture
) -> None:
    served.until(served.deploy(model=served.model()), Status.READY)
    caplog.set_level("DEBUG")
    key = served.backend.endpoint_key("dep-1")
    asked = len(served.cloud.ledger.of("read-keys"))
    served.ask("dep-1", "one")
    served.ask("dep-1", "two")
    assert len(served.cloud.ledger.of("read-keys")) == asked + 2
    assert key == served.project.serverless["dep-1"].keys["primaryKey"]
    assert key not in caplog.text
    assert key not in repr(served.backend.access("dep-1"))
    assert key not in repr(vars(served.backend)) + repr(vars(served.backend.azure))


def test_the_content_filter_is_reported_as_a_refusal(served: ServedCloud) -> None:
    served.until(served.deploy(model=served.model()), Status.READY)
    with pytest.raises(Refused, match=r"content filter refused this \(violence: medium\)") as refused:
        served.ask("dep-1", "a violence-probe")
    assert "again without it" in refused.value.fix


def test_too_many_questions_are_reported_with_the_limits_and_the_wait(served: ServedCloud) -> None:
    served.until(served.deploy(model=served.model()), Status.READY)
    served.cloud.state.requests_per_minute = 0
    with pytest.raises(RateLimited, match="200,000 tokens and 1,000 requests per minute") as limited:
        served.ask("dep-1", "Hello")
    assert limited.value.retry_after is not None
    assert limited.value.retry_after <= timedelta(minutes=1)


@pytest.mark.parametrize(
    ("kind", "error", "sentence"),
    [("401", NotAuthorised, "refuses the key"), ("500", Unavailable, "problem of its own"), ("404", NotFound, "404")],
)
def test_what_the_endpoint_says_is_reported_in_sentences(
    served: ServedCloud, kind: str, error: type[Exception], sentence: str
) -> None:
    served.until(served.deploy(model=served.model()), Status.READY)
    served.cloud.faults.add(("POST", "models.ai.azure.com"), kind)
    with pytest.raises(error, match=sentence):
        served.ask("dep-1", "Hello")


@pytest.mark.parametrize("kind", ["reset", "half-body", "html"])
def test_an_answer_that_breaks_off_is_no_answer(served: ServedCloud, kind: str) -> None:
    served.until(served.deploy(model=served.model()), Status.READY)
    served.cloud.faults.add(("POST", "models.ai.azure.com"), kind)
    with pytest.raises(Unavailable):
        served.ask("dep-1", "Hello")


def later(served: ServedCloud) -> None:
    """Bring our clock to the cloud's, and a minute further: what has just happened is the past."""
    assert isinstance(served.clock, TurnedClock)
    served.clock.turn(served.cloud.clock.now() - served.clock.now() + timedelta(minutes=1))


def test_what_azure_monitor_counted_is_reported(served: ServedCloud) -> None:
    served.until(served.deploy("dep-2", served.model(), base=MANAGED), Status.READY, looks=40)
    served.cloud.faults.add(("POST", "inference.ml.azure.com"), "500")
    with pytest.raises(Unavailable):
        served.ask("dep-2", "Hello")
    served.ask("dep-2", "Hello")
    later(served)
    calls = served.project.online["dep-2"].calls
    seen = served.backend.usage_metrics("dep-2", over=timedelta(hours=1))
    assert seen.requests == len(calls)
    assert seen.errors == sum(status >= 400 for _at, status, _ms in calls)
    assert seen.latency_ms_p50
    assert not seen.missing


def test_what_azure_monitor_does_not_have_is_missing_with_its_reason(served: ServedCloud) -> None:
    served.until(served.deploy(model=served.model()), Status.READY)
    assert served.backend.usage_metrics("dep-1", over=timedelta(hours=1)).requests is None
    later(served)
    seen = served.backend.usage_metrics("dep-1", over=timedelta(hours=1))
    assert seen.requests
    assert seen.latency_ms_p95 is None
    assert "no such figure" in seen.missing["latency_ms_p95"]
    served.cloud.faults.add(("GET", "Microsoft.Insights"), "403", times=9)
    assert "may not be read" in served.backend.usage_metrics("dep-1", over=timedelta(hours=1)).missing["requests"]


def test_the_code_runs_as_pasted_with_the_key_from_the_environment(served: ServedCloud, tmp_path: Path) -> None:
    request = served.deploy(model=served.model())
    endpoint = served.until(request, Status.READY).endpoint
    assert endpoint is not None
    code = served.backend.direct_code(endpoint)
    key = served.backend.endpoint_key("dep-1")
    assert key not in code["python"] + code["curl"]
    environment = {**served.cloud.environment(), "AZURE_ENDPOINT_KEY": key, "PATH": os.defpath}
    script = tmp_path / "ask.py"
    script.write_text(code["python"], encoding="utf-8")
    reported = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert reported.stdout.strip() == "The tuned model heard: Where is my parcel?"
    said = subprocess.run(
        ["/bin/sh", "-c", code["curl"]], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    if said.returncode == 127:
        pytest.skip("curl is not here")
    assert json.loads(said.stdout)["choices"][0]["message"]["content"].startswith("The tuned model heard")
