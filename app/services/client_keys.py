"""The key with which programs ask one deployment, at its base address and nowhere else.

It is made when somebody first wants to see it. A request is checked against its hash, so that asking opens no
vault; it is shown again from where it is sealed.
"""

import hashlib
import hmac
import secrets

from app.domain.deployments import Deployment, DeploymentStatus
from app.domain.errors import Conflict, NotFound, WrongKey
from app.kit.vault import VaultClosed
from app.services import deployments, verbs
from app.services.scope import Scope
from app.store import deployments as store
from app.store import events as event_store

PREFIX = "tdk-"
_BYTES = 32
_SECRET = "key"  # noqa: S105 -- the name under which it is sealed
_ENDING = (DeploymentStatus.DELETING, DeploymentStatus.DELETED)


@verbs.administers("deployments")
def show(scope: Scope, identifier: str) -> str:
    """Return a deployment's key, made now if there is none; who was shown it stands in the journal.

    Raises:
        NotFound: there is no such deployment.
        Conflict: it is being deleted, or the key cannot be sealed or opened.
    """
    _raise_if_ending(deployments.get(scope, identifier))
    tx = scope.write  # before the look: two who ask at once are shown the same key
    sealed = store.sealed_key(tx, identifier)
    try:
        key = _new(scope, identifier) if sealed is None else _open(scope, identifier, sealed)
    except VaultClosed as error:
        fix = "Put the key file back, or make a new key for this deployment."
        raise Conflict(f"The deployment's key cannot be opened: {error}", fix=fix) from error
    event_store.add(tx, identifier, f"{scope.actor} was shown the client key.", at=scope.now(), kind="key")
    return key


@verbs.administers("deployments")
def renew(scope: Scope, identifier: str) -> str:
    """Return a new key for a deployment; the one before opens nothing from now on.

    Raises:
        NotFound, Conflict: as `show`.
    """
    _raise_if_ending(deployments.get(scope, identifier))
    try:
        key = _new(scope, identifier)
    except VaultClosed as error:
        raise Conflict(
            f"The new key cannot be sealed: {error}", fix="Fix that file or its folder, then try again."
        ) from error
    message = f"{scope.actor} had a new client key made; the one before opens nothing now."
    event_store.add(scope.write, identifier, message, at=scope.now(), kind="key")
    return key


@verbs.reads("deployments")
def check(scope: Scope, identifier: str, given: str) -> None:
    """Return if `given` is a deployment's key.

    Raises:
        NotFound: there is no such deployment (any more).
        WrongKey: it is another one, or none has been made yet.
    """
    deployment = store.get(scope.read, identifier)
    if deployment is None or deployment.status is DeploymentStatus.DELETED:
        raise NotFound("deployment", identifier)
    known = store.key_sha256(scope.read, identifier)
    fix = "Copy the key from the deployment's page."
    if known is None:
        raise WrongKey(f"No key has been made for the deployment {deployment.name!r} yet.", fix=fix)
    if not hmac.compare_digest(_hash(given), known):
        raise WrongKey(f"This is not the key of the deployment {deployment.name!r}.", fix=fix)


def _raise_if_ending(deployment: Deployment) -> None:
    if deployment.status in _ENDING:
        raise Conflict(f"The deployment is {deployment.status}, so it has no key.", fix="Deploy the model again.")


def _new(scope: Scope, identifier: str) -> str:
    key = PREFIX + secrets.token_urlsafe(_BYTES)
    sealed = scope.backends.vault.seal(_owner(identifier), {_SECRET: key})
    store.set_key(scope.write, identifier, sha256=_hash(key), sealed=sealed)
    return key


def _open(scope: Scope, identifier: str, sealed: str) -> str:
    return scope.backends.vault.open(_owner(identifier), sealed)[_SECRET]


def _owner(identifier: str) -> str:
    """What it is sealed for: this row, and this use of it."""
    return f"{identifier} key"


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
