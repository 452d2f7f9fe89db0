from collections.abc import Iterator

import httpx2
import pytest
from starlette.testclient import TestClient

from app.http.application import GuardedApp
from tests.support.app_context import TestHouse
from tests.support.server import serving

DATASETS = "/api/v1/datasets"
ROW = b'{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}\n'


def put(client: TestClient, content: bytes, **params: str) -> httpx2.Response:
    answer: httpx2.Response = client.put(DATASETS, params=params, content=content)
    return answer


def test_a_file_comes_back_as_it_went_in(client: TestClient) -> None:
    content = b"".join(ROW.replace(b"q", str(n).encode()) for n in range(30))
    made = put(client, content, filename='we"ird ä.jsonl')
    assert made.status_code == 201
    assert made.json()["name"]
    got = client.get(f"{DATASETS}/{made.json()['id']}/download")
    assert got.content == content
    assert got.headers["content-disposition"].startswith("attachment")
    assert got.headers["content-security-policy"].startswith("sandbox")


@pytest.mark.parametrize(
    ("content", "statuses"),
    [
        (b"", {422}),
        (b"\x00\x01\x02" * 100, {201}),
        (b"\xef\xbb\xbf" + ROW * 20, {201}),
        (ROW.decode().encode("utf-16"), {201}),
        (ROW * 6 + b'{"messages": [\n' + ROW * 6, {201}),
        (b'{"prompt": "x"}\n' * 20, {201}),
        (ROW, {201}),
        (b"a,b\n1,2\n", {201}),
        (b"[" * 100_000, {201}),
        (b'{"messages": ' + b"9" * 5000 + b"}\n", {201}),
        (b"\xff" * 1000, {201}),
        (b"\n" * 1000, {201}),
    ],
)
def test_whatever_the_file_it_is_reported_in_findings(client: TestClient, content: bytes, statuses: set[int]) -> None:
    made = put(client, content, name="hostile")
    assert made.status_code in statuses
    if made.status_code != 201:
        assert made.json()["detail"].endswith(".")
        return
    here = f"{DATASETS}/{made.json()['id']}"
    found = client.get(f"{here}/findings").json()["items"]
    assert made.json()["status"] in {"ready", "needs_fixing", "needs_mapping", "rejected"}
    assert made.json()["status"] == "ready" or any(each["severity"] == "error" for each in found)
    assert all(each["message"] and each["fix"] for each in found)
    assert client.get(f"{here}/rows").status_code == 200


def test_the_line_of_a_broken_row_is_reported(client: TestClient) -> None:
    made = put(client, ROW * 6 + b'{"messages": [\n' + ROW * 6, name="line seven").json()
    errors = client.get(f"{DATASETS}/{made['id']}/findings", params={"severity": "error"}).json()["items"]
    assert [each["line"] for each in errors] == [7]


def test_a_form_is_no_file(client: TestClient) -> None:
    refused = client.put(DATASETS, params={"name": "x"}, files={"file": ("x.jsonl", ROW)})
    assert refused.status_code == 415
    assert "curl -T" in refused.json()["fix"]


def test_a_project_that_does_not_exist(client: TestClient) -> None:
    assert put(client, ROW * 10, name="x", project="prj_none").status_code == 404


def test_a_file_over_the_limit_leaves_nothing(app: GuardedApp, app_context: TestHouse) -> None:
    """Sent piece by piece without a length, to a real server."""

    def pieces() -> Iterator[bytes]:
        for _ in range(65):
            yield b"x" * 2**20

    with serving(app) as url, httpx2.Client(base_url=url, timeout=60) as http:
        refused = http.put(DATASETS, params={"name": "large"}, content=pieces())
        assert refused.status_code == 413
        assert refused.json()["detail"].endswith(".")
        assert http.get(DATASETS).json()["items"] == []
    data = app_context.folder / "data"
    assert sum(file.stat().st_size for file in data.rglob("*") if file.is_file()) == 0


def test_rows_are_paged_by_line_number(client: TestClient) -> None:
    made = put(client, b"".join(ROW.replace(b"q", str(n).encode()) for n in range(25)), name="rows").json()
    seen: list[int] = []
    params: dict[str, str] = {"limit": "10"}
    while True:
        page = client.get(f"{DATASETS}/{made['id']}/rows", params=params).json()
        seen += [row["line"] for row in page["items"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert seen == list(range(1, 26))


def test_what_a_job_was_trained_on_stays(client: TestClient, app_context: TestHouse) -> None:
    body = app_context.fields()
    client.post("/api/v1/jobs", json=body, headers={"idempotency-key": "k"})
    refused = client.delete(f"{DATASETS}/{body['training_dataset']}")
    assert refused.status_code == 409
    free = app_context.dataset(name="free", rows=11)
    assert client.delete(f"{DATASETS}/{free.id}").status_code == 204
    assert client.get(f"{DATASETS}/{free.id}").status_code == 404
