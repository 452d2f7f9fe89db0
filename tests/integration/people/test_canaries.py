"""The secrets of people through a real server that logs everything: none is anywhere where somebody may look."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app import people_command
from app.settings import Settings
from tests.support.journeys import Installation

PASSWORDS = {
    "password": "canary-20 of a password that is right",
    "new password": "canary-21 of the password after it",
    "wrong password": "canary-22 of a password that is wrong",
    "password in the field of names": "canary-23-typed-as-a-name",
    "weak password": "canary-24-a",
}
FORGED = {"forged token": "tdp_canary-25-of-a-token", "forged cookie": "canary-26-of-a-session"}
PAGES = (
    "/", "/account", "/settings/people", "/settings/audit", "/settings/audit/export", "/settings/engine", "/metrics",
    "/openapi.json", "/healthz/deep", "/sign-in", "/api/v1/audit/export",
)  # fmt: skip


@pytest.fixture
def here(tmp_path: Path) -> Iterator[tuple[Installation, str]]:
    """A server with accounts, and the first administrator's one-time code."""
    settings = {"log_level": "debug", "log_form": "json", "secret_key_file": str(tmp_path / "key")}
    said: list[str] = []
    chosen = Settings(data_dir=tmp_path / "data", secret_key_file=tmp_path / "key")
    people_command.switch_on(chosen, administrator="root", project="Everything", tell=said.append)
    (code,) = [line.rsplit(" ", 1)[1] for line in said if line.startswith("One-time code")]
    made = Installation(tmp_path / "data", settings)
    try:
        yield made, code
    finally:
        made.client.close()
        made.server.stop()


def come_in(browser: httpx.Client, code: str) -> dict[str, str]:
    """Use every secret on the way that works and on those that fail; return those that were made here."""
    made = {"code": code}
    chosen = {"password": PASSWORDS["weak password"], "again": PASSWORDS["weak password"]}
    assert browser.post("/welcome", data={"code": code, **chosen}).status_code == 422
    chosen = {"password": PASSWORDS["password"], "again": PASSWORDS["password"]}
    assert browser.post("/welcome", data={"code": code, **chosen}).status_code == 303
    made["first session"] = browser.cookies["tunedesk"]
    browser.cookies.clear()
    for name, word in (("root", "wrong password"), (PASSWORDS["password in the field of names"], "password")):
        assert browser.post("/sign-in", data={"name": name, "password": PASSWORDS[word]}).status_code in {401, 422}
    signed_in = browser.post("/sign-in", data={"name": "root", "password": PASSWORDS["password"]})
    assert signed_in.status_code == 303
    made["session"] = browser.cookies["tunedesk"]
    changed = {"old": PASSWORDS["password"], "new": PASSWORDS["new password"], "again": PASSWORDS["new password"]}
    assert browser.post("/account/password", data=changed).status_code == 303
    page = browser.post("/account/tokens", data={"name": "ci", "scope": "admin", "days": "30"}).text
    made["token"] = shown(r"tdp_[\w-]{40,}", page)
    page = browser.post("/settings/people", data={"name": "ada"}).text
    made["another's code"] = shown(r">([\w-]{27})<", page)
    return made


def shown(pattern: str, page: str) -> str:
    found = re.search(pattern, page)
    assert found is not None
    return next(filter(None, found.groups()), found[0])


def test_no_secret_of_a_person_is_found_anywhere(here: tuple[Installation, str]) -> None:
    installation, code = here
    url = installation.server.url
    with httpx.Client(base_url=url, headers={"origin": url}, trust_env=False, timeout=60) as browser:
        secrets = {**PASSWORDS, **FORGED, **come_in(browser, code)}
        api = f"{url}/api/v1/jobs"
        for token, status in ((secrets["token"], 200), (FORGED["forged token"], 401)):
            bearer = {"authorization": f"Bearer {token}"}
            assert httpx.get(api, headers=bearer, trust_env=False).status_code == status
        hook = {"name": "hook", "url": "http://127.0.0.1:9/"}  # its secret is sealed, by a key that is made for it
        bearer = {"authorization": f"Bearer {secrets['token']}"}
        sealed = httpx.post(f"{url}/api/v1/webhooks", json=hook, headers=bearer, trust_env=False)
        assert sealed.status_code == 201
        forged = {"cookie": f"tunedesk={FORGED['forged cookie']}"}
        assert httpx.get(f"{url}/jobs", headers=forged, trust_env=False).status_code == 401
        found = {f"page {each}": browser.get(each).content for each in PAGES}
    found |= {f"file {each.name}": each.read_bytes() for each in installation.folder.rglob("*") if each.is_file()}
    found["log"] = installation.server.log.read_bytes()
    assert len(secrets) == 12
    leaks = [f"{name} in {each}" for name, value in secrets.items() for each in found if value.encode() in found[each]]
    assert leaks == []
    keys = [path.stat().st_mode for path in installation.folder.parent.glob("key*") if path.is_file()]
    assert {stat.S_IMODE(each) for each in keys} == {0o600}
    open_to_others = [
        path.name for path in installation.folder.rglob("*") if path.stat().st_mode & 0o077 and path.suffix != ".log"
    ]
    assert open_to_others == []
    # What is no secret is found: the search itself works.
    assert {"page /settings/people", "file tunedesk.sqlite3-wal"} <= {each for each in found if b"ada" in found[each]}
    assert b"/welcome" in found["log"]
