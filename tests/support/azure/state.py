"""The truth that the emulator keeps in memory: who may do what, and what there is."""

import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.support.azure.jobs_state import Job
from tests.support.azure.roles import Role
from tests.support.azure.wire import AzureError, Json

TENANT = "11111111-2222-3333-4444-555555555555"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
ML = "Microsoft.MachineLearningServices"


@dataclass
class Pace:
    """How slow the cloud is. Spans are seconds of the cloud's clock; looks are requests that ask how it stands.

    An operation ends after its seconds or its looks, whichever comes first.
    """

    retry_after: float = 0.02
    operation_seconds: float = 20.0
    operation_looks: int = 1
    data_plane_looks: int = 1
    job_visible_after: float = 0.0
    job_listed_after: float = 0.0
    name_reserved: float = 300.0
    page_size: int = 30
    stages: dict[str, float] = field(
        default_factory=lambda: {
            "NotStarted": 5.0, "Starting": 10.0, "Provisioning": 60.0, "Preparing": 30.0, "Queued": 30.0,
            "Running": 300.0, "Finalizing": 20.0,
        }
    )  # fmt: skip


@dataclass
class Principal:
    """Somebody who can sign in: `certificates` by thumbprint, `federations` as (issuer, subject, public key)."""

    oid: str
    app_id: str
    name: str
    kind: str = "ServicePrincipal"
    secrets: list[str] = field(default_factory=list)
    certificates: dict[str, Any] = field(default_factory=dict)
    federations: list[tuple[str, str, Any]] = field(default_factory=list)


@dataclass
class Assignment:
    """One role given to one principal at a scope and below."""

    principal: str
    role: Role
    scope: str
    name: str = field(default_factory=lambda: str(uuid.uuid4()))

    def covers(self, scope: str) -> bool:
        """Whether the assignment holds at `scope`."""
        mine = self.scope.rstrip("/").lower()
        return scope.lower() == mine or scope.lower().startswith(f"{mine}/")


@dataclass
class Subscription:
    """A subscription and the registration state of its resource providers."""

    id: str
    name: str
    tenant: str = TENANT
    state: str = "Enabled"
    providers: dict[str, str] = field(default_factory=dict)
    usages: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)


@dataclass
class ResourceGroup:
    """A resource group."""

    subscription: str
    name: str
    location: str
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Asset:
    """One version of a data asset, model, code or environment."""

    kind: str
    name: str
    version: str
    properties: Json
    created: datetime

    @property
    def tags(self) -> dict[str, str]:
        """The version's tags."""
        tags: dict[str, str] = self.properties.get("tags") or {}
        return tags


@dataclass
class Resource:
    """Anything with a name, a body and a provisioning state: endpoints, deployments, subscriptions, computes."""

    kind: str
    name: str
    body: Json
    created: datetime
    state: str = "Creating"
    looks_until_ready: int = 0
    keys: dict[str, str] = field(default_factory=dict)
    children: dict[str, "Resource"] = field(default_factory=dict)
    calls: list[tuple[datetime, int, float]] = field(default_factory=list)
    operation: str | None = None

    @property
    def tags(self) -> dict[str, str]:
        """The resource's tags."""
        tags: dict[str, str] = self.body.get("tags") or {}
        return tags

    @property
    def properties(self) -> Json:
        """The resource's properties, as they were sent."""
        properties: Json = self.body.setdefault("properties", {})
        return properties


@dataclass
class Storage:
    """A storage account as far as fine-tuning uses it: its blobs lie in Azurite."""

    account: str
    key: str
    container: str
    allow_keys: bool = True
    signs: bool = True  # else the key itself is told where a signature was asked for


