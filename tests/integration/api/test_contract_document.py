"""What the OpenAPI document promises to whoever makes a client from it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from starlette.testclient import TestClient

from app.http.openai_errors import speaks_openai
from tests.support.app_context import TestHouse
from tests.support.contract import refusal
from tests.support.door import address, key
from tests.support.hostile import pretend_ready

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture
def document(client: TestClient) -> dict[str, Any]:
    described: dict[str, Any] = client.get("/openapi.json").json()
    return described


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (method, path, operation)."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def test_schemas_have_one_plain_name_each_which_is_their_title(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert [name for name in schemas if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name)] == []
    assert {name: schema.get("title") for name, schema in schemas.items()} == {name: name for name in schemas}


def test_operation_ids_are_short_plain_and_unique(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert [each for each in ids if not re.fullmatch(r"[a-z][a-z0-9_]{2,39}", each)] == []
    assert sorted(ids) == sorted(set(ids))


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, str, str, dict[str, Any], Any]]:
    """Yield (method, path, media type, schema, example) of every request body, None where there is no example."""
    for method, path, operation in operations(document):
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            schema = content["schema"]
            schema = schema.get("anyOf", [schema])[0]  # a body may be left out: null
            reference = schema.get("$ref", "").rpartition("/")[2]
            named = document["components"]["schemas"][reference] if reference else schema
            examples = content.get("examples", {}) or {}
            given = [content["example"]] if "example" in content else [each["value"] for each in examples.values()]
            yield method, path, media_type, named, next(iter([*given, *named.get("examples", [])]), None)


def test_every_body_has_an_example_that_is_taken(
    document: dict[str, Any], client: TestClient, app_context: TestHouse
) -> None:
    pretend_ready(app_context.app_context.runtimes)
    seen = 0
    refused = []
    for method, path, media_type, schema, example in bodies(document):
        assert example is not None, (method, path)
        content = example.encode() if isinstance(example, str) else None
        if content is None:
            OAS31Validator({**schema, "components": document["components"]}).validate(example)
        sent = {"content": content} if content is not None else {"json": example}
        headers = {**key(f"{seen}"), "content-type": media_type}
        answer = client.request(method.upper(), address(path), headers=headers, **sent)
        if not answer.is_success:
            refused.append(refusal(f"{method} {path}", answer.status_code, answer.content))
        seen += 1
    assert [each for each in refused if not each.in_order] == []
    assert seen > 20


def test_every_address_tells_all_its_methods(document: dict[str, Any], client: TestClient) -> None:
    wrong = []
    for path, item in document["paths"].items():
        declared = {method.upper() for method in METHODS if method in item}
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - declared:
            answer = client.request(method, address(path))
            said = {each.strip() for each in answer.headers.get("allow", "").split(",")}
            if (answer.status_code, said) != (405, declared):
                wrong.append((method, path, answer.status_code, said))
    assert wrong == []


def test_every_refusal_is_described_by_its_status(document: dict[str, Any]) -> None:
    problems = document["components"]["responses"]
    assert {tuple(each["content"]) for each in problems.values()} == {("application/problem+json",)}
    for method, path, operation in operations(document):
        answers = operation["responses"]
        if speaks_openai(path):
            failures = {status: answer for status, answer in answers.items() if status >= "400"}
            assert {"400", "401", "403", "404", "413", "421", "429", "502", "503"} == failures.keys(), (method, path)
            assert {answer["content"]["application/json"]["schema"]["$ref"] for answer in failures.values()} == {
                "#/components/schemas/OpenAIErrorOut"
            }
            assert operation["security"] == [{"DeploymentKey": []}]
            continue
        expected = {"400", "401", "413", "421"}
        expected |= {"404"} if "{" in path else set()
        expected |= {"403", "409"} if method != "get" else set()
        expected |= {"404", "415", "422"} if "requestBody" in operation else set()
        assert expected <= answers.keys(), (method, path)
        refused = {status: answer for status, answer in answers.items() if status.isdigit() and status >= "400"}
        assert {answer["$ref"].rpartition("/")[2] for answer in refused.values()} <= problems.keys()
    assert "404" not in document["paths"]["/api/v1/projects"]["get"]["responses"]
