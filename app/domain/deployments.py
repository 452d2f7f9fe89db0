"""What a deployment is, and the steps it may take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.domain.hyperparameters import Hyperparameter
from app.domain.jobs import JobReason
from app.domain.money import Money
from app.domain.prices import UNKNOWN, Bill, Billing
from app.domain.state_machine import Stateful, Status


class DeploymentGoal(StrEnum):
    """What people want of a deployment. Only services write it."""

    PRESENT = "present"
    ABSENT = "absent"


class DeploymentStatus(Status):
    """Where a deployment is."""

    PENDING = "pending"
    CREATING = "creating"
    READY = "ready"
    FAILED = "failed"
    DELETING = "deleting"
    DELETED = "deleted"

    @property
    def followers(self) -> frozenset["DeploymentStatus"]:
        """Every status that may come next."""
        return TRANSITIONS[self]


S = DeploymentStatus
TRANSITIONS: dict[DeploymentStatus, frozenset[DeploymentStatus]] = {
    S.PENDING: frozenset({S.CREATING, S.FAILED, S.DELETING}),
    S.CREATING: frozenset({S.READY, S.FAILED, S.DELETING}),
    # Back to creating: what served is gone although it is still wanted, and is made again.
    S.READY: frozenset({S.CREATING, S.FAILED, S.DELETING}),
    # A failed deployment may be mended at the provider, still costs money there, and must stay deletable.
    S.FAILED: frozenset({S.CREATING, S.READY, S.DELETING}),
    S.DELETING: frozenset({S.DELETED, S.FAILED}),
    S.DELETED: frozenset(),
}


class RemovalReason(StrEnum):
    """Why a deployment is not wanted any more, where nobody asked for its end by name (`JobReason.REQUESTED`)."""

    IDLE = "idle"
    EXPIRED = "expired"
    TEARDOWN = "teardown"  # of the model that it serves


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is served or evaluated: a fine-tuned model of ours, or a connection's base model."""

    connection: str
    base_model: str
    model: str | None = None

    @property
    def is_tuned(self) -> bool:
        """Whether it is a fine-tuned model."""
        return self.model is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What has been asked of a deployment. Latencies in milliseconds, over the last 1,000 answers."""

    requests: int = 0
    errors: int = 0
    refusals: int = 0
    latency_ms_p50: float | None = None
    latency_ms_p95: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment(Stateful[DeploymentStatus]):
    """One model being served."""

    name: str
    target: Target
    goal: DeploymentGoal = DeploymentGoal.PRESENT
    status: DeploymentStatus = DeploymentStatus.PENDING
    reason: JobReason | RemovalReason | None = None
    raw_status: str = ""
    observed_at: datetime | None = None
    endpoint: str | None = None
    region: str | None = None
    content_safety: bool = True
    options: Mapping[str, Hyperparameter] = field(default_factory=dict)
    expires_after_idle_s: int | None = None
    expires_at: datetime | None = None  # removed then, used or not
    last_used_at: datetime | None = None
    usage: Usage = field(default_factory=Usage)
    restarts: int = 0
    ready_at: datetime | None = None
    bill: Bill = UNKNOWN  # what each hour is billed for

    @property
    def connection(self) -> str:
        """The connection that serves it."""
        return self.target.connection

    @property
    def cost_per_hour(self) -> Money | None:
        """What an hour of it costs, of what has a price; "0" where a provider bills nothing by the hour."""
        if self.bill.billing is not Billing.BILLED:
            return None
        return self.bill.per_hour if self.bill.items else Money(amount="0")

    def cost_at(self, now: datetime) -> Money | None:
        """Return what it has cost since it was ready, until a moment or its end."""
        if self.bill.billing is not Billing.BILLED or self.ready_at is None:
            return None
        hours = ((self.ended_at or now) - self.ready_at).total_seconds() / 3600
        return self.bill.so_far(hours=max(0.0, hours), share=0.0) if self.bill.items else Money(amount="0")

    def _on_entering(self, to: DeploymentStatus, at: datetime) -> Mapping[str, Any]:
        return {"ready_at": at} if to is S.READY else {}
