"""The toy that tests list in the registry keeps the contract as any backend does."""

from pathlib import Path

import pytest

from tests.contract.bench import Bench
from tests.contract.provider_abilities import ProviderAbilitiesContract
from tests.contract.suite import BackendContract
from tests.support.app_context import chats
from tests.support.toy import MODEL, TOKEN, ToyBackend, ToyProvider


class ToyBench(Bench):
    """The toy: each look is a step."""

    base_model = MODEL.id

    def __init__(self, folder: Path) -> None:
        self.provider = ToyProvider()
        self.backend: ToyBackend = self.reopen()
        self.training_rows, self.validation_rows = folder / "training.jsonl", folder / "validation.jsonl"
        for path in (self.training_rows, self.validation_rows):
            path.write_bytes(chats(12, ("yes", "no"), "question {n}, is it {answer}?"))

    def pass_time(self) -> None:
        """Nothing goes by: the provider gets on when it is looked at."""

    def reopen(self) -> ToyBackend:
        return ToyBackend(self.provider, TOKEN)


class TestToy(BackendContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Bench:
        return ToyBench(tmp_path)


class TestToyAbilities(ProviderAbilitiesContract):
    backend = ToyBackend

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Bench:
        return ToyBench(tmp_path)
