"""What the tests of people in a browser share: an installation with accounts, a directory, and somebody's browser."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI
from playwright.sync_api import Browser, expect

from app import people_command
from app.backends.rehearsal.backend import RehearsalBackend
from app.domain.actors import OWNER
from app.main import create_app
from app.settings import Settings
from tests.browser.looks import FEW_LOOKS, PATIENCE, Visit
from tests.support.connections import REHEARSAL_ID
from tests.support.issuer import CLIENT, SECRET
from tests.support.providers import providing
from tests.support.server import serving

PASSWORD = "four unrelated words of a test"
FIRST_PROJECT = "Support"
# What a browser notes by itself of an answer that refuses, and htmx of a stream that the server ended; and that the
# directory's own page asks elsewhere for its styles.
_REFUSALS = ("401 (Unauthorized)", "403 (Forbidden)", "404 (Not Found)", "htmx:sse:error", "net::ERR_NAME_NOT_RESOLVED")


@dataclass
class TeamInstallation:
    """An installation in this process with accounts and a directory that is not ours; `code` is the administrator's."""

    app: FastAPI
    url: str
    code: str

    def train_for(self, seconds: float) -> None:
        """Let rehearsed trainings that begin from now on take so long."""
        with self.app.state.scopes.open(OWNER) as scope:
            backend = scope.backend(REHEARSAL_ID)
        assert isinstance(backend, RehearsalBackend)
        backend.script = replace(backend.script, train_s=seconds)


@contextmanager
def team_installation(folder: Path, script: str, *, runtime: Path | None = None) -> Iterator[TeamInstallation]:
    """Give an installation that serves; accounts were switched on by the command."""
    said: list[str] = []
    with ExitStack() as stack:
        issuer = stack.enter_context(providing("python", ""))
        (folder / "secret").write_text(SECRET, encoding="utf-8")
        settings = Settings(
            data_dir=folder / "data",
            runtimes_dir=folder / "runtimes",
            secret_key_file=folder / "key",
            runtime_autoinstall=False,
            runtime_python=runtime,
            local_niceness=0,
            rehearsal=True,
            rehearsal_script=Path(script),
            disk_reserve_mb=0,
            port=0,
            engine_interval_s=0.2,
            oidc_issuer=issuer,
            oidc_client_id=CLIENT,
            oidc_secret_file=folder / "secret",
            oidc_name="the company's directory",
            outgoing_allowed=(urlsplit(issuer).netloc,),
        )
        people_command.switch_on(settings, administrator="root", project=FIRST_PROJECT, tell=said.append)
        code = next(line.rsplit(" ", 1)[1] for line in said if line.startswith("One-time code"))
        app = create_app(settings)
        yield TeamInstallation(app, stack.enter_context(serving(app)), code)


class Colleague:
    """Somebody in a browser of their own; with `looks` every page is held against axe and its width on the way."""

    def __init__(self, visit: Visit, here: TeamInstallation, *, looks: bool) -> None:
        self.visit, self.page, self.here, self._looks = visit, visit.page, here, looks

    def opens(self, path: str) -> int:
        """Open an address of the installation; return its status."""
        answer = self.page.goto(self.here.url + path)
        assert answer is not None
        return answer.status

    def at(self, heading: str) -> None:
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(heading)

    def press(self, name: str | re.Pattern[str]) -> None:
        self.page.get_by_role("button", name=name).first.click()

    def sees(self, name: str) -> None:
        """Have the page looked at."""
        if self._looks:
            self.visit.looks_right(f"team-{name}", FEW_LOOKS)

    def comes_by_code(self, code: str) -> None:
        """Come in with a one-time code, and choose a password."""
        self.opens("/welcome")
        self.at("Choose a password")
        self.page.get_by_label(re.compile("^One-time code")).fill(code)
        self.page.get_by_label(re.compile("^New password")).fill(PASSWORD)
        self.page.get_by_label(re.compile("^Repeat")).fill(PASSWORD)
        self.press("Save and sign in")
        expect(self.page.locator("#meter")).to_be_visible()

    def comes_from_the_directory(self, name: str, code: str) -> None:
        """Come in by single sign-on for the first time: the directory knows them, and the code says who they are."""
        self.opens("/")
        self.at("Sign in")
        self.sees("sign-in")
        self.page.get_by_role("link", name="Sign in with the company's directory").click()
        self.page.get_by_role("button", name=name, exact=True).click()
        self.at("You have no account here yet")
        self.sees("stranger")
        self.page.get_by_label(re.compile("^One-time code")).fill(code)
        self.press("Connect and sign in")
        expect(self.page.locator("#meter")).to_be_visible()

    def invites(self, name: str) -> str:
        """Make an account; return its one-time code."""
        self.opens("/settings/people")
        self.page.get_by_label("Name", exact=True).fill(name)
        self.press("Make an account and a code")
        shown = self.page.locator(".note code")
        expect(shown).to_be_visible()
        return shown.inner_text()

    def adds(self, name: str, role: str, project: str) -> None:
        """Let somebody be something in a project, by the project's own page."""
        self.opens("/projects")
        self.page.locator("#projects").get_by_role("link", name=project).click()
        self.at(project)
        self.page.locator("#main").get_by_role("link", name="People").click()
        self.at("People of this project")
        self.page.get_by_label("Name", exact=True).fill(name)
        self.page.get_by_label("Role", exact=True).select_option(role)
        self.press("Save")
        expect(self.page.locator("#people li", has_text=name)).to_contain_text(role, ignore_case=True)

    def signs_out_everywhere(self, name: str) -> None:
        """End all sessions of somebody else."""
        self.opens("/settings/people")
        line = self.page.locator("#people li", has_text=name)
        line.get_by_role("button", name="Sign out everywhere").click()
        expect(self.page.get_by_text("Signed out in every browser.")).to_be_visible()


@contextmanager
def colleague(browser: Browser, pictures: Path, here: TeamInstallation, *, looks: bool = False) -> Iterator[Colleague]:
    """Give somebody a browser; its console must have stayed silent in the end, but for what refusals leave there."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    visit = Visit(context.new_page(), pictures, besides=_REFUSALS)
    yield Colleague(visit, here, looks=looks)
    context.close()
    assert not visit.complaints, visit.complaints
