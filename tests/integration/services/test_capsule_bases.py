"""A capsule whose base model is a directory: it names no path of the machine that wrote it, and finds its own here."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import Invalid
from app.services import capsule_import, capsules, jobs
from tests.support.app_context import TestHouse, chats
from tests.support.connections import LOCAL_ID
from tests.support.local import STARTER, backend_over

ROWS = chats(60, ("yes", "no"), "question number {n}, is it so?")


def a_house(folder: Path, name: str) -> tuple[TestHouse, str]:
    """Return a house with the run's rows, and its base model as it is called there."""
    base = folder / name / "bases" / "mine"
    shutil.copytree(STARTER, base)
    house = TestHouse(folder / name, [backend_over(folder / name / "runs", Path(sys.executable))])
    house.upload(ROWS, "rows")
    return house, f"path:{base}"


def recorded(house: TestHouse, base: str) -> str:
    fields = house.fields(
        project=house.project(), connection=LOCAL_ID, base_model=base, training_dataset=house.upload(ROWS, "rows").id
    )
    with house.open() as scope:
        return jobs.create(scope, fields).id


@pytest.fixture
def capsule(tmp_path: Path) -> dict[str, Any]:
    house, base = a_house(tmp_path, "there")
    with house.open() as scope:
        written = capsules.text(capsules.of_job(scope, recorded(house, base)))
    house.database.close()
    assert str(tmp_path) not in written
    read: dict[str, Any] = json.loads(written)
    assert read["recipe"]["base_model"] == "path:mine"
    return read


def test_a_directory_is_named_by_its_importer_or_known_from_an_earlier_job(
    tmp_path: Path, capsule: dict[str, Any]
) -> None:
    house, base = a_house(tmp_path, "here")
    project = house.project()
    with pytest.raises(Invalid) as caught, house.open() as scope:
        capsule_import.create(scope, capsule, project=project)
    (problem,) = caught.value.problems
    assert problem.pointer == "/base_model"
    assert "whole path" in problem.message + problem.fix
    with house.open() as scope:
        assert capsule_import.create(scope, capsule, project=project, base_model=base).spec.base_model == base
    with house.open() as scope:
        assert capsule_import.create(scope, capsule, project=project).spec.base_model == base
    house.database.close()
