"""What people bring, in small: models and rows that tools of this field treat wrongly without a word."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.backends.local.backend import LocalBackend
from app.data.validation import validate
from app.domain.backend import (
    ChatRequest,
    DeploymentRequest,
    EvaluationObservation,
    EvaluationRequest,
    JobObservation,
    Rejected,
)
from app.domain.deployments import DeploymentStatus
from app.domain.evaluations import EvaluationStatus
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobStatus
from tests.integration.local import case_rows
from tests.support import local
from tests.support.local import Watched
from tests.support.waiting import until

pytestmark = [pytest.mark.training, pytest.mark.slow]
MODELS = (
    "chatml-base", "chatml-instruct", "hybrid-thinking", "strict-turns", "no-system-role", "no-template",
    "sampling-flags", "two-copies", "quantised", "adapter-with-config", "wide-vocabulary",
)  # fmt: skip
BY_HEART: dict[str, Hyperparameter] = {"n_epochs": 40, "batch_size": 8, "learning_rate": 3e-3, "warmup_steps": 0}
ONCE: dict[str, Hyperparameter] = {"n_epochs": 1, "batch_size": 24}
SYSTEM = {"role": "system", "content": case_rows.RULE}


@pytest.fixture(scope="module")
def brought(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of model directories."""
    folder = tmp_path_factory.mktemp("brought")
    command = [str(python), "-m", "tests.families.faulty", str(folder), *MODELS]
    subprocess.run(command, cwd=local.ROOT, check=True, capture_output=True)
    return folder


class Bench:
    """One backend, with short ways to train, to evaluate and to ask."""

    def __init__(self, backend: LocalBackend, folder: Path) -> None:
        self.backend, self.folder = backend, folder

    def rows(self, rows: list[dict[str, Any]]) -> Path:
        return case_rows.write(rows, self.folder / "rows.jsonl")

    def train(
        self, base: str, rows: list[dict[str, Any]], values: dict[str, Hyperparameter], *, method: str = "sft"
    ) -> Watched:
        """Train to the end, whatever it is."""
        files = [self.rows(rows)]
        wanted = local.request(self.backend, "job_1", files, values, base_model=base, method=method)
        watched = Watched(self.backend, self.backend.submit(wanted))
        watched.until_final()
        return watched

    def trained(
        self, base: str, rows: list[dict[str, Any]], values: dict[str, Hyperparameter], *, method: str = "sft"
    ) -> Watched:
        """Train to a good end."""
        watched = self.train(base, rows, values, method=method)
        assert watched.looks[-1].status is JobStatus.SUCCEEDED, watched.looks[-1].message
        return watched

    def evaluated(self, base: str, *, model: str | None = "run:job_1", labels: bool = True) -> EvaluationObservation:
        """Evaluate on the rows of the training."""
        chosen = case_rows.LABELS if labels else ()
        self.backend.start_evaluation(
            EvaluationRequest(tag="evl_1", base_model=base, model=model, rows=self.folder / "rows.jsonl", labels=chosen)
        )

        def final() -> EvaluationObservation | None:
            seen = self.backend.observe_evaluation("evl_1")
            return seen if seen.status.is_final else None

        seen = until(final, doing="the evaluation's end")
        assert seen.status is EvaluationStatus.SUCCEEDED, seen.message
        return seen

    def deploy(self, base: str, *, model: str | None = "run:job_1") -> None:
        """Serve a model, and wait until it can be asked."""
        self.backend.deploy(DeploymentRequest(tag="dep_1", base_model=base, model=model, name="tuned"))
        until(lambda: self.backend.observe_deployment("dep_1").status is DeploymentStatus.READY, doing="the deployment")

    def answer(self, *messages: dict[str, str]) -> tuple[str, str | None]:
        """Return the answer of the deployment, and why it ended."""
        chunks = list(self.backend.chat("dep_1", ChatRequest(messages=messages, max_tokens=24)))
        return "".join(chunk.text for chunk in chunks).strip(), chunks[-1].finish_reason

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """Ask the deployment's own server, as OpenAI's clients do."""
        found = self.backend.endpoint("dep_1")
        assert found is not None
        url, alias, secret = found
        headers = {"Authorization": f"Bearer {secret}"}
        return httpx.post(f"{url}{path}", json={"model": alias, **body}, headers=headers, trust_env=False, timeout=60)


@pytest.fixture
def bench(backend: LocalBackend, tmp_path: Path) -> Bench:
    return Bench(backend, tmp_path)


@pytest.fixture
def served(bench: Bench) -> Iterator[Bench]:
    """A bench whose deployment is torn down."""
    yield bench
    bench.backend.undeploy("dep_1")


def first_batch(watched: Watched) -> list[str]:
    """Return the sequences of the first batch as the model sees them."""
    return ["".join(piece.text for piece in row.pieces) for row in watched.backend.first_batch(watched.job)]


