import json
import shutil
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from app.backends.local.models import STARTER, BaseModels
from app.backends.local.runs import Runs
from app.backends.local.tuned import TunedModels
from app.domain.backend import NotFound, Rejected
from app.training.notes import NOTE
from app.training.run_lock import write_whole
from tests.support.clock import TurnedClock

STARTER_FOLDER = Path(__file__).resolve().parents[4] / "app" / "samples" / "starter"


class Hub(BaseHTTPRequestHandler):
    """Knows one model."""

    def do_GET(self) -> None:
        known = self.path == "/api/models/org/known"
        body = json.dumps({"safetensors": {"total": 5}, "cardData": {"license": "mit"}} if known else {}).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def models(
    home: Path, hub: str = "http://127.0.0.1:9", *, offline: bool = False, clock: TurnedClock | None = None
) -> BaseModels:
    clock, environment = clock or TurnedClock(), {"HOME": str(home), "HF_ENDPOINT": hub}
    runs = Runs(home / "runs", interpreter=lambda: Path(sys.executable), environment={}, clock=clock)
    return BaseModels(STARTER_FOLDER, environment, tuned=TunedModels(runs), offline=offline, clock=clock)


def tuned(home: Path, tag: str, base: dict[str, object], *, adapter: bool, folder: str = "model") -> Path:
    """Leave what a training leaves: the spec with its name, and a model folder with its note."""
    run = home / "runs" / tag
    (run / folder).mkdir(parents=True)
    write_whole(run / "spec.json", {"name": f"name-of-{tag}", "base": base})
    write_whole(run / folder / NOTE, {"kind": "adapter" if adapter else "full", "base": base, "name": f"name-of-{tag}"})
    names = ("adapter_config.json", "adapter_model.safetensors") if adapter else ("config.json", "model.safetensors")
    for name in names:
        shutil.copyfile(STARTER_FOLDER / name.removeprefix("adapter_").replace("adapter", "model"), run / folder / name)
    return run / folder


def directory(folder: Path, **config: object) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "max_position_embeddings": 64, **config}))
    (folder / "model.safetensors").write_bytes(bytes(100))
    (folder / "tokenizer.json").write_text("{}")
    return folder


def test_the_starter_is_listed_first_with_its_facts(tmp_path: Path) -> None:
    starter = models(tmp_path).listed()[0]
    assert starter.id == STARTER
    assert starter.context_length == 512
    assert 1e6 < (starter.parameters or 0) < 3e6
    assert starter.hyperparameters
    assert starter.presets


def test_a_directory_is_a_base_model(tmp_path: Path) -> None:
    folder = directory(tmp_path / "tiny")
    found = models(tmp_path).one(f"path:{folder}")
    assert models(tmp_path).one(str(folder)) == found
    assert models(tmp_path).resolve(str(folder)) == models(tmp_path).resolve(found.id)
    assert (found.name, found.context_length, found.task_types) == ("tiny", 64, ("text_completion",))


@pytest.mark.parametrize(
    ("missing", "said"),
    [("config.json", "config.json"), ("model.safetensors", "safetensors"), ("tokenizer.json", "tokenizer")],
)
def test_a_directory_must_be_a_whole_model(tmp_path: Path, missing: str, said: str) -> None:
    (directory(tmp_path / "tiny") / missing).unlink()
    with pytest.raises(Rejected, match=said):
        models(tmp_path).one(f"path:{tmp_path / 'tiny'}")


def test_code_that_comes_with_a_model_is_refused(tmp_path: Path) -> None:
    folder = directory(tmp_path / "tiny", auto_map={"AutoConfig": "x.Y"})
    with pytest.raises(Rejected, match="code that comes with a model"):
        models(tmp_path).one(f"path:{folder}")


def test_an_adapter_is_not_a_base(tmp_path: Path) -> None:
    (directory(tmp_path / "tiny") / "config.json").rename(tmp_path / "tiny" / "adapter_config.json")
    with pytest.raises(Rejected, match="LoRA adapter"):
        models(tmp_path).one(f"path:{tmp_path / 'tiny'}")


@pytest.mark.parametrize(
    "identifier",
    ["", "starter", "path:models/x", "path:/a\0b", "hf:name", "hf:-org/name", "hf:org/-name", "hf:../..", "hf:a/b/c",
     "hf:org/na me", "hf:org/na--me", "builtin:other"],
)  # fmt: skip
def test_ids_of_another_form_are_refused(tmp_path: Path, identifier: str) -> None:
    with pytest.raises(Rejected) as caught:
        models(tmp_path).one(identifier)
    assert caught.value.fix


