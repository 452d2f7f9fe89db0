"""Code for servers of OpenAI's wire: whatever a job is called, it says what the job is, and creates it once."""

import ast
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import Invalid
from app.domain.jobs import TRAINED, Method
from app.domain.openai_code.request import CodeRequest, Rows, RowsForm, form_of
from app.domain.openai_code.targets import TARGETS, write

HOSTILE = st.text(max_size=20) | st.sampled_from(['"""', "'''", "*/", "\\", "$(reboot)", "`id`", "REQUEST\n", "%s{}"])
FORMS = list(RowsForm)


def rows(form: RowsForm) -> st.SearchStrategy[Rows]:
    files = HOSTILE.map(lambda name: Rows(path=Path(f"/rows/{name}.jsonl"), form=form))
    return files | st.just(Rows(id="file-01jd", form=form))


@st.composite
def requests(draw: st.DrawFn) -> CodeRequest:
    form = draw(st.sampled_from(FORMS))
    return CodeRequest(
        name=draw(st.from_regex(r"[a-z0-9][a-z0-9-]{0,9}", fullmatch=True)),
        base_url="http://127.0.0.1:8000/v1",
        key="SOME_KEY",
        key_otherwise=draw(st.sampled_from(["", "none"])),
        headers=draw(st.sampled_from([{}, {"project": "prj_1"}, {"organization": "it's", "project": "p"}])),
        model=draw(HOSTILE),
        method=draw(st.sampled_from(TRAINED)),
        training=draw(rows(form)),
        validation=draw(st.none() | rows(form)),
        hyperparameters={"n_epochs": draw(st.integers(1, 50)), "batch_size": "auto"},
        suffix=draw(HOSTILE),
        seed=draw(st.none() | st.integers(0, 9)),
        metadata={draw(HOSTILE): draw(HOSTILE)},
        further=draw(st.sampled_from([{}, {"trainingType": "Standard"}])),
        waits=draw(st.booleans()),
        after=draw(HOSTILE),
    )


def create_call(script: str) -> ast.Call:
    calls = [each for each in ast.walk(ast.parse(script)) if isinstance(each, ast.Call)]
    return next(each for each in calls if ast.unparse(each.func).endswith(".fine_tuning.jobs.create"))


@settings(max_examples=40)
@given(requests())
def test_the_python_script_says_what_the_job_is_and_sends_it_once(request: CodeRequest) -> None:
    call = create_call(write("openai-python", request))
    assert "with_options(max_retries=0)" in ast.unparse(call.func)
    said: dict[str, Any] = {}
    for each in call.keywords:
        if not isinstance(each.value, ast.Name):
            said[str(each.arg)] = ast.literal_eval(each.value)
    assert said.pop("extra_body", {}) == dict(request.further)
    assert said == request.fields()
    assert "batch_size" not in said["method"][said["method"]["type"]]["hyperparameters"]


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=5)
@given(st.data())
def test_the_shell_sends_the_very_body(form: RowsForm, tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:  # noqa: ANN401
    request = data.draw(requests().filter(lambda each: each.form is form))
    script = write("openai-curl", request)
    # Only the here-document is run, without whoever would be asked.
    start = script.index("<<REQUEST")
    body = script[script.index("\n", start) + 1 : script.index("\nREQUEST\n", start)]
    command = f"TRAINING_FILE=a\nVALIDATION_FILE=b\ncat <<REQUEST\n{body}\nREQUEST\n"
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=True)
    wanted = {**request.fields(), **request.further, "training_file": "a"}
    if request.validation is not None:
        wanted["validation_file"] = "b"
    assert json.loads(done.stdout) == wanted
    file = tmp_path_factory.mktemp("script") / "run.sh"
    file.write_text(script, encoding="utf-8")
    assert subprocess.run(["sh", "-n", file], capture_output=True, check=False).stderr == b""


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node here")
@pytest.mark.parametrize("form", FORMS)
def test_the_node_script_is_sound(form: RowsForm, tmp_path: Path) -> None:
    request = CodeRequest(
        name="x", base_url="http://127.0.0.1/v1", key="KEY", model='a"`${1}\\', method=Method.DPO, after="*/ ' `",
        training=Rows(path=Path("/a 'b\"/r.jsonl"), form=form), suffix="\u2028", waits=True,
    )  # fmt: skip
    file = tmp_path / "run.mjs"
    file.write_text(write("openai-node", request), encoding="utf-8")
    done = subprocess.run(["node", "--check", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "maxRetries: 0" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("row", "form", "sent"),
    [
        ({"messages": [{"role": "user", "content": "é"}]}, RowsForm.NUMBERED, None),
        (
            {"prompt": "q", "completion": "a"},
            RowsForm.JOINED,
            {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]},
        ),
        (
            {"prompt": [{"role": "user", "content": "q"}], "chosen": "a", "rejected": "b", "tools": [1]},
            RowsForm.PAIRED,
            {
                "input": {"messages": [{"role": "user", "content": "q"}], "tools": [1]},
                "preferred_output": [{"role": "assistant", "content": "a"}],
                "non_preferred_output": [{"role": "assistant", "content": "b"}],
            },
        ),
    ],
)
def test_rows_become_what_is_read_there(row: Any, form: RowsForm, sent: Any) -> None:  # noqa: ANN401
    line = json.dumps({"line": 7, **row}, ensure_ascii=False)
    assert form_of(line.encode()) is form
    request = CodeRequest(
        name="x", base_url="http://127.0.0.1/v1", key="KEY", model="m", method=Method.SFT,
        training=Rows(path=Path("/r.jsonl"), form=form),
    )  # fmt: skip
    tree = ast.parse(write("openai-python", request))
    module = ast.Module([each for each in tree.body if isinstance(each, ast.FunctionDef)], [])
    names: dict[str, Any] = {"json": json}
    exec(compile(module, "script", "exec"), names)  # noqa: S102 -- our own script's functions
    assert json.loads(names["sent"](line)) == (sent or row)
    found = re.search(r"^sent\(\) \{ (.*?); \}$", write("openai-curl", request), re.DOTALL | re.MULTILINE)
    assert found is not None
    done = subprocess.run(["sh", "-c", found[1]], input=line.encode(), capture_output=True, check=True)
    assert json.loads(done.stdout) == (sent or row)


def test_texts_are_refused_with_a_sentence() -> None:
    with pytest.raises(Invalid, match="trains conversations"):
        form_of(b'{"line": 1, "text": "once upon a time"}')


def test_every_target_says_why_it_is_sent_once() -> None:
    request = CodeRequest(
        name="x", base_url="http://127.0.0.1/v1", key="KEY", model="m", method=Method.SFT, training=Rows(id="file-1")
    )
    for target in TARGETS:
        assert "it would make a second job" in write(target, request)
