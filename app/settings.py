"""Every setting, read once from the environment (`TUNEDESK_…`) and handed down as values."""

import json
import os
import re
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.domain.single_sign_on import Directory, Grant, checked_issuer, tenant_of
from app.kit import crash_points
from app.kit.addresses import is_entry
from app.kit.open_id import Client
from app.kit.redaction import know
from app.setup.problems import SetupError

_HEADER = re.compile(r"[a-z0-9-]+")
_CLIENTS_OWN = frozenset(
    {"accept", "authorization", "cookie", "forwarded", "from", "host", "origin", "referer", "user-agent"}
)
ROOT = Path(__file__).resolve().parents[1]


class Settings(BaseSettings):
    """What an operator may decide. Each field is documented in docs/settings.md; a test compares the two."""

    # What is written as a list or a table is read by validators, whose errors name the setting.
    model_config = SettingsConfigDict(env_prefix="TUNEDESK_", extra="ignore", frozen=True, enable_decoding=False)

    host: str = Field(
        default="127.0.0.1", description="The address to serve on; loopback only, unless there are accounts."
    )
    port: int = Field(default=8000, ge=0, le=65535, description="The port to serve on; 0 takes a free one.")
    data_dir: Path = Field(
        default=ROOT / "data", description="Where the database, the files, the runs and the logs live."
    )
    database_url: str = Field(
        default="",
        description="Another SQLite file instead of `tunedesk.sqlite3` in the data folder: `sqlite:////folder/file`.",
    )
    secret_key_file: Path = Field(
        default=ROOT / ".tunedesk-key",
        description="The key that seals the secrets of connections; keep it apart from backups of the data folder.",
    )
    runtimes_dir: Path = Field(default=ROOT / ".runtimes", description="Where runtime environments live.")
    runtime_python: Path | None = Field(
        default=None,
        description="An interpreter with torch, transformers and trl, to be used instead of the runtime `trl`.",
    )
    runtime_autoinstall: bool = Field(
        default=True, description="Make the runtime environment `trl` in the background at start."
    )
    rehearsal: bool = Field(default=False, description="Offer the scripted backend `rehearsal`, for trying things out.")
    rehearsal_dir: Path | None = Field(default=None, description="Where the rehearsal backend keeps its ledger.")
    rehearsal_script: Path | None = Field(default=None, description="A fault script (JSON) for the rehearsal backend.")
    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="Host names besides loopback that the guard lets in."
    )
    outgoing_allowed: tuple[str, ...] = Field(
        default=(), description="`host:port` inside this network that people's addresses may lead to, also without TLS."
    )
    outgoing_ca_file: Path | None = Field(
        default=None, description="Certificates (PEM) to trust besides the public ones in calls to people's addresses."
    )
    tls_certificate: Path | None = Field(default=None, description="The certificate (PEM) to serve by TLS with.")
    tls_key: Path | None = Field(default=None, description="The key of that certificate (PEM).")
    insecure_http: bool = Field(
        default=False, description="Serve beyond loopback without TLS, whoever listens on the way."
    )
    behind_tls: bool = Field(default=False, description="A proxy before it serves by TLS: cookies are for TLS alone.")
    trusted_proxies: tuple[str, ...] = Field(
        default=(), description="Addresses or networks of proxies that are believed from where a request comes."
    )
    person_header: str = Field(
        default="", description="The header in which trusted proxies, and nobody else, say who is signed in."
    )
    oidc_issuer: str = Field(
        default="", description="The issuer of single sign-on by OpenID Connect, word for word as it calls itself."
    )
    oidc_client_id: str = Field(default="", description="The id under which that issuer knows TuneDesk.")
    oidc_secret_file: Path | None = Field(
        default=None, description="A file with the client's secret; without one it is a public client with PKCE alone."
    )
    oidc_name: str = Field(default="single sign-on", description="What the button calls it: Sign in with …")
    oidc_tenant: str = Field(
        default="", description="The tenant (claim `tid`) whose people are let in; at Entra, the issuer's own."
    )
    oidc_roles: dict[str, str | list[str]] = Field(
        default={}, description="What values of the claim `roles` (Entra's app roles) stand for here."
    )
    oidc_groups: dict[str, str | list[str]] = Field(
        default={}, description="What values of the claim `groups` stand for, where `roles` gives nothing."
    )
    oidc_new_people: Literal["none", "granted", "all"] = Field(
        default="none",
        description="Who is given an account by signing in so: nobody, who has a role by claim, or all.",
    )
    upload_limit_mb: int = Field(default=2048, ge=1, description="The largest dataset file that is taken, in MiB.")
    at_once_mb: float = Field(
        default=32.0, ge=0, description="The largest file that is checked, split and converted at once, in MiB."
    )
    import_roots: tuple[Path, ...] = Field(
        default=(), description="Folders of this machine below which files may be read in by their paths."
    )
    model_roots: tuple[Path, ...] = Field(
        default=(), description="Folders below which people with accounts may name model directories as bases."
    )
    disk_reserve_mb: int = Field(default=512, ge=0, description="Free space below which nothing new is stored, in MiB.")
    local_slots: int = Field(default=1, ge=1, le=64, description="How many trainings this machine runs at once.")
    local_threads: int = Field(
        default=0, ge=0, description="Threads of one training; 0 chooses by the number of cores."
    )
    local_niceness: int = Field(
        default=10,
        ge=0,
        le=19,
        description="How far trainings and evaluations step back behind others on a busy machine: 0 not at all.",
    )
    idle_stop_s: int = Field(
        default=1800, ge=0, description="Seconds of idleness after which a deployment stops; 0 never."
    )
    checkpoint_days: int = Field(
        default=30, ge=0, description="Days after which the checkpoints of a succeeded job are removed; 0 never."
    )
    audit_days: int = Field(default=730, ge=0, description="Days for which it is kept who did what; 0 for ever.")
    engine_interval_s: float = Field(
        default=1.0, gt=0, description="How often the engine looks for what is due, in seconds."
    )
    lease_s: float = Field(
        default=60.0, gt=0, description="How long the engine may hold a row before another may take it."
    )
    log_level: str = Field(default="info", description="How much is logged: debug, info, warning or error.")
    log_form: Literal["text", "json"] = Field(
        default="text", description="How the log is written: text for people, or json, a line for each request as well."
    )
    crash_at: str = Field(
        default="", description="For tests: the crash point at which the server kills itself, `name` or `name:n`."
    )

    @field_validator(
        "allowed_hosts", "outgoing_allowed", "trusted_proxies", "import_roots", "model_roots", mode="before"
    )
    @classmethod
    def _list(cls, value: object) -> object:
        """Read a list: of JSON, or entries with commas between them."""
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return _json(value)
        return [each.strip() for each in value.split(",") if each.strip()]

    @field_validator("oidc_roles", "oidc_groups", mode="before")
    @classmethod
    def _table(cls, value: object) -> object:
        """Read an object of JSON."""
        return value if not isinstance(value, str) else _json(value or "{}")

    @field_validator("crash_at")
    @classmethod
    def _crash_point(cls, value: str) -> str:
        """Refuse a crash point that there is none of."""
        if value:
            crash_points.parse(value)
        return value

    @field_validator("database_url")
    @classmethod
    def _sqlite(cls, value: str) -> str:
        """Refuse other databases: what each person sees, and that the audit stays as it is, SQLite alone holds here."""
        if value and not value.startswith("sqlite:///"):
            raise ValueError(
                "TuneDesk keeps its data in SQLite alone: no other database hides here what somebody may not see, or "
                "refuses changes of the audit. Leave it out, or name a file as sqlite:////folder/file.sqlite3"
            )
        return value

    @field_validator("outgoing_allowed")
    @classmethod
    def _entries(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what could never match; capital letters are made small."""
        small = tuple(each.strip().lower() for each in value)
        for each in small:
            if not is_entry(each):
                raise ValueError(f"{each!r} is no host:port, such as gpu.example:8000")
        return small

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is no address, or everybody's."""
        for each in value:
            if ip_network(each).prefixlen == 0:
                raise ValueError(f"{each!r} would let everybody say who they are")
        return value

    @field_validator("person_header")
    @classmethod
    def _header(cls, value: str) -> str:
        """Refuse a header that clients send by themselves."""
        name = value.strip().lower()
        if name and (not _HEADER.fullmatch(name) or name in _CLIENTS_OWN or name.startswith(("x-forwarded-", "sec-"))):
            raise ValueError(
                f"{value!r} is no header for this: name one that the proxy alone sets, such as x-remote-user"
            )
        return name

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        """Refuse an issuer that cannot be pinned."""
        return checked_issuer(value) if value else value

    @field_validator("oidc_roles", "oidc_groups")
    @classmethod
    def _grants(cls, value: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        """Refuse what gives nothing that there is."""
        for given in _lists(value).values():
            for each in given:
                Grant.parse(each)
        return value

    @property
    def by_tls(self) -> bool:
        """Whether pages come by TLS alone: from here, or from a proxy."""
        return self.tls_certificate is not None or self.behind_tls

    @property
    def directory(self) -> Directory:
        """The directory that people may sign in with."""
        return Directory(
            name=self.oidc_name,
            issuer=self.oidc_issuer,
            tenant=tenant_of(self.oidc_issuer, self.oidc_tenant),
            roles=_lists(self.oidc_roles),
            groups=_lists(self.oidc_groups),
            new_people=self.oidc_new_people,
        )

    def open_id_client(self) -> Client | None:
        """Return what the directory knows this installation as; None where there is no single sign-on.

        Raises:
            SetupError: it is set up by half, or the client's secret cannot be read.
        """
        if not self.oidc_issuer and not self.oidc_client_id:
            return None
        if not self.oidc_issuer or not self.oidc_client_id:
            fix = "Set both TUNEDESK_OIDC_ISSUER and TUNEDESK_OIDC_CLIENT_ID."
            raise SetupError("Single sign-on is set up by half.", fix)
        file = self.oidc_secret_file
        try:
            secret = "" if file is None else file.read_text("utf-8").strip()
        except (OSError, UnicodeError) as error:
            fix = "Correct TUNEDESK_OIDC_SECRET_FILE, or let the server's user read that file."
            raise SetupError(f"The secret of single sign-on in {file} cannot be read: {error}.", fix) from None
        know(secret)
        return Client(issuer=self.oidc_issuer, client_id=self.oidc_client_id, secret=secret)

    @property
    def url(self) -> str:
        """The database's address."""
        return self.database_url or f"sqlite:///{self.data_dir / 'tunedesk.sqlite3'}"


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{text!r} is no JSON, from its character {error.pos + 1} on") from None


def _lists(given: dict[str, str | list[str]]) -> dict[str, list[str]]:
    return {value: [what] if isinstance(what, str) else what for value, what in given.items()}


def environment() -> Mapping[str, str]:
    """Return the process's environment, of which child processes are handed what their backend names."""
    return dict(os.environ)
