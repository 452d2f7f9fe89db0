"""Another architecture, another tokenizer, a template without marks, an adapter; and models that cannot be trained."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from app.backends.local.backend import LocalBackend
from app.domain.backend import DeploymentRequest, EvaluationObservation, EvaluationRequest, JobObservation
from app.domain.deployments import DeploymentStatus
from app.domain.evaluations import EvaluationStatus
from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobReason, JobSpec, JobStatus
from tests.support import local
from tests.support.local import Watched
from tests.support.waiting import until

pytestmark = pytest.mark.training
HERE = Path(__file__).parent
LORA: dict[str, Hyperparameter] = {"adapter": "lora", "lora_r": 4, "lora_alpha": 8}


@pytest.fixture(scope="module")
def tiny(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory that has nothing of the starter."""
    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    rows = str(local.TRIAGE / "train.jsonl")
    subprocess.run([python, HERE / "tiny_model.py", folder, rows], check=True, capture_output=True)
    return folder


def rows_of(folder: Path, count: int = 32) -> Path:
    return local.head(local.TRIAGE / "train.jsonl", count, folder / "rows.jsonl")


def evaluated(backend: LocalBackend, request: EvaluationRequest) -> EvaluationObservation:
    backend.start_evaluation(request)

    def final() -> EvaluationObservation | None:
        seen = backend.observe_evaluation(request.tag)
        return seen if seen.status.is_final else None

    return until(final, doing="the evaluation's end")


