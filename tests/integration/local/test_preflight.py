"""What is found before a training: faults of every kind, each in a sentence of its own, and nothing in what is good."""

import json
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.backends.local.backend import LocalBackend
from app.domain.jobs import JobReason, JobStatus
from app.domain.preflight import Preflight, PreflightRequest, PreflightSeverity, PreflightStatus
from tests.families.faults import FAULTS
from tests.integration.local.conftest import Trained
from tests.support import local
from tests.support.local import Watched
from tests.support.waiting import until

pytestmark = pytest.mark.training
Found = Mapping[str, Sequence[Mapping[str, Any]]]
AGAIN_S = 0.05
REQUEST = PreflightRequest(base_model="builtin:starter", method="sft", training="a" * 64)


@pytest.fixture(scope="module")
def found(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What the pre-flight says of each planted fault, looked at in one process."""
    folder = tmp_path_factory.mktemp("planted")
    command = [str(python), "-m", "tests.families.planting", str(folder)]
    subprocess.run(command, cwd=local.ROOT, check=True, capture_output=True)
    reported: Found = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    return reported


def blockers(findings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [each for each in findings if each["severity"] == PreflightSeverity.BLOCKER]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_with_a_sentence_of_its_own(found: Found, name: str) -> None:
    said = blockers(found[name])
    assert said, f"{name} was not found"
    assert any(all(word in each["message"] for word in FAULTS[name].words) for each in said), said
    for each in said:
        assert each["code"] != "unexpected", "a bare exception"
        assert each["fix"], "nobody says how to mend it"


def test_no_two_faults_have_the_same_sentence(found: Found) -> None:
    sentences = Counter(blockers(each)[0]["message"] for each in found.values())
    assert sentences.most_common(1)[0][1] == 1, sentences.most_common(2)
    assert len(sentences) >= 40


@pytest.mark.slow
def test_many_rows_at_once_come_to_the_same_as_one_by_one(python: Path, tmp_path: Path) -> None:
    command = [str(python), "-m", "tests.families.encoded_twice", str(tmp_path / "rows.jsonl")]
    done = subprocess.run(command, cwd=local.ROOT, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) >= 15
    assert {name: differing for name, (differing, _) in found.items() if differing} == {}
    assert [name for name, (_, outlines) in found.items() if not outlines] == []


def looked(backend: LocalBackend, request: PreflightRequest, rows: Path) -> Preflight:
    """Let the backend look, to the end."""
    backend.start_preflight(request, training=rows, validation=None)

    def done() -> Preflight | None:
        seen = backend.observe_preflight(request)
        return seen if seen.status in {PreflightStatus.DONE, PreflightStatus.FAILED} else None

    return until(done, doing="the pre-flight")


def test_good_rows_are_counted_as_they_are_trained_and_looked_at_once(
    backend: LocalBackend, tmp_path: Path, trained: Trained
) -> None:
    rows = local.head(local.TRIAGE / "train.jsonl", 60, tmp_path / "rows.jsonl")
    starter = tmp_path / "starter"
    shutil.copytree(local.STARTER, starter)
    request = replace(REQUEST, base_model=f"path:{starter}", hyperparameters={"max_length": 256})
    assert backend.observe_preflight(request).status is PreflightStatus.ABSENT
    seen = looked(backend, request, rows)
    assert (seen.status, seen.findings) == (PreflightStatus.DONE, ()), seen
    reported = next(
        event for event in map(json.loads, (trained.run / "events.jsonl").read_text("utf-8").splitlines())
        if event["kind"] == "rows"
    )  # fmt: skip
    assert (seen.rows, seen.tokens, seen.learned_tokens) == (
        reported["given"],
        reported["tokens"],
        reported["learned_tokens"],
    )
    assert (seen.sequences, seen.sequence_tokens) == (reported["kept"], reported["tokens"])
    took = []
    for _ in range(5):
        began = time.process_time()
        assert backend.observe_preflight(request) == seen
        took.append(time.process_time() - began)
    assert min(took) < AGAIN_S, took
    assert backend.observe_preflight(replace(request, training="b" * 64)).status is PreflightStatus.ABSENT
    last = replace(request, hyperparameters={**request.hyperparameters, "learn_turns": "last"})
    assert backend.observe_preflight(last).status is PreflightStatus.ABSENT
    config = starter / "generation_config.json"
    config.write_text(config.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert backend.observe_preflight(request).status is PreflightStatus.ABSENT
    hub = replace(request, base_model="hf:org/model")
    assert backend.observe_preflight(hub).status is PreflightStatus.DEFERRED


@pytest.fixture(scope="module")
def rewriting(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose template takes the thoughts out of earlier answers, so that each answer is learned on its own."""
    folder = tmp_path_factory.mktemp("rewriting")
    made = "import pathlib, sys; from tests.families import make, table; "
    made += "make.make(table.BY_NAME['hybrid-thinking'], pathlib.Path(sys.argv[1]))"
    subprocess.run([str(python), "-c", made, str(folder / "model")], cwd=local.ROOT, check=True)
    asked = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "yes"}]
    far = [{"role": "user", "content": "? " * 200}, {"role": "assistant", "content": "no"}]
    lines = [json.dumps({"messages": each}) for each in (asked * 3, asked, [*asked, *far])]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_rows_are_counted_as_the_sequences_that_they_become(backend: LocalBackend, rewriting: Path) -> None:
    rows = rewriting / "rows.jsonl"
    request = replace(REQUEST, base_model=f"path:{rewriting / 'model'}", hyperparameters={"max_length": 128})
    seen = looked(backend, request, rows)
    assert (seen.rows, seen.sequences) == (3, 3 + 1 + 1), seen
    assert seen.sequence_tokens < seen.tokens - 128, "the answer behind the limit is not trained"  # type: ignore[operator]
    assert [(each.code, each.lines) for each in seen.findings] == [("cut_away", (3,))], "an answer is lost in silence"
    last = replace(request, hyperparameters={**request.hyperparameters, "learn_turns": "last"})
    assert looked(backend, last, rows).sequences == 2


