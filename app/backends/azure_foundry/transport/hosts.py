"""Azure's clouds, and the one decision which of their hosts may be sent a token, a key or a question at all.

Whatever Azure answers may name an address to go on with: a next page, a data plane, a log file, an endpoint, another
place for the same (a redirect). `Cloud.check` is asked before every single request, those of azure-ai-ml included.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.domain.backend import Unavailable

# A host is followed by its path or by nothing: no name or password before it, no other port, and nothing that one
# parser takes for a part of the host and another one does not (a backslash).
_ADDRESS = re.compile(r"https://([a-z0-9.-]+)(?::443)?(?:[/?#]|\Z)", re.IGNORECASE)


class StrangeHost(Unavailable):
    """Azure named an address that is none of its own. Nothing was sent there."""


class Audience(StrEnum):
    """Whom a request is for, which decides its token and its hosts."""

    MANAGEMENT = "management"  # ARM's token: ARM itself, and the data planes of workspaces and registries
    STORAGE = "storage"  # storage's token: the blob store
    SIGN_IN = "sign_in"  # no token: secrets, for which tokens are given
    SIGNED = "signed"  # no token: an address of the blob store that has its own signature
    ENDPOINT = "endpoint"  # no token: a deployment, which has a key of its own
    ANYBODY = "anybody"  # no token: what ARM tells whoever asks
    REACH = "reach"  # no token: whether a host answers at all, whatever it says


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """One of Azure's clouds: hosts, and endings of hosts, which begin with a full stop."""

    arm: str
    authority: str  # signs in
    portal: str  # for people
    registries: str  # tells where the registries of models are
    data_planes: tuple[str, ...]  # of workspaces, and of registries
    blob: str
    endpoints: tuple[str, ...]

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host that is ever asked, as docs/azure.md lists them."""
        return (self.authority, self.arm, *self.data_planes, self.blob, *self.endpoints)

    def scope(self, audience: Audience) -> str:
        """Return the scope of the token for an audience; "" where none is sent."""
        scopes = {
            Audience.MANAGEMENT: f"https://{self.arm}/.default",
            Audience.STORAGE: "https://storage.azure.com/.default",  # the same in every cloud
        }
        return scopes.get(audience, "")

    def check(self, audience: Audience, address: str) -> None:
        """Return if a request for `audience` may go to an address: by https, to a host of this cloud's own.

        Raises:
            StrangeHost: it may not.
        """
        known = {
            Audience.MANAGEMENT: (self.arm, *self.data_planes),
            Audience.STORAGE: (self.blob,),
            Audience.SIGN_IN: (self.authority,),
            Audience.SIGNED: (self.blob,),
            Audience.ENDPOINT: self.endpoints,
            Audience.ANYBODY: (self.arm,),
            Audience.REACH: self.hosts,
        }
        found = _ADDRESS.match(address)
        host = found[1].lower() if found else ""
        if not any(host == each or (each[0] == "." and host.endswith(each)) for each in known[audience]):
            shown = address.partition("?")[0][:120]  # what follows may be a signature
            raise StrangeHost(
                f"Azure names {shown!r} as an address, which is none of its own: nothing was sent there.",
                fix="Check whether a proxy changes Azure's answers, and which cloud the connection names.",
            )


# ARM, registries and data planes as azure-ai-ml has them (azure.ai.ml._azure_environments). A registry's discovery
# names its data plane on another host, cert-REGION.experiments.azureml.net (recordings of azure-ai-ml's tests in
# Azure/azure-sdk-assets, model/e2etests/test_model…registry); the other clouds' documented wildcard, *.ml.azure.us and
# *.ml.azure.cn, is narrowed here to the same two labels, because customers' endpoints are under it, too:
# https://learn.microsoft.com/azure/machine-learning/how-to-access-azureml-behind-firewall. Signing in:
# https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud. Portals:
# https://learn.microsoft.com/azure/azure-portal/azure-portal-safelist-urls. Managed online endpoints:
# https://learn.microsoft.com/azure/machine-learning/how-to-custom-dns; serverless ones (the public cloud's alone):
# https://learn.microsoft.com/azure/machine-learning/how-to-deploy-models-serverless.
CLOUDS: Mapping[str, Cloud] = {
    "AzureCloud": Cloud(
        arm="management.azure.com",
        authority="login.microsoftonline.com",
        portal="portal.azure.com",
        registries="eastus.api.azureml.ms",
        data_planes=(".api.azureml.ms", ".experiments.azureml.net"),
        blob=".blob.core.windows.net",
        endpoints=(".inference.ml.azure.com", ".models.ai.azure.com"),
    ),
    "AzureUSGovernment": Cloud(
        arm="management.usgovcloudapi.net",
        authority="login.microsoftonline.us",
        portal="portal.azure.us",
        registries="usgovarizona.api.ml.azure.us",
        data_planes=(".api.ml.azure.us", ".experiments.ml.azure.us"),
        blob=".blob.core.usgovcloudapi.net",
        endpoints=(".inference.ml.azure.us",),
    ),
    "AzureChinaCloud": Cloud(
        arm="management.chinacloudapi.cn",
        authority="login.chinacloudapi.cn",
        portal="portal.azure.cn",
        registries="chinaeast2.api.ml.azure.cn",
        data_planes=(".api.ml.azure.cn", ".experiments.ml.azure.cn"),
        blob=".blob.core.chinacloudapi.cn",
        endpoints=(".inference.ml.azure.cn",),
    ),
}
