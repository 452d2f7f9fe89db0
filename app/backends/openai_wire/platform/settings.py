"""What a connection to OpenAI, or to a server of its wire, is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.backends.openai_wire.transport.errors import OPENAI
from app.domain.errors import Problem
from app.domain.fields import ConnectionField
from app.kit.addresses import AddressRefused
from app.kit.outgoing import Outgoing

BASE = "https://api.openai.com/v1"
_HOST = "api.openai.com"
_HEADER = r"[\x21-\x7e]+"
FIELDS: Sequence[ConnectionField] = (
    ConnectionField(
        name="base_url", label="Base address", default=BASE, placeholder=BASE, binds_secrets=True, limit=2000,
        help=(
            "OpenAI's own, or that of any server that speaks its fine-tuning API; it usually ends in /v1. OpenAI "
            "itself takes new trainings until 5 January 2027, and only from organisations that used a tuned model "
            "recently."
        ),
    ),
    ConnectionField(
        name="api_key", label="API key", secret=True, required=True, pattern=_HEADER, limit=1000,
        pattern_help="Enter the key alone, without spaces.",
        help="A key of a project that may train; it begins with sk- at OpenAI.",
    ),
    ConnectionField(
        name="organization", label="Organization", pattern=_HEADER, limit=200, placeholder="org-…",
        pattern_help="Enter the organization's id, which begins with org-.",
        help="Only where the key belongs to several; empty takes the key's own.",
    ),
    ConnectionField(
        name="project", label="Project", pattern=_HEADER, limit=200, placeholder="proj_…",
        pattern_help="Enter the project's id, which begins with proj_.",
        help="Only where the key belongs to several; empty takes the key's own.",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformSettings:
    """A connection's settings as a value."""

    base_url: str = BASE
    organization: str = ""
    project: str = ""

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> "PlatformSettings":
        """Return the value of what `Connection.settings` holds."""
        return cls(**{name: value for name, value in settings.items() if name in cls.__dataclass_fields__})

    @property
    def is_openai(self) -> bool:
        """Whether this is OpenAI itself, in whichever region."""
        host = (urlsplit(self.base_url).hostname or "").lower()
        return host == _HOST or host.endswith(f".{_HOST}")

    @property
    def name(self) -> str:
        """What the provider is called before people."""
        return OPENAI if self.is_openai else urlsplit(self.base_url).hostname or "The server"


def problems(settings: Mapping[str, str], outgoing: Outgoing) -> Sequence[Problem]:
    """Return what is wrong with the settings: an address that may not be called."""
    address = settings.get("base_url", BASE)
    try:
        outgoing.check(address)
    except AddressRefused as error:
        return [Problem("/settings/base_url", "refused", error.message, error.fix)]
    if urlsplit(address).query or urlsplit(address).fragment:
        fix = "End it where the API's paths begin, for example in /v1."
        return [Problem("/settings/base_url", "query", "A base address has no ? and no #.", fix)]
    return []