@pytest.mark.slow
def test_as_many_sequences_are_trained_as_were_counted(backend: LocalBackend, rewriting: Path, tmp_path: Path) -> None:
    settings = {"n_epochs": 1, "batch_size": 2, "max_length": 128}
    base = f"path:{rewriting / 'model'}"
    wanted = local.request(backend, "job_1", [rewriting / "rows.jsonl"], settings, base_model=base)
    watched = Watched(backend, backend.submit(wanted))
    assert watched.until_final().status is JobStatus.SUCCEEDED
    written = (tmp_path / "runs" / "job_1" / "events.jsonl").read_text(encoding="utf-8").splitlines()
    (reported,) = [event for event in map(json.loads, written) if event["kind"] == "rows"]
    assert (reported["given"], reported["kept"]) == (3, 5)
    said = [event["message"] for event in map(json.loads, written) if event["kind"] == "log"]
    assert any(each.startswith("1 of 6 sequences were left out") for each in said), said


def test_a_job_that_nobody_looked_at_fails_before_its_first_step(backend: LocalBackend, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    calls = FAULTS["calls that are no JSON"].rows
    rows.write_text("".join(json.dumps(row) + "\n" for row in calls), encoding="utf-8")
    wanted = local.request(backend, "job_1", [rows], {"n_epochs": 1})
    watched = Watched(backend, backend.submit(wanted))
    last = watched.until_final()
    assert (last.status, last.reason, watched.begun) == (JobStatus.FAILED, JobReason.INVALID_DATA, 0)
    assert last.message.startswith("Line 7: the model's chat template does not take this conversation.")
    assert looked(backend, REQUEST, rows).blockers[0].message in last.message