@pytest.mark.slow
def test_a_directory_with_another_tokenizer_takes_an_adapter(
    backend: LocalBackend, tiny: Path, tmp_path: Path, python: Path
) -> None:
    base, rows = f"path:{tiny}", rows_of(tmp_path)
    values: dict[str, Hyperparameter] = {"n_epochs": 2, "batch_size": 8, "learning_rate": 0.02, "max_length": 64}
    watched = Watched(
        backend,
        backend.submit(local.request(backend, "job_1", [rows, rows], values, base_model=base, options=LORA)),
    )
    assert watched.until_final().status is JobStatus.SUCCEEDED, watched.looks[-1].message
    assert "The loss is on the assistant's turns." in watched.messages
    validation = watched.series("validation_loss")
    assert validation[8] < validation[0] - 0.3
    folder = backend.model_files("run:job_1")
    assert {path.name for path in folder.iterdir()} >= {"adapter_model.safetensors", "adapter_config.json", "README.md"}
    assert not (folder / "model.safetensors").exists()
    # An adapter is put upon its base to be judged, and comes to what a plain loop with PEFT comes to.
    seen = evaluated(backend, EvaluationRequest(tag="evl_1", base_model=base, model="run:job_1", rows=rows))
    assert seen.status is EvaluationStatus.SUCCEEDED, seen.message
    plain = subprocess.run(
        [python, HERE / "plain_loop.py", tiny, rows, folder], check=True, capture_output=True, text=True,
        env={"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    theirs = json.loads(plain.stdout.splitlines()[-1])
    assert seen.metrics is not None
    assert seen.metrics.loss == pytest.approx(theirs["loss"], abs=1e-4)
    assert [row.answer for row in seen.rows] == theirs["answers"]


def failed(
    backend: LocalBackend, rows: Path, *, base: str, tag: str = "job_1", **values: Hyperparameter
) -> JobObservation:
    wanted = local.request(backend, tag, [rows], {"n_epochs": 1, "max_length": 64, **values}, base_model=base)
    return Watched(backend, backend.submit(wanted)).until_final()


@pytest.mark.slow
def test_conversations_need_a_chat_template(backend: LocalBackend, tiny: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    shutil.copytree(tiny, plain)
    (plain / "chat_template.jinja").unlink()
    seen = failed(backend, rows_of(tmp_path), base=f"path:{plain}")
    assert (seen.status, seen.reason) == (JobStatus.FAILED, JobReason.INVALID_REQUEST)
    assert seen.message.startswith(
        "This model's tokenizer has no chat template, so it cannot be trained on conversations."
    )
    assert not seen.interrupted


@pytest.mark.slow
def test_prompt_and_completion_need_no_template_and_learn_the_completion(
    backend: LocalBackend, tiny: Path, tmp_path: Path
) -> None:
    rows = tmp_path / "pairs.jsonl"
    pairs = [json.loads(line)["messages"] for line in rows_of(tmp_path).read_text(encoding="utf-8").splitlines()]
    lines = [
        json.dumps({"prompt": f"{turns[1]['content']} Queue: ", "completion": turns[2]["content"]}) for turns in pairs
    ]
    rows.write_text("\n".join(lines) + "\n", encoding="utf-8")
    values: dict[str, Hyperparameter] = {"n_epochs": 2, "batch_size": 8, "learning_rate": 0.01, "max_length": 64}
    wanted = local.request(backend, "job_1", [rows, rows], values, base_model=f"path:{tiny}")
    watched = Watched(backend, backend.submit(wanted))
    assert watched.until_final().status is JobStatus.SUCCEEDED, watched.looks[-1].message
    assert "The loss is on the completions." in watched.messages
    request = EvaluationRequest(tag="evl_1", base_model=f"path:{tiny}", model="run:job_1", rows=rows)
    seen = evaluated(backend, request)
    assert seen.status is EvaluationStatus.SUCCEEDED, seen.message
    assert seen.rows[0].prompt == json.loads(lines[0])["prompt"]


@pytest.mark.slow
def test_plain_text_is_learned_whole_and_has_no_answers(backend: LocalBackend, tiny: Path, tmp_path: Path) -> None:
    rows = tmp_path / "texts.jsonl"
    rows.write_text(
        "".join(json.dumps({"text": f"My order number {n} is late"}) + "\n" for n in range(12)), encoding="utf-8"
    )
    wanted = local.request(backend, "job_1", [rows], {"n_epochs": 1, "max_length": 64}, base_model=f"path:{tiny}")
    watched = Watched(backend, backend.submit(wanted))
    assert watched.until_final().status is JobStatus.SUCCEEDED, watched.looks[-1].message
    assert not watched.series("validation_loss")
    seen = evaluated(backend, EvaluationRequest(tag="evl_1", base_model=f"path:{tiny}", model="run:job_1", rows=rows))
    assert seen.metrics is not None
    assert seen.metrics.loss is not None
    assert seen.metrics.exact_match is None
    assert "no question" in seen.metrics.missing["exact_match"]


@pytest.mark.slow
def test_what_goes_wrong_in_the_child_is_one_sentence(backend: LocalBackend, tiny: Path, tmp_path: Path) -> None:
    rows, base = rows_of(tmp_path), f"path:{tiny}"
    broken = tmp_path / "broken.jsonl"
    broken.write_text(rows.read_text(encoding="utf-8") + '{"messages": [\n', encoding="utf-8")
    seen = failed(backend, broken, base=base)
    assert (seen.reason, seen.message[:19]) == (JobReason.INVALID_DATA, "Line 33 is not JSON")
    seen = failed(backend, rows, base=base, tag="job_2", max_length=8)
    assert (seen.reason, "the answer begins after 8 tokens" in seen.message) == (JobReason.INVALID_DATA, True)
    config = json.loads((tiny / "config.json").read_text(encoding="utf-8"))
    for tag, change, said in (
        (
            "job_3",
            {"model_type": "nova", "architectures": ["NovaForCausalLM"]},
            "does not know this model's architecture",
        ),
        ("job_4", {"hidden_size": 32}, "would be random numbers"),
    ):
        other = tmp_path / tag
        shutil.copytree(tiny, other)
        (other / "config.json").write_text(json.dumps({**config, **change}), encoding="utf-8")
        assert said in failed(backend, rows, base=f"path:{other}", tag=tag).message
    cut = tmp_path / "cut"
    shutil.copytree(tiny, cut)
    (cut / "model.safetensors").write_bytes((tiny / "model.safetensors").read_bytes()[:-10])
    assert "its last 10 bytes are missing" in failed(backend, rows, base=f"path:{cut}", tag="job_5").message


@pytest.mark.slow
def test_a_hub_out_of_reach_fails_the_job_with_one_sentence(backend: LocalBackend, tmp_path: Path) -> None:
    seen = failed(backend, rows_of(tmp_path), base="hf:org/model")
    assert seen.message.startswith(
        "The Hugging Face hub could not be reached, and the model is not on this machine yet."
    )


@pytest.mark.slow
def test_a_training_that_diverges_says_so(backend: LocalBackend, python: Path, tmp_path: Path) -> None:
    rows, sick = rows_of(tmp_path), tmp_path / "sick"
    subprocess.run([python, HERE / "tiny_model.py", sick, rows, "nan"], check=True, capture_output=True)
    seen = failed(backend, rows, base=f"path:{sick}")
    assert (seen.status, seen.reason, seen.interrupted) == (JobStatus.FAILED, JobReason.DIVERGED, False)
    assert "stopped being a number at step 1" in seen.message


@pytest.mark.slow
def test_a_deployment_that_cannot_load_its_model_failed_and_is_not_gone(
    backend: LocalBackend, tiny: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut"
    shutil.copytree(tiny, cut)
    (cut / "model.safetensors").write_bytes(b"short")
    backend.deploy(DeploymentRequest(tag="dep_1", base_model=f"path:{cut}", model=None, name="cut"))
    until(lambda: backend.observe_deployment("dep_1").status is DeploymentStatus.FAILED)
    seen = backend.observe_deployment("dep_1")
    assert ("intact safetensors" in seen.message, seen.gone) == (True, False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "options"),
    [
        ({"loss_type": "dft", "optimizer": "adafactor", "checkpoints_per_epoch": 2}, {}),
        ({"assistant_only_loss": False, "gradient_accumulation_steps": 2, "activation_checkpointing": True}, LORA),
    ],
    ids=["dft, twice an epoch", "all tokens, accumulated, LoRA"],
)
def test_the_script_follows_every_choice(
    backend: LocalBackend,
    tiny: Path,
    python: Path,
    tmp_path: Path,
    values: dict[str, Hyperparameter],
    options: dict[str, Hyperparameter],
) -> None:
    base, rows = f"path:{tiny}", rows_of(tmp_path, 30)
    common: dict[str, Hyperparameter] = {
        "n_epochs": 2,
        "batch_size": 8,
        "learning_rate": 1e-3,
        "max_length": 64,
        **values,
    }
    wanted = local.request(backend, "job_1", [rows, rows], common, base_model=base, options=options)
    watched = Watched(backend, backend.submit(wanted))
    assert watched.until_final().status is JobStatus.SUCCEEDED, watched.looks[-1].message
    spec = JobSpec(
        project="prj_1", connection="con_local", base_model=base, name="tuned", training_dataset="ds_1",
        hyperparameters=common, options=options, seed=0,
    )  # fmt: skip
    script = backend.code("trl", spec, training_file=rows, validation_file=rows)
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    environment = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)}
    subprocess.run([python, "script.py"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    states = sorted(
        (tmp_path / "tuned-checkpoints").glob("*/trainer_state.json"), key=lambda path: path.stat().st_mtime
    )
    history = json.loads(states[-1].read_text(encoding="utf-8"))["log_history"]
    theirs = {entry["step"]: entry["loss"] for entry in history if "loss" in entry}
    validation = {entry["step"]: entry["eval_loss"] for entry in history if "eval_loss" in entry}
    assert theirs == pytest.approx(watched.series("train_loss"), rel=1e-6)
    ours = watched.series("validation_loss")
    assert max(validation) == max(ours) == max(theirs)
    assert validation == pytest.approx({step: ours[step] for step in validation}, rel=1e-6)
