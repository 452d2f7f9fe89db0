"""The emulator is strict: each planted mistake is refused in Azure's words, and the right call beside it passes."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.azure import planted_jobs, planted_serving  # noqa: F401 -- they fill the list
from tests.support.azure.arm_client import ArmClient
from tests.support.azure.cloud import AzureCloud
from tests.support.azure.planted import MISTAKES, Mistake


@pytest.fixture
def arm(cloud: AzureCloud) -> Iterator[ArmClient]:
    with ArmClient(cloud) as made:
        yield made


def code_of(answer: httpx.Response) -> str:
    """Return the code of a refusal, whether it is JSON or a blob store's XML."""
    return str(answer.headers.get("x-ms-error-code") or answer.json()["error"]["code"])


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_planted_mistake_is_refused(arm: ArmClient, mistake: Mistake) -> None:
    answer = mistake.wrong(arm)
    if mistake.status == 200:
        assert answer.json()["properties"]["status"] == "Failed"
        assert mistake.code in arm.why("job-1")
    else:
        assert (answer.status_code, code_of(answer)) == (mistake.status, mistake.code), answer.text
    assert answer.headers["x-ms-request-id"]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_the_right_call_beside_it_passes(arm: ArmClient, mistake: Mistake) -> None:
    answer = mistake.right(arm)
    assert answer.is_success, answer.text
    if mistake.status == 200:
        assert answer.json()["properties"]["status"] == "Completed"


def test_there_are_at_least_twenty() -> None:
    assert len({mistake.name for mistake in MISTAKES}) >= 20
