"""Bad input to the whole house: one sentence with a remedy each time, never a 5xx, and nothing is lost."""

import json
import re
import resource
from collections.abc import Iterator

import httpx
import pytest

from app.demo import server
from app.demo.client import Answer, DemoError, Refused
from tests.support.connections import LOCAL_ID
from tests.support.journeys import Installation, installation, job_request
from tests.support.waiting import until

NOBODY = "http://127.0.0.1:9"  # the port "discard", where nothing listens
HUB_MODEL = "hf:example/model"
SENTENCE = re.compile(r"([A-Z0-9“'‘]|[a-z_]+: ).*[.?)]", re.DOTALL)  # a field may be named first


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HF_ENDPOINT", NOBODY)
        environment.setenv("HF_HOME", str(tmp_path_factory.mktemp("hub")))
        for name in ("HF_HUB_OFFLINE", "TUNEDESK_RUNTIME_PYTHON"):
            environment.delenv(name, raising=False)
        runtimes = tmp_path_factory.mktemp("runtimes")
        with installation(tmp_path_factory.mktemp("bad"), runtimes_dir=str(runtimes)) as made:
            yield made
            assert "Traceback" not in made.said


@pytest.fixture(scope="module")
def body(here: Installation) -> Answer:
    """A job with which nothing is wrong."""
    return job_request(here.client)


def sent(here: Installation, path: str, body: bytes, kind: str = "application/json") -> tuple[int, Answer]:
    """Post bytes as they are; return the status and the problem."""
    headers = {"content-type": kind, "idempotency-key": "bad"}
    reply = httpx.post(f"{here.server.url}/api/v1{path}", content=body, headers=headers, trust_env=False, timeout=30)
    return reply.status_code, reply.json()


def refusal(here: Installation, body: Answer, **wrong: object) -> Answer:
    """Ask for a job that is wrong; return what was said, once it is known that no job was made."""
    with pytest.raises(Refused) as refused:
        here.client.post("/jobs", {**body, **wrong})
    assert refused.value.status == 422
    assert here.client.items("/jobs") == []
    errors: list[Answer] = refused.value.problem["errors"]
    assert all(SENTENCE.fullmatch(each["message"]) and SENTENCE.fullmatch(each["fix"]) for each in errors), errors
    assert len(errors) == 1
    return errors[0]


@pytest.mark.parametrize("rate", ["-1", "0", "2", '"much"', "true", "[]"])
def test_a_learning_rate_that_is_none(here: Installation, body: Answer, rate: str) -> None:
    reported = refusal(here, body, hyperparameters={"learning_rate": json.loads(rate)})
    assert reported["pointer"] == "/hyperparameters/learning_rate"


@pytest.mark.parametrize("rate", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_learning_rate_that_json_does_not_have(here: Installation, body: Answer, rate: str) -> None:
    text = json.dumps({**body, "hyperparameters": {"learning_rate": 0.5}}).replace("0.5", rate)
    status, problem = sent(here, "/jobs", text.encode())
    assert status in {400, 422}
    assert SENTENCE.fullmatch(problem["detail"]), problem
    assert here.client.items("/jobs") == []


def test_a_wrong_value_in_the_wizard_is_kept_as_it_was_typed_and_named(here: Installation) -> None:
    draft = here.client.post("/drafts/sample")
    stored = here.client.patch(f"/drafts/{draft['id']}/hyperparameters", {"hyperparameters": {"learning_rate": "-1"}})
    assert stored["errors"][0]["pointer"] == "/hyperparameters/learning_rate"
    again = here.client.get(f"/drafts/{draft['id']}")["values"]
    assert again["hyperparameters"] == {"learning_rate": "-1"}
    assert again["training_dataset"] == draft["values"]["training_dataset"]
    with pytest.raises(Refused) as refused:
        here.client.post(f"/drafts/{draft['id']}/submit")
    assert refused.value.status == 422
    assert here.client.items("/jobs") == []


@pytest.mark.parametrize(
    "model", ["builtin:nothing", "path:/nowhere/at/all", "path:relative", "hf:", "hf:../../etc", "nothing", "hf:a/b/c"]
)
def test_a_model_that_nobody_knows(here: Installation, body: Answer, model: str) -> None:
    assert refusal(here, body, base_model=model)["pointer"] == "/base_model"


def test_a_hub_that_cannot_be_reached(here: Installation, body: Answer) -> None:
    reported = refusal(here, body, base_model=HUB_MODEL)
    assert reported["pointer"] == "/base_model"
    assert reported["message"].startswith("The Hugging Face hub could not be reached")
    assert here.client.get("/catalog", connection=LOCAL_ID)["items"][0]["id"] == "builtin:starter"


def test_a_runtime_that_is_not_there_lets_the_job_wait_and_says_why(here: Installation, body: Answer) -> None:
    job = here.client.post("/jobs", body)
    waiting = here.client.until(f"/jobs/{job['id']}", lambda seen: bool(seen["note"] or seen["message"]), limit_s=60)
    assert waiting["status"] == "pending"
    assert SENTENCE.fullmatch(waiting["note"]), waiting["note"]
    here.client.post(f"/jobs/{job['id']}/cancel")
    here.client.until(f"/jobs/{job['id']}", lambda seen: seen["status"] == "cancelled", limit_s=60)


def test_a_data_folder_that_another_server_has(here: Installation) -> None:
    with pytest.raises(DemoError) as failed:
        server.start(here.folder, {"runtime_autoinstall": "false"})
    assert f"Another TuneDesk is using the data folder {here.folder}." in str(failed.value)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="the limit of another process is set on Linux only")
def test_a_disk_that_is_full(here: Installation, body: Answer) -> None:
    before = here.client.items("/datasets")
    rows = json.dumps({"messages": [{"role": "user", "content": "a" * 900}, {"role": "assistant", "content": "b"}]})
    pid, free = here.server.process.pid, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    largest = max(each.stat().st_size for each in here.folder.iterdir() if each.is_file())
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest + 4 * 2**20, resource.RLIM_INFINITY))
    try:
        status, problem = sent_file(here, (rows + "\n").encode() * 12_000)
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, free)
    assert problem["title"] == "No room left on the disk"
    assert SENTENCE.fullmatch(problem["detail"])
    assert SENTENCE.fullmatch(problem["fix"])
    assert status == 409
    assert here.client.items("/datasets") == before
    left = here.folder / "files"
    until(lambda: not list(left.glob("incoming-*")), doing="the half-written file's removal")
    assert sent_file(here, (rows + "\n").encode() * 12)[0] == 201


def sent_file(here: Installation, content: bytes) -> tuple[int, Answer]:
    """Bring a file of rows; return the status and what was said."""
    address = f"{here.server.url}/api/v1/datasets?name=large&filename=large.jsonl"
    reply = httpx.put(address, content=content, trust_env=False, timeout=60)
    return reply.status_code, reply.json()
