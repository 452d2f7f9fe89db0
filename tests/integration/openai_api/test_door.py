"""Whatever is wrong below `/v1`, it is told in OpenAI's words, and a client knows whether asking again may help."""

from datetime import timedelta

import httpx
import openai
import pytest

from app.http.guard import MIB, GuardPolicy
from tests.integration.openai_api.conftest import Door
from tests.support.openai_types import findings

ENVELOPE = {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "content", "status", "code"),
    [
        ("GET", "/nothing", {}, b"", 404, "unsupported_endpoint"),
        ("GET", "", {}, b"", 404, "unsupported_endpoint"),
        ("POST", "/embeddings", {}, b"{}", 404, "unsupported_endpoint"),
        ("POST", "/responses", {}, b"{}", 404, "unsupported_endpoint"),
        ("PUT", "/files", {}, b"", 405, "method_not_allowed"),
        ("DELETE", "/fine_tuning/jobs", {}, b"", 405, "method_not_allowed"),
        ("GET", "/files", {"authorization": ""}, b"", 401, "invalid_api_key"),
        ("GET", "/files", {"authorization": "Basic eDp5"}, b"", 401, "invalid_api_key"),
        ("GET", "/files", {"host": "elsewhere.example"}, b"", 421, "wrong_host"),
        ("GET", "/files", {"x-forwarded-for": "10.0.0.7"}, b"", 401, "invalid_api_key"),
        ("POST", "/fine_tuning/jobs", {"cookie": "a=b", "origin": "http://x.example"}, b"{}", 403, "cross_site"),
        ("POST", "/fine_tuning/jobs", {"content-type": "application/json"}, b"{", 400, "invalid_json"),
        ("POST", "/fine_tuning/jobs", {"content-type": "application/json"}, b"[1]", 400, "invalid_value"),
        ("POST", "/fine_tuning/jobs", {"content-type": "text/plain"}, b"{}", 400, "invalid_content_type"),
        ("POST", "/fine_tuning/jobs", {"content-type": "application/json"}, b" " * (MIB + 1), 413, "too_large"),
        ("POST", "/fine_tuning/jobs", {}, b"", 400, "missing_required_parameter"),
        ("GET", "/fine_tuning/jobs/ftjob-none", {}, b"", 404, "job_not_found"),
        ("GET", "/fine_tuning/jobs/job_none", {}, b"", 404, "job_not_found"),
        ("GET", "/fine_tuning/jobs?limit=0", {}, b"", 400, "invalid_value"),
        ("GET", "/fine_tuning/jobs?page=2", {}, b"", 400, "unknown_parameter"),
        ("GET", "/fine_tuning/jobs?after=ftjob-none", {}, b"", 404, "job_not_found"),
        ("GET", "/files?limit=99999", {}, b"", 400, "invalid_value"),
        ("GET", "/files", {"openai-project": "prj_none"}, b"", 200, ""),
    ],
)  # fmt: skip
def test_each_refusal_is_openais(
    shared: Door, method: str, path: str, headers: dict[str, str], content: bytes, status: int, code: str
) -> None:
    sent = {name: value for name, value in ({"authorization": "Bearer x"} | headers).items() if value}
    answered = httpx.request(method, f"{shared.url}/v1{path}", headers=sent, content=content or None, trust_env=False)
    assert answered.status_code == status
    assert answered.headers["openai-version"] == "2020-10-01"
    assert answered.headers["openai-processing-ms"].isdigit()
    assert answered.headers["x-request-id"].startswith("req_")
    if status >= 400:
        assert answered.json()["error"].keys() == ENVELOPE
        assert answered.json()["error"]["code"] == code
        assert answered.headers["x-should-retry"] == "false"


def test_the_client_reads_the_reason(shared: Door) -> None:
    with pytest.raises(openai.NotFoundError, match="TuneDesk answers files, uploads, fine-tuning jobs") as refused:
        shared.client.embeddings.create(model="x", input="y")
    assert refused.value.request_id is not None


def test_a_project_is_named_by_header_and_one_of_openais_means_none(door: Door) -> None:
    oldest = door.house.project("Support")
    door.house.clock.turn(timedelta(seconds=1))
    other = door.house.project("Sales")

    def brought(project: str) -> str:
        client = door.client.with_options(project=project)
        return str(client.files.create(file=("a.jsonl", b'{"text": "x"}\n'), purpose="fine-tune").id)

    assert brought(other) == brought("Sales")
    assert brought(oldest) == brought("Support") == brought("proj_abc") == brought("") != brought(other)
    with pytest.raises(openai.NotFoundError, match="no project 'prj_none'"):
        brought("prj_none")


def test_a_wrong_answer_is_found_by_the_types() -> None:
    assert findings({"id": "file-1", "object": "file"}, "OpenAIFile") != []


def test_what_may_be_large_is_said_by_the_guard() -> None:
    policy = GuardPolicy(hosts=frozenset())
    large = [("POST", "/v1/files"), ("POST", "/v1/uploads/upload_1/parts")]
    assert {policy.limit(*each) for each in large} == {policy.upload_bytes}
    small = [("POST", "/v1/uploads/upload_1/complete"), ("POST", "/v1/uploads/parts"), ("PUT", "/v1/files")]
    small += [("POST", "/v1/uploads/a/b/parts"), ("POST", "/v1/fine_tuning/jobs"), ("POST", "/v1/files/")]
    assert {policy.limit(*each) for each in small} == {policy.body_bytes}