def test_a_directory_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no directory"):
        models(tmp_path).one(f"path:{tmp_path / 'none'}")


def test_a_hub_model_is_looked_up(tmp_path: Path, hub: str) -> None:
    found = models(tmp_path, hub).one("hf:org/known")
    assert (found.usable, found.parameters, found.licence) == (True, 5, "mit")
    assert models(tmp_path, hub).one("org/known") == found
    with pytest.raises(NotFound, match="no model org/other"):
        models(tmp_path, hub).one("hf:org/other")


def test_the_hub_is_not_asked_at_every_step_but_again_after_a_minute(tmp_path: Path, hub: str) -> None:
    clock = TurnedClock()
    asked = models(tmp_path, hub, clock=clock)
    assert asked.one("hf:org/known") is asked.one("hf:org/known")
    before = asked.one("hf:org/known")
    clock.turn(timedelta(minutes=2))
    assert asked.one("hf:org/known") is not before


@pytest.mark.parametrize("offline", [True, False])
def test_a_hub_out_of_reach_is_one_sentence(tmp_path: Path, offline: bool) -> None:
    found = models(tmp_path, offline=offline).one("hf:org/known")
    assert not found.usable
    assert found.unusable_reason.startswith("The Hugging Face hub could not be reached, and org/known is not on this")


def test_a_hub_model_that_is_here_already_needs_no_hub(tmp_path: Path) -> None:
    snapshot = tmp_path / ".cache" / "huggingface" / "hub" / "models--org--known" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    assert models(tmp_path, offline=True).one("hf:org/known").usable


ON_STARTER: dict[str, object] = {
    "id": STARTER,
    "path": str(STARTER_FOLDER),
    "hub": None,
    "adapter": None,
    "root": STARTER,
}


def test_a_tuned_model_is_a_base_of_its_own_family(tmp_path: Path) -> None:
    folder = tuned(tmp_path, "job_1", ON_STARTER, adapter=False)
    base, known = models(tmp_path).resolve("run:job_1"), models(tmp_path).one("run:job_1")
    assert (base.path, base.adapter, base.root, base.is_starter) == (folder, None, STARTER, True)
    assert (known.name, known.publisher, known.context_length) == ("name-of-job_1", "this installation", 512)
    assert {"lora_r", "beta"} <= {spec.name for spec in known.hyperparameters}


def test_a_tuned_adapter_stands_upon_its_base(tmp_path: Path) -> None:
    folder = tuned(tmp_path, "job_1", ON_STARTER, adapter=True, folder="model-8")
    base, known = models(tmp_path).resolve("run:job_1@8"), models(tmp_path).one("run:job_1@8")
    assert (base.path, base.adapter, base.root) == (STARTER_FOLDER, folder, STARTER)
    assert known.name == "name-of-job_1 (step 8)"
    assert known.parameters == models(tmp_path).one(STARTER).parameters
    assert "lora_r" not in {spec.name for spec in known.hyperparameters}
    assert next(spec.default for spec in known.hyperparameters if spec.name == "adapter") == "lora"


def test_adapters_upon_adapters_upon_whole_models_are_found_again(tmp_path: Path) -> None:
    first = tuned(tmp_path, "job_1", ON_STARTER, adapter=False)
    on_first: dict[str, object] = {**ON_STARTER, "id": "run:job_1", "path": str(first)}
    second = tuned(tmp_path, "job_2", on_first, adapter=True)
    base = models(tmp_path).resolve("run:job_2")
    assert (base.path, base.adapter, base.root) == (first, second, STARTER)
    runs = Runs(tmp_path / "runs", interpreter=lambda: Path(sys.executable), environment={}, clock=TurnedClock())
    assert TunedModels(runs).resting_on(first) == ["name-of-job_2"]
    assert TunedModels(runs).resting_on(second) == []


def test_a_tuned_model_that_is_gone_is_not_found_but_keeps_its_name(tmp_path: Path) -> None:
    shutil.rmtree(tuned(tmp_path, "job_1", ON_STARTER, adapter=False))
    with pytest.raises(NotFound, match="files are gone"):
        models(tmp_path).one("run:job_1")
    runs = Runs(tmp_path / "runs", interpreter=lambda: Path(sys.executable), environment={}, clock=TurnedClock())
    assert TunedModels(runs).name("run:job_1") == "name-of-job_1"


@pytest.mark.parametrize("name", ["run:", "run:../x", "run:a@b", "run:job_1@", "run:/etc"])
def test_names_of_another_form_lead_nowhere(tmp_path: Path, name: str) -> None:
    with pytest.raises((NotFound, Rejected)):
        models(tmp_path).resolve(name)
