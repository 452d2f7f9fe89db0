"""All checks: in which order they are shown, and how each is given its seconds."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial

from app.backends.azure_foundry.doctor import hosts, identity, quota, rights, storage, subscription, workspace
from app.backends.azure_foundry.doctor.facts import Facts
from app.backends.azure_foundry.doctor.findings import Finding, undetermined
from app.backends.azure_foundry.transport.client import Azure
from app.backends.azure_foundry.transport.errors import translates_errors
from app.domain.backend import BackendError, Checks
from app.domain.backend_abilities import ChecksFor
from app.domain.connections import Check, CheckStatus, Fix
from app.kit.clock import Clock

SIGN_IN_S = 8.0  # signing in, with the first import of azure-identity
CHECKS_S = 6.0  # everything that is asked then, side by side

Look = Callable[[Facts], Finding]
_NEEDS_NOBODY: Sequence[tuple[str, str, Look]] = (
    ("network", "Azure is reached", identity.reach),
    ("clock", "Clocks agree", identity.clock),
    ("sign_in", "Signing in works", identity.signed_in),
)
_SIGNED_IN: Sequence[tuple[str, str, Look]] = (
    ("hosts", "Hosts are reached", hosts.hosts),
    ("subscription", "Subscription", subscription.subscription),
    ("provider_ml", "Provider Microsoft.MachineLearningServices", partial(
        subscription.provider, namespace="Microsoft.MachineLearningServices", why="nothing is trained without it.")),
    ("provider_network", "Provider Microsoft.Network", partial(
        subscription.provider, namespace="Microsoft.Network", why="fine-tuning and deployments ask for it.")),
    ("resource_group", "Resource group", subscription.resource_group),
    ("workspace", "Project", workspace.project),
    ("region", "Region", workspace.region),
    ("train_role", "Role: train", rights.train),
    ("deploy_role", "Role: deploy", rights.deploy),
    ("datastore", "Datastore", storage.datastore),
    ("quota", "GPU quota", quota.cores),
)  # fmt: skip


class AzureDoctor(Checks, ChecksFor):
    """Looks at everything that a training and a deployment need, within `sign_in_s` and `checks_s` seconds."""

    azure: Azure
    clock: Clock
    sign_in_s = SIGN_IN_S
    checks_s = CHECKS_S

    def doctor(self) -> Sequence[Check]:
        """Run all checks; what does not answer in time could not be told."""
        return self.doctor_for(None)

    @translates_errors
    def doctor_for(self, base_model: str | None) -> Sequence[Check]:
        """Run all checks, the region's for one base model."""
        facts = Facts(self.azure, self.clock, model=base_model)
        first = _side_by_side(_NEEDS_NOBODY, facts, self.sign_in_s)
        signed_in = next(each for each in first if each.id == "sign_in")
        if signed_in.status is CheckStatus.PASS:
            return [*first, *_side_by_side(_SIGNED_IN, facts, self.checks_s)]
        left = [undetermined("signing in comes first.").named(identifier, title) for identifier, title, _ in _SIGNED_IN]
        return [*first, *left]


def _side_by_side(looks: Sequence[tuple[str, str, Look]], facts: Facts, seconds: float) -> list[Check]:
    """Return each check's finding, in order, after `seconds` at most; late threads go on to their own end."""
    pool = ThreadPoolExecutor(len(looks), thread_name_prefix="doctor")
    began = time.monotonic()
    futures = [pool.submit(_looked, look, facts) for _, _, look in looks]
    wait(futures, timeout=max(0.0, seconds - (time.monotonic() - began)))
    pool.shutdown(wait=False, cancel_futures=True)
    return [
        _in_time(future, seconds).named(identifier, title)
        for future, (identifier, title, _) in zip(futures, looks, strict=True)
    ]


def _in_time(future: Future[Finding], seconds: float) -> Finding:
    if future.done() and not future.cancelled():
        return future.result()
    return undetermined(f"Azure did not answer within {seconds:.0f} s.", Fix(text="Check again."))


def _looked(look: Look, facts: Facts) -> Finding:
    try:
        return look(facts)
    except BackendError as error:
        return undetermined(error.detail, Fix(text=error.fix) if error.fix else None)
