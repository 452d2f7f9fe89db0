"""Files brought by REST as people bring them, and what a training is then given of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from app.data.formats.registry import format_of
from app.domain.jobs import Method
from app.services import datasets, drafts
from tests.support.app_context import TestHouse
from tests.support.door import client_of, rest_app


@dataclass(frozen=True)
class Brought:
    """A dataset as REST shows it, and its findings' rules with their remedies."""

    dataset: Mapping[str, Any]
    remedies: Mapping[str, str]

    @property
    def id(self) -> str:
        return str(self.dataset["id"])


class Bringing:
    """A house that files are brought into."""

    def __init__(self, house: TestHouse) -> None:
        self.house = house

    def bring(self, content: bytes, filename: str) -> Brought:
        """Bring a file under its name."""
        with client_of(rest_app(self.house)) as client:
            answer = client.put("/api/v1/datasets", params={"filename": filename}, content=content)
            assert answer.status_code == 201, answer.text
            return Brought(answer.json(), self._remedies(client, answer.json()["id"]))

    @staticmethod
    def _remedies(client: TestClient, identifier: str) -> Mapping[str, str]:
        found = client.get(f"/api/v1/datasets/{identifier}/findings").json()["items"]
        return {each["rule"]: each["fix"] for each in found}

    def canonical(self, brought: Brought) -> Path:
        """Return the file that a training of the dataset is given."""
        with self.house.open() as scope:
            return datasets.canonical(scope, brought.id)

    def method(self, brought: Brought) -> Method:
        """Return the method that the wizard begins with for the dataset."""
        with self.house.open() as scope:
            draft = drafts.create(scope, {"training_dataset": brought.id})
        return Method(draft.values.get("method") or Method.SFT)


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Return a file's rows."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def canonical_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what the rows of a file should be for a training."""
    return [{"line": line, **format_of(row).canonical(row)} for line, row in enumerate(rows, 1)]
