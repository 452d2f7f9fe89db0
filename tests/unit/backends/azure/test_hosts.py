"""Where requests may go: to the hosts of the connection's own cloud, each kind with its own token, and nowhere else."""

from itertools import product

import pytest
from azure.core.rest import HttpRequest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from app.backends.azure_foundry.settings import CLOUDS as LABELS
from app.backends.azure_foundry.transport.hosts import CLOUDS, Audience, StrangeHost
from app.backends.azure_foundry.transport.wire import Wire

PUBLIC = CLOUDS["AzureCloud"]
ITS_OWN = {
    Audience.MANAGEMENT: (
        "https://management.azure.com/subscriptions",
        "https://eastus2.api.azureml.ms/history/v1.0",
        "https://cert-eastus2.experiments.azureml.net/mferp/managementfrontend",
    ),
    Audience.STORAGE: ("https://account.blob.core.windows.net/container/rows.jsonl",),
    Audience.SIGN_IN: ("https://login.microsoftonline.com/tenant/oauth2/v2.0/token",),
    Audience.SIGNED: ("https://account.blob.core.windows.net/container/log.txt?sig=canary",),
    Audience.ENDPOINT: (
        "https://dep-1.eastus2.models.ai.azure.com/v1/chat/completions",
        "https://dep-1.eastus2.inference.ml.azure.com/score",
    ),
    Audience.ANYBODY: ("https://management.azure.com/metadata/endpoints",),
    Audience.REACH: ("https://login.microsoftonline.com/",),
}
ARM = "management.azure.com"
STRANGE = (
    "", "/subscriptions", f"http://{ARM}/", f"ftp://{ARM}/", f"//{ARM}/", "https://", "https:///", "https://[", f" https://{ARM}/",
    f"https://{ARM}.elsewhere.example/", f"https://elsewhere-{ARM}/", f"https://{ARM}@elsewhere.example/",
    f"https://user:word@{ARM}/", f"https://{ARM}:8443/", f"https://elsewhere.example/{ARM}", f"https://elsewhere.example?{ARM}",
    f"https://elsewhere.example#.{ARM}", "https://elsewhere.example\\.eastus2.api.azureml.ms/", f"https://{ARM}\\@elsewhere.example/",
    "https://elsewhere.example\\@eastus2.api.azureml.ms/", "https://api.azureml.ms.elsewhere.example/", "https://evilapi.azureml.ms/",
    "https://experiments.azureml.net.elsewhere.example/", "https://cert-eastus2-experiments.azureml.net/",
    f"https://{ARM}\n.elsewhere.example/", "https://elsewhere.example%2f.eastus2.api.azureml.ms/", "https://eastus2.api.azureml.ms\u3002x/",
    f"https://{ARM}.", "https://169.254.169.254/metadata/identity/oauth2/token", "https://[::1]/", "https://localhost/",
)  # fmt: skip


def test_every_cloud_that_a_connection_can_name_has_its_hosts() -> None:
    assert set(CLOUDS) == set(LABELS)
    for one, other in product(CLOUDS.values(), repeat=2):
        for audience in Audience:
            known = {f"https://{each}/" for each in (one.arm, one.authority, one.registries, f"x{one.blob}")}
            known |= {f"https://x{ending}/" for ending in one.endpoints}
            found = {address for address in known if allowed(other, audience, address)}
            assert bool(found) is (one is other), (one.arm, other.arm, audience)


def allowed(cloud: object, audience: Audience, address: str) -> bool:
    try:
        next(each for each in CLOUDS.values() if each is cloud).check(audience, address)
    except StrangeHost:
        return False
    return True


@pytest.mark.parametrize(("audience", "other"), [*product(Audience, Audience)])
def test_what_is_for_one_is_not_sent_to_another(audience: Audience, other: Audience) -> None:
    for address in ITS_OWN[other]:
        same = address.partition("?")[0] in {each.partition("?")[0] for each in ITS_OWN[audience]}
        blobs = {audience, other} == {Audience.STORAGE, Audience.SIGNED}
        public = (audience, other) == (Audience.MANAGEMENT, Audience.ANYBODY)
        arm = (audience, other) == (Audience.ANYBODY, Audience.MANAGEMENT) and ARM in address
        signs_in = (audience, other) == (Audience.SIGN_IN, Audience.REACH)
        reach = audience is Audience.REACH or signs_in  # sends nobody's token
        assert allowed(PUBLIC, audience, address) is (same or blobs or public or arm or reach), (audience, address)


@pytest.mark.parametrize("address", STRANGE)
def test_a_strange_address_is_refused_by_everything_that_sends(address: str) -> None:
    wire = Wire(PUBLIC, lambda _headers: None, connect_s=1.0, read_s=1.0)
    for audience in Audience:
        with pytest.raises(StrangeHost, match="nothing was sent there") as refused:
            PUBLIC.check(audience, address)
        assert refused.value.fix
        with pytest.raises(StrangeHost):
            wire.send(HttpRequest("GET", address), audience=audience)
    with pytest.raises(StrangeHost):
        wire.send(HttpRequest("GET", address))  # as azure-ai-ml sends, also where a redirect leads


def test_a_signature_is_not_shown() -> None:
    with pytest.raises(StrangeHost) as refused:
        PUBLIC.check(Audience.SIGNED, "https://elsewhere.example/log.txt?sig=canary")
    assert "canary" not in str(refused.value)


def test_no_token_goes_where_none_is_meant() -> None:
    scopes = {audience: PUBLIC.scope(audience) for audience in Audience}
    assert scopes == {
        Audience.MANAGEMENT: "https://management.azure.com/.default",
        Audience.STORAGE: "https://storage.azure.com/.default",
        Audience.SIGNED: "",
        Audience.SIGN_IN: "",
        Audience.ENDPOINT: "",
        Audience.ANYBODY: "",
        Audience.REACH: "",
    }


PIECES = st.lists(
    st.sampled_from(["https://", ARM, ".api.azureml.ms", "x", ".", "@", ":", "443", "\\", "/", "?", "#", "%2f", "\t"]),
    max_size=9,
).map("".join)


@given(PIECES | PIECES.map("https://".__add__))
def test_what_is_allowed_is_what_is_connected_to(address: str) -> None:
    """The library that opens connections reads the same host out of an address."""
    if allowed(PUBLIC, Audience.MANAGEMENT, address):
        parsed = parse_url(address)
        assert parsed.host == ARM or str(parsed.host).endswith((".api.azureml.ms", ".experiments.azureml.net"))
        assert (parsed.scheme, parsed.port or 443, parsed.auth) == ("https", 443, None)
