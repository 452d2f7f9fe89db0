"""Files of every format, as the libraries write them that own these, up to the look before a training's first step."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support import local
from tests.support.app_context import TestHouse
from tests.support.bringing import Bringing, Brought, canonical_rows, rows_of
from tests.support.format_samples import FLAT, TRAINED, UNTRAINED

pytestmark = [pytest.mark.training, pytest.mark.slow]
NESTED_BY = {"pandas.jsonl", "pandas.parquet", "datasets.jsonl", "datasets.parquet"}
WITH_TOOLS = {name.replace("/", "-") for name in TRAINED if "_call" in str(TRAINED[name])}
FLAT_BY = {*NESTED_BY, "pandas.csv", "pandas-gzip.csv.gz", "datasets.csv"}


@dataclass
class Looked:
    """What was brought by sample and file, the rows that a training is given, and what it said of them."""

    brought: dict[str, dict[str, Brought]] = field(default_factory=dict)
    canonical: dict[str, Path] = field(default_factory=dict)
    compared: Mapping[str, Any] = field(default_factory=dict)


def run(python: Path, module: str, folder: Path) -> None:
    command = [str(python), "-m", f"tests.integration.local.{module}", str(folder)]
    environment = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HOME": str(folder)}
    done = subprocess.run(command, cwd=local.ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="module")
def looked(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looked]:
    """Every file written, brought by REST, and looked at by the training that the wizard would begin with."""
    folder, files = tmp_path_factory.mktemp("looked"), tmp_path_factory.mktemp("files")
    run(python, "written_files", files)
    house, found, asked = TestHouse(folder), Looked(), dict[str, Any]()
    bringing = Bringing(house)
    for file in sorted(files.iterdir()):
        sample, _, by = file.name.partition("~")
        if not by:
            continue  # what a library keeps beside
        brought = bringing.bring(file.read_bytes(), f"rows.{by.partition('.')[2]}")
        found.brought.setdefault(sample, {})[by] = brought
        if brought.dataset["status"] == "ready":
            found.canonical[file.name] = bringing.canonical(brought)
            asked[file.name] = {
                "rows": str(found.canonical[file.name]),
                "method": bringing.method(brought),
                "tools": sample in WITH_TOOLS,
            }
    (folder / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
    run(python, "checked_rows", folder)
    found.compared = json.loads((folder / "compared.json").read_text(encoding="utf-8"))
    yield found
    house.database.close()


@pytest.mark.parametrize("name", TRAINED)
def test_a_training_takes_every_row_as_it_was_written(looked: Looked, name: str) -> None:
    sample, expected = name.replace("/", "-"), canonical_rows(TRAINED[name])
    more = {"json.parquet", "text.parquet"} if name == "chat/tools" else set()
    assert looked.brought[sample].keys() == (FLAT_BY if name in FLAT else NESTED_BY) | more
    for by, brought in looked.brought[sample].items():
        assert brought.dataset["status"] == "ready", (by, brought.remedies)
        assert rows_of(looked.canonical[f"{sample}~{by}"]) == expected, by
        compared = looked.compared[f"{sample}~{by}"]
        assert isinstance(compared, list), (by, compared)
        assert sorted(set(compared)) == [row["line"] for row in expected], by


@pytest.mark.parametrize("name", UNTRAINED)
def test_what_is_not_trained_on_is_found_in_every_file(looked: Looked, name: str) -> None:
    assert looked.brought[name].keys() == FLAT_BY
    for by, brought in looked.brought[name].items():
        assert brought.dataset["status"] == "rejected", by
        assert "convert" in brought.remedies, by
