"""OpenAI's own client, unmodified, at a real server that really trains: from rows to the tuned model's answer."""

import json
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from app.demo.client import Answer
from tests.support.journeys import REVIEWS, installation
from tests.support.waiting import until

pytestmark = [pytest.mark.training, pytest.mark.slow]
FINAL = {"succeeded", "failed", "cancelled"}


def test_a_training_by_openais_client_ends_with_its_models_answer(interpreter: Path, tmp_path: Path) -> None:
    with (
        installation(tmp_path, runtime_python=str(interpreter)) as here,
        OpenAI(base_url=f"{here.server.url}/v1", api_key="any", organization="", project="") as client,
    ):
        made: Answer = here.client.post("/model-aliases", {"name": "gpt-3.5-turbo", "target": "local/builtin:starter"})
        assert made["target"] == "con_local/builtin:starter"
        files = [
            client.files.create(file=(name, (REVIEWS / name).read_bytes()), purpose="fine-tune").id
            for name in ("train.jsonl", "validation.jsonl")
        ]
        job = client.fine_tuning.jobs.create(
            model="gpt-3.5-turbo", training_file=files[0], validation_file=files[1], suffix="reviews", seed=11,
            hyperparameters={"n_epochs": 3, "learning_rate_multiplier": 1.5},
        )  # fmt: skip

        def ended() -> Any:  # noqa: ANN401 -- the client's own job
            seen = client.fine_tuning.jobs.retrieve(job.id)
            return seen if seen.status in FINAL else None

        done = until(ended, within=1500, doing="the training's end")
        assert (done.status, done.error, done.model) == ("succeeded", None, "gpt-3.5-turbo")
        steps = [each for each in client.fine_tuning.jobs.list_events(job.id) if each.type == "metrics"]
        losses = [each.data["train_loss"] for each in steps if each.data and "train_loss" in each.data]
        assert losses[0] < losses[-1]  # the newest comes first
        row = json.loads((REVIEWS / "test.jsonl").read_text(encoding="utf-8").splitlines()[0])
        answered = client.chat.completions.create(
            model=done.fine_tuned_model, messages=row["messages"][:-1], temperature=0, max_tokens=20
        )
        assert answered.choices[0].message.content in {"praise", "complaint"}
        assert answered.usage is not None
