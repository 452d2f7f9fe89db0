"""Entra's tokens go to Azure's own hosts alone, whatever endpoint somebody types."""

import pytest

from app.backends.openai_wire.azure.settings import AzureSettings, SignIn, problems
from app.backends.openai_wire.azure.sign_in import RESOURCE, Tokens
from app.domain.backend import NotAuthorised
from app.kit.addresses import AddressPolicy
from app.kit.outgoing import Outgoing

OURS = ("https://res.openai.azure.com", "https://res.services.ai.azure.com/api/projects/p", "https://r.openai.azure.us")
OTHERS = (
    "https://elsewhere.example",
    "https://res.openai.azure.com.elsewhere.example",
    "https://elsewhere.example/res.openai.azure.com",
    "https://notopenai.azure.com",
    "http://res.openai.azure.com",
)


@pytest.mark.parametrize("endpoint", OURS)
def test_a_host_of_azures_may_have_a_token(endpoint: str) -> None:
    settings = {"endpoint": endpoint, "sign_in": SignIn.DEFAULT.value}
    assert not problems(settings, Outgoing(AddressPolicy()))
    assert AzureSettings.of(settings).is_azure


@pytest.mark.parametrize("endpoint", OTHERS)
@pytest.mark.parametrize("way", [each for each in SignIn if each is not SignIn.KEY])
def test_no_other_host_gets_one(endpoint: str, way: SignIn) -> None:
    settings = {"endpoint": endpoint, "sign_in": way.value}
    found = problems(settings, Outgoing(AddressPolicy()))
    assert "token_host" in {each.code for each in found}
    with pytest.raises(NotAuthorised, match="Azure's own hosts only"):
        Tokens(AzureSettings.of(settings), {}).plane(RESOURCE)


def test_a_key_goes_where_it_belongs_and_is_no_token() -> None:
    settings = AzureSettings(endpoint=OTHERS[0], sign_in=SignIn.KEY.value)
    assert Tokens(settings, {"api_key": "k"}).plane(RESOURCE) == {"api-key": "k"}
