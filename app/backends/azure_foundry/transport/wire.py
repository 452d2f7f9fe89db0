"""The last step before the network, the same for azure-core, azure-ai-ml and azure-identity; imported once needed.

A transport rather than a policy, because nothing may come between it and the sending: a token that takes long to get
must not carry a submit past its deadline.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import HttpResponseError, ServiceRequestError
from azure.core.pipeline.transport import RequestsTransport

from app.backends.azure_foundry.transport.deadlines import remaining_s
from app.backends.azure_foundry.transport.hosts import Audience, Cloud

# Where a platform says that tokens of the machine itself are given:
# https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
_MACHINE = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST")
UNREGISTERED = "MissingSubscriptionRegistration"
_CONFLICT = 409
_SHORTEST_S = 0.5  # a request that could only be given this long is not begun


class NotSent(ServiceRequestError):
    """It was not sent: surely nothing was accepted."""


class Unreached(ServiceRequestError):
    """A host could not be reached; `host` is its name, for whoever has to open the way to it."""

    def __init__(self, host: str, error: ServiceRequestError) -> None:
        super().__init__(error.message, error=getattr(error, "inner_exception", None))
        self.host = host


class Wire(RequestsTransport):  # type: ignore[misc]  # azure-core offers it without types
    """Sends nothing after the deadline or to a strange host, and registers no provider behind anybody's back."""

    audience = Audience.MANAGEMENT  # of a request that does not say whom it is for: azure-ai-ml's

    def __init__(
        self, cloud: Cloud, on_response: Callable[[Mapping[str, str]], None], *, connect_s: float, read_s: float
    ) -> None:
        """`on_response` is told the headers of every answer."""
        super().__init__(connection_timeout=connect_s, read_timeout=read_s)
        self._local: tuple[str, ...] = ()  # addresses on this machine that are asked besides
        self._cloud, self._on_response = cloud, on_response
        self._connect_s, self._read_s = connect_s, read_s

    def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401 -- overloads of azure-core
        """Send, if there is time; wait for the answer no longer than the deadline.

        Raises:
            StrangeHost: the address is none of Azure's, where a redirect of azure-ai-ml's leads for example.
            NotSent: the deadline is over, or it would register a resource provider.
            Unreached: there is no way to the host.
            HttpResponseError: a provider is not registered; raised here, where no policy answers it by registering.
        """
        if not (self._local and request.url.startswith(self._local)):
            self._cloud.check(options.pop("audience", self.audience), request.url)
        if request.method == "POST" and request.url.partition("?")[0].rstrip("/").endswith("/register"):
            raise NotSent("Registering a resource provider is left to an administrator.")
        seconds = remaining_s()
        if seconds is not None:
            if seconds < _SHORTEST_S:
                raise NotSent("The deadline was over before the request was sent.")
            options["connection_timeout"] = min(seconds, options.get("connection_timeout", self._connect_s))
            options["read_timeout"] = min(seconds, options.get("read_timeout", self._read_s))
        try:
            answer = super().send(request, **options)
        except ServiceRequestError as error:
            raise Unreached(urlsplit(request.url).hostname or "", error) from error
        self._on_response(answer.headers)
        if answer.status_code == _CONFLICT and not options.get("stream") and UNREGISTERED in answer.text():
            raise HttpResponseError(response=answer)
        return answer


class SignInWire(Wire):
    """The same for azure-identity: secrets go to the cloud's own authority, wherever its answers lead; tokens of this
    machine are asked for on this machine.
    """

    audience = Audience.SIGN_IN

    def __init__(self, cloud: Cloud, *, connect_s: float, read_s: float) -> None:
        """Nobody is told the answers' headers."""
        super().__init__(cloud, lambda _headers: None, connect_s=connect_s, read_s=read_s)
        given = (os.environ.get(name, "") for name in _MACHINE)  # noqa: TID251 -- where a platform puts its endpoint
        self._local = ("http://169.254.169.254/", *(each for each in given if each))