def refused_before_the_start(watched: Watched) -> str:
    """Return the sentence of a job that failed before its first step."""
    seen: JobObservation = watched.looks[-1]
    assert seen.status is JobStatus.FAILED, "it was trained"
    assert watched.begun == 0, "it failed after the start"
    assert "nobody foresaw" not in seen.message, "a bare exception"
    return seen.message


@pytest.mark.parametrize("name", ["chatml-base", "chatml-instruct", "hybrid-thinking"])
def test_the_end_that_is_learned_is_the_end_that_stops(served: Bench, brought: Path, name: str) -> None:
    base = f"path:{brought / name}"
    served.trained(base, case_rows.chats(), BY_HEART)
    seen = served.evaluated(base)
    assert seen.metrics is not None
    assert seen.metrics.accuracy == 1.0, [row.answer for row in seen.rows[:4]]
    served.deploy(base)
    for row in seen.rows[:3]:
        assert served.answer({"role": "user", "content": row.prompt}) == (row.expected, "stop")
    folder = served.backend.model_files("run:job_1")
    vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
    end = next(token["id"] for token in vocabulary if token["content"] == "<|im_end|>")
    ends = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))["eos_token_id"]
    assert end in (ends if isinstance(ends, list) else [ends])


@pytest.mark.parametrize("name", ["starter", "strict-turns"])
def test_a_prompt_that_the_answers_repeat_is_asked_once(bench: Bench, brought: Path, name: str) -> None:
    base = "builtin:starter" if name == "starter" else f"path:{brought / name}"
    watched = bench.trained(base, case_rows.pairs_with_the_question_in_the_answers(), ONCE, method="dpo")
    asked = [text for text, _ in case_rows.questions(12)]
    for sequence in first_batch(watched):
        assert sum(sequence.count(text) for text in asked) == 1, sequence


def test_prompt_and_completion_are_served_as_they_were_taught(served: Bench) -> None:
    served.trained("builtin:starter", case_rows.completions(), {"n_epochs": 20, "learning_rate": 1e-3})
    seen = served.evaluated("builtin:starter")
    served.deploy("builtin:starter")
    for row in seen.rows[:6]:
        made = served.post("/completions", {"prompt": row.prompt, "temperature": 0, "max_tokens": 24})
        assert made.status_code == 200, made.text
        assert made.json()["choices"][0]["text"].strip() == row.answer
        asked = [{"role": "user", "content": row.prompt}]  # the playground's way
        made = served.post("/chat/completions", {"messages": asked, "temperature": 0, "max_tokens": 24})
        assert made.json()["choices"][0]["message"]["content"].strip() == row.answer
    talk = [*asked, {"role": "assistant", "content": "x"}, *asked]
    refused = served.post("/chat/completions", {"messages": talk})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "not_a_conversation")


def test_a_developers_message_is_a_systems(bench: Bench) -> None:
    rows = case_rows.chats(12, before=[{"role": "developer", "content": case_rows.RULE}])
    for sequence in first_batch(bench.trained("builtin:starter", rows, ONCE)):
        assert case_rows.RULE in sequence


@pytest.mark.parametrize(
    ("name", "before", "words"),
    [
        ("no-system-role", [SYSTEM], "System role not supported"),
        ("strict-turns", [SYSTEM], "only user and assistant here"),
        ("no-system-role", [{"role": "assistant", "content": "Hi, how can I help?"}], "roles must alternate"),
        ("strict-turns", [{"role": "assistant", "content": "Hi, how can I help?"}], "must take turns"),
    ],
)
def test_what_a_template_refuses_is_said_before_the_start(
    bench: Bench, brought: Path, name: str, before: list[dict[str, str]], words: str
) -> None:
    rows = [*case_rows.chats(6), *case_rows.chats(12, before=before)[6:]]
    said = refused_before_the_start(bench.train(f"path:{brought / name}", rows, ONCE))
    assert said.startswith("Lines 7, 8, 9, 10, 11 and 1 more: ")
    assert words in said


@pytest.mark.parametrize(
    ("name", "words"),
    [("no-system-role", "System role not supported"), ("strict-turns", "only user and assistant here")],
)
def test_a_chat_that_a_template_refuses_is_the_askers_fault(
    served: Bench, brought: Path, name: str, words: str
) -> None:
    served.deploy(f"path:{brought / name}", model=None)
    with pytest.raises(Rejected, match=words):
        served.answer(SYSTEM, {"role": "user", "content": "Hi"})
    answer = served.post("/chat/completions", {"messages": [SYSTEM, {"role": "user", "content": "Hi"}]})
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


