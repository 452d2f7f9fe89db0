"""Twelve secrets through a real server that logs everything: none of them is anywhere where somebody may look."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.demo.client import DemoError
from tests.campaigns import stand_in_child
from tests.support.connections import LOCAL_ID, REHEARSAL_ID
from tests.support.journeys import Installation, job_request
from tests.support.local import end_all, stand_in
from tests.support.waiting import until

# What somebody has a word for, and what nobody has: both kinds of redaction are tried.
ENVIRONMENT = {
    "AZURE_CLIENT_SECRET": "canary-01~environment~azure",
    "OPENAI_API_KEY": "sk-canary-02-environment-openai-0123456789",
    "HF_TOKEN": "hf_canary03environmenthub0123456789",
}
TYPED = {
    "connection": "canary-04~connection~secret",
    "bearer": "canary-05~bearer~of~nobody",
    "cookie": "canary-06~cookie~of~nobody",
    "misplaced": "canary-07~in~a~field~of~no~name",
    "address": "canary-08~password~in~an~address",
    "query": "canary-09~query~of~no~address",
}
CONNECTION = {
    "backend": "azure_foundry",
    "name": "canaries",
    "settings": {
        "credential": "client_secret",
        "tenant_id": "00000000-0000-0000-0000-000000000001",
        "client_id": "00000000-0000-0000-0000-000000000002",
        "subscription_id": "00000000-0000-0000-0000-000000000003",
        "resource_group": "group",
        "workspace": "workspace",
    },
}
PAGES = ("", "jobs", "datasets", "models", "deployments", "connections", "settings", "settings/engine")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """A server with the secrets in its environment, which logs everything as JSON; its children need no torch."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    settings = {
        "rehearsal": "true",
        "log_level": "debug",
        "log_form": "json",
        "secret_key_file": str(tmp_path / "key"),
        "runtime_python": str(stand_in(tmp_path, Path(stand_in_child.__file__))),
    }
    made = Installation(tmp_path / "data", settings)
    try:
        yield made
    finally:
        made.client.close()
        made.server.stop()
        end_all(tmp_path / "data" / "runs")


def raw(url: str, **headers: str) -> tuple[int, str]:
    """Ask as a program does that nobody tidies up after."""
    answer = httpx.get(url, headers=headers, trust_env=False, timeout=60)
    return answer.status_code, answer.text


def use_everything(here: Installation, key_file: Path) -> dict[str, str]:
    """Use each secret once, on the way that works and on those that fail; return those that were made here."""
    client, url = here.client, here.server.url
    sealed = {"client_secret": TYPED["connection"]}
    connection = client.post("/connections", {**CONNECTION, "secrets": sealed})["id"]
    hook = client.post("/webhooks", {"name": "hook", "url": "http://127.0.0.1:9/"})
    deployment = client.post(
        "/deployments", {"name": "base", "target": {"connection": LOCAL_ID, "base_model": "builtin:starter"}}
    )["id"]
    client.until(f"/deployments/{deployment}", lambda seen: seen["status"] == "ready")
    key = re.search(r"tdk-[A-Za-z0-9_-]+", _posted(f"{url}/deployments/{deployment}/client-key"))
    assert key is not None
    client.post("/jobs", job_request(client) | {"connection": REHEARSAL_ID, "base_model": "rehearsal:small"})
    client.post(f"/webhooks/{hook['webhook']['id']}/test", {})
    _fail(here, deployment, connection, key_file)
    return {"webhook": hook["secret"], "key": key[0], "vault": key_file.read_text().split()[0]}


def _posted(url: str) -> str:
    return httpx.post(url, trust_env=False, timeout=60).text


def _fail(here: Installation, deployment: str, connection: str, key_file: Path) -> None:
    """Bring secrets to where they are refused, to where nothing is, and to a key that is not there."""
    client, url = here.client, here.server.url
    base = f"{url}/api/v1/deployments/{deployment}/v1/models"
    assert raw(base, authorization=f"Bearer {TYPED['bearer']}")[0] == 401
    assert raw(f"{url}/nowhere?api_key={TYPED['query']}", cookie=f"session={TYPED['cookie']}")[0] == 404
    for body in (
        {**CONNECTION, "secrets": {TYPED["misplaced"]: "x", "client_secret": TYPED["misplaced"]}},
        {**CONNECTION, "settings": {**CONNECTION["settings"], "region": TYPED["misplaced"]}},  # type: ignore[dict-item]
    ):
        with pytest.raises(DemoError):
            client.post("/connections", body)
    with pytest.raises(DemoError):
        client.post("/webhooks", {"name": "hook", "url": f"https://user:{TYPED['address']}@hooks.example/"})
    client.post(f"/connections/{connection}/doctor", {})
    content = key_file.read_bytes()
    key_file.unlink()
    client.post(f"/connections/{connection}/doctor", {})
    key_file.write_bytes(content)
    key_file.chmod(0o600)


def processes(folder: Path) -> dict[str, bytes]:
    """The command lines of the server and its children, and the environments of the children."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
        except OSError:
            continue
        ours = str(folder).encode()
        if ours in command or ours in environment:
            found[f"argv of {entry.name}"] = command
            if ours in command and b"serve" not in command[:200]:
                found[f"environment of {entry.name}"] = environment
    return found


def everything(here: Installation, tmp_path: Path) -> dict[str, bytes]:
    """Whatever somebody may look at: files, log, pages, the document, figures, processes."""
    found = {f"file {each.name}": each.read_bytes() for each in here.folder.rglob("*") if each.is_file()}
    found["log"] = here.server.log.read_bytes()
    listed = [
        *PAGES,
        "settings/webhooks",
        *(f"connections/{each['id']}" for each in here.client.items("/connections")),
        "metrics",
        "openapi.json",
        "healthz",
    ]
    for page in listed:
        found[f"page /{page}"] = raw(f"{here.server.url}/{page}")[1].encode()
    return found | processes(tmp_path)


def test_none_of_twelve_secrets_is_found_anywhere(here: Installation, tmp_path: Path) -> None:
    made = use_everything(here, tmp_path / "key")
    secrets = {**ENVIRONMENT, **TYPED, **made}
    assert len(secrets) == 12
    log = here.server.log
    until(lambda: "/nowhere" in log.read_text(), doing="the log")
    found = everything(here, tmp_path)
    assert sum(name.startswith("environment of") for name in found) >= 1
    assert sum(name.startswith("argv of") for name in found) >= 2
    leaks = [f"{name} in {each}" for name, value in secrets.items() for each in found if value.encode() in found[each]]
    assert leaks == []
    # What is no secret is found: the search itself works.
    assert {each.split()[0] for each in found if b"canaries" in found[each]} == {"file", "page"}
    assert b"/nowhere" in found["log"]


def test_the_log_has_a_line_for_each_request_with_who_and_what(here: Installation, tmp_path: Path) -> None:
    job = here.client.post(
        "/jobs", job_request(here.client) | {"connection": REHEARSAL_ID, "base_model": "rehearsal:small"}
    )
    here.client.get(f"/jobs/{job['id']}")

    def logged() -> list[dict[str, Any]]:  # a line is written once its answer is out
        lines = [json.loads(each) for each in here.server.log.read_text().splitlines() if each.startswith("{")]
        return [each for each in lines if each.get("path") == f"/api/v1/jobs/{job['id']}"]

    (seen,) = until(logged, doing="the request's line")
    assert (seen["person"], seen["job"], seen["status"], seen["method"]) == ("owner", job["id"], 200, "GET")
    assert seen["request"].startswith("req_")
