"""docs/deploy.md followed as written, as far as one machine goes: each proxy from Debian, a certificate of its own."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import people_command
from app.settings import Settings
from tests.architecture.tree import ROOT
from tests.support.journeys import Installation
from tests.support.proxies import NAME, PROXIES, Browser, Site, direct
from tests.support.rehearsed import rows_file

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize(
        "proxy",
        [
            pytest.param(
                name, marks=pytest.mark.skipif(each.program is None, reason=f"no {name}: apt-get install {name}")
            )
            for name, each in PROXIES.items()
        ],
    ),
]
PASSWORD = "a long and fine password of ada's"
FORGED = {
    "x-forwarded-for": "203.0.113.9", "forwarded": "for=203.0.113.9", "x-real-ip": "203.0.113.9", "via": "1.1 x",
    "x-remote-user": "ada",
}  # fmt: skip
LONG = """{"queue_s": 0.0, "train_s": 3600.0}"""  # a training that is under way for as long as somebody looks


def settings_of_the_document() -> dict[str, str]:
    """Return what docs/deploy.md has the administrator write into /etc/tunedesk.env."""
    document = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    found = re.findall(r"^TUNEDESK_([A-Z_]+)=(.+)$", document, re.MULTILINE)
    return {name.lower(): value for name, value in found}


def settings(folder: Path) -> dict[str, str]:
    script = folder / "script.json"
    script.write_text(LONG, encoding="utf-8")
    own = {"rehearsal": "true", "rehearsal_script": str(script), "secret_key_file": str(folder / "key")}
    return {**settings_of_the_document(), **own}


@pytest.fixture
def site(tmp_path: Path, proxy: str) -> Iterator[Site]:
    here = Installation(tmp_path / "data", settings(tmp_path))
    try:
        with PROXIES[proxy].before(tmp_path, here.server.url) as made:
            yield made
    finally:
        here.client.close()
        here.server.stop()


@pytest.fixture
def team(tmp_path: Path, proxy: str) -> Iterator[tuple[Site, str]]:
    """With accounts, which were switched on as the document says: the proxy, and the first one-time code."""
    said: list[str] = []
    chosen = Settings(data_dir=tmp_path / "data", secret_key_file=tmp_path / "key")
    people_command.switch_on(chosen, administrator="ada", project="Everything", tell=said.append)
    (code,) = [line.rsplit(" ", 1)[1] for line in said if line.startswith("One-time code")]
    here = Installation(tmp_path / "data", {**settings(tmp_path), "runtime_autoinstall": "false"})
    try:
        with PROXIES[proxy].before(tmp_path, here.server.url) as made:
            yield made, code
    finally:
        here.client.close()
        here.server.stop()


def test_the_proxy_serves_by_tls_alone_and_lets_nobody_pass_for_the_owner(site: Site) -> None:
    with site.client() as client:
        live = client.get(site.url("/healthz/live"))
        assert (live.status_code, live.json()) == (200, {"status": "ok"})
        assert live.headers["strict-transport-security"] == "max-age=31536000"
        assert client.get(site.url("/healthz/ready")).status_code == 200
        if site.plain is not None:
            moved = client.get(f"http://{NAME}:{site.plain}/jobs?q=1")
            assert (moved.status_code, moved.headers["location"]) == (301, f"https://{NAME}/jobs?q=1")
        for path in ("/", "/jobs", "/api/v1/jobs", "/metrics", "/healthz/deep"):
            for forged in ({}, {"x-forwarded-for": "127.0.0.1", "forwarded": "for=127.0.0.1", "host": "127.0.0.1"}):
                answer = client.get(site.url(path), headers=forged)
                # Under a name that it does not have, Caddy answers itself, with nothing.
                own = not answer.content and "x-request-id" not in answer.headers
                assert own or answer.status_code in {401, 404, 421}, path


def test_a_body_of_many_pieces_is_sent_on_as_it_comes(site: Site) -> None:
    """Without buffering, the refusal arrives before the whole body was sent."""
    with site.client() as client:
        pieces = (bytes(1 << 16) for _ in range(200))
        refused = client.put(site.url("/api/v1/datasets?name=x&filename=x.jsonl"), content=pieces)
        assert refused.status_code in {401, 403}


def signed_in(browser: Browser, name: str, **headers: str) -> str:
    """Sign in by the page; return what the server says of the cookie."""
    answer = browser.form("/sign-in", {"name": name, "password": PASSWORD}, **headers)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    return browser.keep(answer)


def where(browser: Browser) -> set[str]:
    """Return the addresses from which somebody is signed in, as their list of sessions has them."""
    return {each["address"] for each in browser.json("GET", "/api/v1/account/sessions")["items"]}


def test_people_sign_in_through_it_and_the_word_of_nobody_else_is_taken_for_where_from(team: tuple[Site, str]) -> None:
    site, code = team
    ada = Browser(site, source="127.0.0.3")
    chosen = ada.form("/welcome", {"code": code, "password": PASSWORD, "again": PASSWORD})
    assert chosen.status == 303
    said = ada.keep(chosen)
    assert said.startswith("__Host-tunedesk=")
    flags = {each.strip().lower() for each in said.split(";")[1:]}
    assert flags >= {"secure", "httponly", "samesite=lax", "path=/"}
    assert not {each for each in flags if each.startswith("domain")}
    assert ada.get("/jobs").status == 200
    chosen = ada.form("/settings/theme", {"theme": "dark", "next": "/"})
    assert chosen.headers["set-cookie"].endswith("; Secure"), "and so is every other cookie"
    assert where(ada) == {"127.0.0.3"}
    again = Browser(site, source="127.0.0.4")
    signed_in(again, "ada", **FORGED)
    assert where(again) == {"127.0.0.3", "127.0.0.4"}, "what a browser claims is replaced by the proxy"
    beside = Browser(direct(site), source="127.0.0.5")  # not by the proxy, and no proxy that is listed
    signed_in(beside, "ada", **FORGED)
    assert where(beside) == {"127.0.0.3", "127.0.0.4", "127.0.0.5"}
    for stranger in (Browser(site), Browser(direct(site), source="127.0.0.5")):
        assert stranger.get("/jobs", **FORGED).status == 401
        assert stranger.get("/api/v1/account", **FORGED).status == 401
    foreign = ada.send("POST", "/settings/theme", b"theme=dark", **{"sec-fetch-site": "cross-site"})
    assert foreign.status == 403


def test_a_stream_comes_through_it_as_it_goes_and_ends_with_the_session(team: tuple[Site, str]) -> None:
    site, code = team
    ada, another = Browser(site, source="127.0.0.3"), Browser(site, source="127.0.0.4")
    ada.keep(ada.form("/welcome", {"code": code, "password": PASSWORD, "again": PASSWORD}))
    signed_in(another, "ada")
    project = ada.json("GET", "/api/v1/projects")["items"][0]["id"]
    rows = ada.json("PUT", f"/api/v1/datasets?name=rows&project={project}", rows_file(), kind="application/jsonl")
    wanted = {"project": project, "connection": "con_rehearsal", "base_model": "rehearsal:small", "name": "long"}
    job = ada.json("POST", "/api/v1/jobs", {**wanted, "training_dataset": rows["id"]}, key="once")["id"]
    for path in (f"/api/v1/jobs/{job}/stream", f"/jobs/{job}/live"):
        with ada.stream(path) as stream:
            assert stream.status == 200
            came = b""
            while b"data:" not in came:  # kept back until the end, it would not come for an hour
                came += stream.readline()
    assert ada.json("GET", f"/api/v1/jobs/{job}")["status"] not in {"succeeded", "failed", "cancelled"}
    sessions = {each["address"]: each["id"] for each in ada.json("GET", "/api/v1/account/sessions")["items"]}
    with ada.stream(f"/api/v1/jobs/{job}/stream") as stream:
        assert another.send("DELETE", f"/api/v1/account/sessions/{sessions['127.0.0.3']}").status == 204
        assert b"event: job" in stream.read(), "it ends by itself"
    assert ada.get("/jobs").status == 401