@dataclass
class Workspace:
    """A hub, a project or a classic workspace, with everything in it."""

    subscription: str
    group: str
    name: str
    kind: str
    location: str
    storage: Storage
    created: datetime
    hub: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    properties: Json = field(default_factory=dict)
    guid: str = field(default_factory=lambda: str(uuid.uuid4()))
    state: str = "Succeeded"
    data: dict[str, dict[str, Asset]] = field(default_factory=dict)
    models: dict[str, dict[str, Asset]] = field(default_factory=dict)
    codes: dict[str, dict[str, Asset]] = field(default_factory=dict)
    environments: dict[str, dict[str, Asset]] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    serverless: dict[str, Resource] = field(default_factory=dict)
    marketplace: dict[str, Resource] = field(default_factory=dict)
    online: dict[str, Resource] = field(default_factory=dict)
    computes: dict[str, Resource] = field(default_factory=dict)
    reserved: dict[str, datetime] = field(default_factory=dict)
    operation: str | None = None

    @property
    def id(self) -> str:
        """The workspace's ARM id."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}/providers/{ML}/workspaces/{self.name}"

    def assets(self, kind: str) -> dict[str, dict[str, Asset]]:
        """Return the versioned assets of a kind: data, models, codes or environments."""
        found: dict[str, dict[str, Asset]] = getattr(self, kind)
        return found

    def resources(self, kind: str) -> dict[str, Resource]:
        """Return the resources of a kind, by the word of its ARM type."""
        words = {
            "serverlessendpoints": self.serverless,
            "marketplacesubscriptions": self.marketplace,
            "onlineendpoints": self.online,
            "computes": self.computes,
        }
        return words[kind.lower()]


@dataclass
class State:
    """The whole cloud. `lock` is held while a request is answered; a test that changes much at once may hold it too."""

    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    groups: list[ResourceGroup] = field(default_factory=list)
    principals: dict[str, Principal] = field(default_factory=dict)
    assignments: list[Assignment] = field(default_factory=list)
    roles: dict[str, Role] = field(default_factory=dict)
    workspaces: list[Workspace] = field(default_factory=list)
    deployments: dict[str, Json] = field(default_factory=dict)
    devices: dict[str, Json] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)
    model_delete: str = "allowed"  # or "refused": then a version can only be archived
    # Which job a registered model names (its "job", a run "below" it, "null"), with the job's tags or not, how often.
    model_job: str = "job"
    model_tags: bool = True
    model_versions: int = 1
    scoring_form: str = "input_string"  # the one in which managed online endpoints are asked; see `scoring.FORMS`
    # The next creation of an endpoint, a deployment on one or a subscription fails with this code and message.
    fail_operation: tuple[str, str] | AzureError | None = None
    tokens_per_minute: int = 200_000
    requests_per_minute: int = 1_000
    serverless_endpoints_limit: int = 20
    content_filter_words: set[str] = field(default_factory=lambda: {"violence-probe"})
    answers: dict[str, str] = field(default_factory=dict)
    usage_rows: list[Json] = field(default_factory=list)  # as an official body has them, beside the families' own
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def workspace(self, name: str, group: str | None = None) -> Workspace | None:
        """Return a workspace by name (and group); names are compared as ARM does, whatever their case."""
        for found in self.workspaces:
            if found.name.lower() == name.lower() and (group is None or found.group.lower() == group.lower()):
                return found
        return None

    def group(self, subscription: str, name: str) -> ResourceGroup | None:
        """Return a resource group, if there is one."""
        for found in self.groups:
            if found.subscription == subscription and found.name.lower() == name.lower():
                return found
        return None

    @property
    def jobs(self) -> dict[str, Job]:
        """Every job of every workspace by name."""
        return {name: job for workspace in self.workspaces for name, job in workspace.jobs.items()}

    @property
    def models(self) -> dict[str, dict[str, Asset]]:
        """Every registered model of every workspace by name."""
        return {name: versions for workspace in self.workspaces for name, versions in workspace.models.items()}

    @property
    def endpoints(self) -> dict[str, Resource]:
        """Every serverless and online endpoint of every workspace by name."""
        return {
            name: one
            for workspace in self.workspaces
            for one_of in (workspace.serverless, workspace.online)
            for name, one in one_of.items()
        }