def test_a_generation_config_that_cannot_be_saved_is_mended(bench: Bench, brought: Path) -> None:
    watched = bench.trained(f"path:{brought / 'sampling-flags'}", case_rows.chats(), ONCE)
    saved = json.loads((bench.backend.model_files("run:job_1") / "generation_config.json").read_text(encoding="utf-8"))
    assert saved.get("do_sample") or "temperature" not in saved
    assert watched.begun == 1


def test_a_model_without_a_template_completes(served: Bench, brought: Path) -> None:
    base = f"path:{brought / 'no-template'}"
    served.trained(base, case_rows.completions(), BY_HEART)
    seen = served.evaluated(base)
    served.deploy(base)
    for row in seen.rows[:3]:
        made = served.post("/completions", {"prompt": row.prompt, "temperature": 0, "max_tokens": 24})
        assert made.status_code == 200, made.text
        choice = made.json()["choices"][0]
        assert (choice["text"].strip(), choice["finish_reason"]) == (row.expected, "stop")


def test_weights_that_are_there_twice_are_counted_once(bench: Bench, brought: Path) -> None:
    folder = brought / "two-copies"
    index = json.loads((folder / "model.safetensors.index.json").read_text(encoding="utf-8"))
    assert len(set(index["weight_map"].values())) > 1
    assert bench.backend.base_model(f"path:{folder}").parameters == index["metadata"]["total_parameters"]


@pytest.mark.parametrize(("name", "words"), [("quantised", "bitsandbytes"), ("adapter-with-config", "adapter")])
def test_a_directory_that_cannot_be_trained_says_so_at_once(bench: Bench, brought: Path, name: str, words: str) -> None:
    model = bench.backend.base_model(f"path:{brought / name}")
    assert not model.usable
    assert words in model.unusable_reason


def test_an_evaluation_needs_no_more_memory_than_the_training(bench: Bench, brought: Path, python: Path) -> None:
    long = [{"role": "system", "content": "a b c d e f " * 120}]
    rows = case_rows.chats(16, before=long)
    base = f"path:{brought / 'wide-vocabulary'}"
    bench.trained(base, rows, {"n_epochs": 1, "batch_size": 8, "max_length": 128, "assistant_only_loss": False})
    bench.evaluated(base)
    runs = bench.backend.context.runs
    trainer = _peak_memory(python, runs.folder("job_1"), bench.folder / "again-job")
    evaluator = _peak_memory(python, runs.folder("evl_1"), bench.folder / "again-evl")
    assert evaluator <= 1.2 * trainer


def _peak_memory(python: Path, run: Path, again: Path) -> int:
    """Return the most main memory (bytes) of a child that does the work of `run` once more."""
    again.mkdir()
    (again / "spec.json").write_text((run / "spec.json").read_text(encoding="utf-8"), encoding="utf-8")
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = [sys.executable, "-c", code, str(python), "-m", "app.training", str(again / "spec.json")]
    done = subprocess.run(command, cwd=local.ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[-1])


def test_tool_calls_are_trained_where_the_template_writes_them(bench: Bench, brought: Path) -> None:
    watched = bench.trained(f"path:{brought / 'chatml-instruct'}", case_rows.with_a_call_in_line(5, 8), ONCE)
    (row,) = [
        row
        for row in watched.backend.first_batch(watched.job)
        if "in Bern" in "".join(piece.text for piece in row.pieces)
    ]
    learned = [piece.text for piece in row.pieces if piece.learned]
    assert any('"find_order"' in text and '{"number": 7}' in text for text in learned)
    assert any("It is in Bern." in text for text in learned)
    assert not any("tool_response" in text for text in learned)


def test_tool_calls_are_refused_by_line_where_it_does_not(bench: Bench) -> None:
    said = refused_before_the_start(bench.train("builtin:starter", case_rows.with_a_call_in_line(24), ONCE))
    assert "Line 24" in said


def test_preferences_in_sharegpts_words_are_read(tmp_path: Path) -> None:
    report = validate(case_rows.write(case_rows.pairs_in_sharegpts_words(), tmp_path / "rows.jsonl"))
    assert (report.errors, [finding.message for finding in report.findings if finding.line]) == (0, [])


def test_what_openais_clients_send_is_answered(served: Bench) -> None:
    served.deploy("builtin:starter", model=None)
    body = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}], "stop": ["\n"], "n": 1,
        "max_completion_tokens": 5,
    }  # fmt: skip
    whole = served.post("/chat/completions", body)
    assert whole.status_code == 200, whole.text
    said = whole.json()["choices"][0]["message"]["content"]
    streamed = served.post("/chat/completions", {**body, "temperature": 0, "stream": True,
                                                 "stream_options": {"include_usage": True}})  # fmt: skip
    assert streamed.status_code == 200
    assert isinstance(said, str)
    assert '"usage"' in streamed.text
    assert streamed.text.endswith("data: [DONE]\n\n")
