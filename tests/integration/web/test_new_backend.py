"""A backend of a new name, listed in the registry and nowhere else, goes through every page of a job."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup, Tag
from starlette.testclient import TestClient

from app.backends.registry import REGISTRY
from app.engine.engine import Engine
from app.http.application import GuardedApp
from app.main import create_app
from app.settings import Settings
from tests.support.app_context import chats
from tests.support.clock import TurnedClock
from tests.support.door import BASE_URL, client_of
from tests.support.toy import FAILS, MODEL, TOKEN, ToyKind, ToyProvider

ROWS = chats(40, ("yes", "no"), "question number {n}, is it so?")


@dataclass
class Site:
    """The whole application with one more kind of connection, a browser without scripts, and an engine in hand."""

    client: TestClient
    clock: TurnedClock
    engine: Engine
    provider: ToyProvider

    def soup(self, path: str) -> BeautifulSoup:
        answer = self.client.get(path.partition("#")[0])
        assert answer.status_code == 200, answer.text[:800]
        return BeautifulSoup(answer.text, "html.parser")

    def words(self, path: str) -> str:
        """Return what a page says."""
        return " ".join(self.soup(path).get_text(" ").split())

    def send(self, path: str, form: dict[str, str], **more: object) -> str:
        """Send a form and return where it leads."""
        answer = self.client.post(path, data=form, **more)  # type: ignore[arg-type]  # files
        assert answer.status_code == 303, answer.text[:3000]
        return str(answer.headers["location"])

    def turn(self, times: int = 40) -> None:
        for _ in range(times):
            self.engine.tick()
            self.clock.turn(timedelta(seconds=5))

    def connect(self) -> str:
        """Make a connection by its form, and run its doctor."""
        assert self.soup("/connections").select_one('a[href="/connections/new?backend=toy"]')
        assert self.soup("/connections/new?backend=toy").select_one('[name="secrets.token"]')
        form = {"backend": "toy", "name": "The toy shop", "slots": "2", "secrets.token": TOKEN}
        made = self.send("/connections/new", form).rpartition("/")[2]
        self.send(f"/connections/{made}/doctor", {})
        assert "The token is known" in self.words(f"/connections/{made}")
        return made

    def wizard(self, connection: str, data: str, name: str) -> str:
        """Go through the five steps; return the draft."""
        draft = self.send("/wizard", {}).split("/")[2]
        step = f"/wizard/{draft}"
        assert "wood, not a model" in self.words(f"{step}/project")
        self.send(f"{step}/project", {"project": "new", "new_project": f"P {name}", "connection": connection,
                                      "goto": "next"})  # fmt: skip
        assert "As it stands on the box." in self.words(f"{step}/model")
        assert "Hugging Face" not in self.words(f"{step}/model")
        answers = {"base_model": MODEL.id, "name": name, "task_type": "chat_completion", "method": "sft"}
        self.send(f"{step}/model", {**answers, "goto": "next"})
        self.send(f"{step}/data", {"training_dataset": data, "goto": "next"})
        self.send(f"{step}/validation", {"validation.kind": "split", "validation.ratio": "20", "goto": "next"})
        assert (
            self.send(f"{step}/hyperparameters", {"hyperparameters.n_epochs": "3", "goto": "next"}) == f"{step}/review"
        )
        return draft

    def submit(self, draft: str) -> str:
        """Press the review's button and return the job's page."""
        review = self.soup(f"/wizard/{draft}/review")
        button = review.select_one("#submit")
        assert isinstance(button, Tag)
        assert "about $3.00" in button.get_text()
        assert "free" not in button.get_text()
        fields = {
            str(each["name"]): str(each["value"]) for each in review.select("form[action$='/submit'] input[value]")
        }
        assert fields["accept_cost-up_to"] == "4.50", "the most that it may cost is what is agreed to"
        return self.send(f"/wizard/{draft}/submit", fields)


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    provider, clock = ToyProvider(), TurnedClock()
    registry = replace(REGISTRY, kinds=(*REGISTRY.kinds, lambda _options, _around: ToyKind(provider)))
    app = create_app(settings, clock=clock, registry=registry)
    assert isinstance(app, GuardedApp)
    client = client_of(app)
    client.headers["origin"] = BASE_URL
    engine = Engine(app.state.scopes)
    yield Site(client, clock, engine, provider)
    engine.tasks.close()
    app.state.scopes.app_context.database.close()


def test_from_the_wizard_to_the_teardown(site: Site) -> None:
    connection = site.connect()
    file = {"file": ("rows.jsonl", ROWS)}
    data = site.send("/datasets", {"name": "rows"}, files=file).split("/")[2]
    done = site.submit(site.wizard(connection, data, "letters"))
    failed = site.submit(site.wizard(connection, data, f"letters-{FAILS}"))
    site.turn()

    assert "Succeeded" in site.words(done)
    assert "wood, not a model" in site.words(done)
    assert "$3.00" in site.words(done), "what it cost stands on its page"
    assert "The wood split along its grain." in site.words(failed)
    assert "Carving" in site.words("/settings/prices")

    one, other = done.rpartition("/")[2], failed.rpartition("/")[2]
    compared = site.words(f"/jobs/compare?ids={one}&ids={other}")
    assert "letters" in compared
    assert f"letters-{FAILS}" in compared

    capsule = site.client.get(f"/jobs/{one}/capsule")
    assert capsule.json()["recipe"]["base_model"] == MODEL.id
    form = site.soup("/jobs/from-capsule")
    key = form.select_one("input[name=idempotency_key]")
    project = form.select_one("select[name=project] option:not([value=''])")
    assert isinstance(key, Tag)
    assert isinstance(project, Tag)
    asked = {"project": str(project["value"]), "connection": connection, "idempotency_key": str(key["value"])}
    file = {"file": ("run.capsule.json", capsule.content)}
    question = site.client.post("/jobs/from-capsule", data=asked, files=file)
    assert question.status_code == 422
    assert "at most $4.50" in question.text
    agreed = BeautifulSoup(question.text, "html.parser").select("form[action='/jobs/from-capsule'] input[value]")
    again = site.send("/jobs/from-capsule", {str(each["name"]): str(each["value"]) for each in agreed})
    site.turn()
    assert "Succeeded" in site.words(again)
    assert "$3.00" in site.words(again), "a run from a capsule is billed, too"

    listed = site.soup("/models").select('a[href^="/models/mdl_"]')
    assert len({str(each["href"]) for each in listed}) == 2
    model = next(str(each["href"]) for each in listed if each.get_text(strip=True) == "letters")
    refused = site.client.post("/deployments", data={"model": model.rpartition("/")[2], "name": "served",
                                                     "idempotency_key": "k1"})  # fmt: skip
    assert refused.status_code in {409, 422}
    assert "Toy Cloud serves no models: they are made of wood." in refused.text
    site.send(f"{model}/teardown", {"confirm": "letters"})
    site.turn()
    assert "All removed." in site.words(f"{model}/teardown")
    assert "Burnt." in site.words(f"{model}/teardown")
    assert len(site.provider.removed) == 1
