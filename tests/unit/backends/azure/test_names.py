"""Names at Azure are valid, the same for the same id, and never two ids' one."""

import re
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.backends.azure_foundry.catalog.model_ids import ModelId, Way
from app.backends.azure_foundry.transport.names import (
    data_name,
    endpoint_name,
    is_ours,
    job_name,
    model_name,
    owner_tags,
)
from app.domain.backend import NotFound

IDS = st.from_regex(r"(job|dep|mdl)_[0-9a-z]{26}", fullmatch=True)
ANY = st.text(min_size=1, max_size=80)


@given(IDS, IDS)
def test_ids_of_ours_become_names_one_to_one(one: str, other: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}", job_name(one))
    assert re.fullmatch(r"[a-z][a-z0-9-]{1,30}[a-z0-9]", endpoint_name(one))
    assert (job_name(one) == job_name(other)) == (endpoint_name(one) == endpoint_name(other)) == (one == other)


@example("dep_" + "x" * 60)
@given(ANY)
def test_an_endpoints_name_is_valid_for_any_text(tag: str) -> None:
    name = endpoint_name(tag)
    assert 3 <= len(name) <= 32
    assert name[0].isalpha()
    assert re.fullmatch(r"[a-z0-9-]+", name)


@given(ANY, IDS)
def test_a_models_name_is_valid_and_ends_with_the_job(suffix: str, tag: str) -> None:
    name = model_name(suffix, tag)
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,254}", name)
    assert name.endswith(job_name(tag))


def test_data_is_named_by_its_hash() -> None:
    assert data_name("ab" * 32) == f"tunedesk-{'ab' * 16}"


@pytest.mark.parametrize(
    ("tags", "ours"),
    [
        (owner_tags("job_1", "here"), True),
        (owner_tags("job_1", "elsewhere"), False),
        ({"tunedesk": "job_1"}, False),
        ({"tunedesk-installation": "here"}, False),
        ({}, False),
        (None, False),
    ],
)
def test_only_what_carries_both_tags_is_ours(tags: Mapping[str, str] | None, ours: bool) -> None:
    assert is_ours(tags, "here") is ours


@pytest.mark.parametrize("text", ["serverless:azureml/Phi-4-mini-instruct", "managed:azureml-meta/Llama-3.3:9"])
def test_a_models_id_is_read_and_written_the_same(text: str) -> None:
    assert str(ModelId.parse(text)) == text


def test_a_models_id_leads_to_the_registry() -> None:
    model = ModelId.parse("managed:azureml/Phi-3-mini-4k-instruct:13")
    assert (model.way, model.version) == (Way.MANAGED, "13")
    assert model.uri == "azureml://registries/azureml/models/Phi-3-mini-4k-instruct/versions/13"


@pytest.mark.parametrize("text", ["", "builtin:starter", "serverless:azureml", "serverless:a/b/c", "managed:a/../b"])
def test_what_is_no_id_is_reported(text: str) -> None:
    with pytest.raises(NotFound) as caught:
        ModelId.parse(text)
    assert caught.value.fix
