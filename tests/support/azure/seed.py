"""What is there at the start: a subscription, a group, a hub with a project, and those who may sign in."""

import uuid
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from tests.support.azure.entra import thumbprint
from tests.support.azure.roles import AI_DEVELOPER, BUILT_IN, READER, Role
from tests.support.azure.state import (
    ML,
    SUBSCRIPTION,
    TENANT,
    Assignment,
    Principal,
    ResourceGroup,
    Subscription,
    Workspace,
)
from tests.support.azure.tokens import encoded

if TYPE_CHECKING:
    from tests.support.azure.cloud import AzureCloud

GROUP, HUB, PROJECT, LOCATION = "rg1", "hub1", "proj1", "eastus2"
GROUP_SCOPE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
SECRET = "a-client-secret-of-the-tests"
ISSUER, SUBJECT = "https://issuer.example.com/", "system:serviceaccount:tunedesk:web"
_A100 = "standardNCADSA100v4Family"


class Seed:
    """The first inhabitants, and ways to add more: `app`, `managed`, `person` are the principals."""

    def __init__(self, cloud: "AzureCloud") -> None:
        self._cloud = cloud
        self.app = self._principal("tunedesk-app", "ServicePrincipal")
        self.app.secrets.append(SECRET)
        self.managed = self._principal("tunedesk-identity", "ServicePrincipal")
        self.person = self._principal("ada", "User")
        cloud.identity.managed, cloud.identity.signed_in = self.managed.oid, self.person.oid
        providers = dict.fromkeys(
            (ML, "Microsoft.Network", "Microsoft.Storage", "Microsoft.KeyVault", "Microsoft.Insights"), "Registered"
        )
        providers |= {
            "Microsoft.CognitiveServices": "Registered",
            "Microsoft.SaaS": "NotRegistered",
            "Microsoft.ContainerRegistry": "NotRegistered",
        }
        usages = {
            (LOCATION, _A100): (0, 96),
            (LOCATION, "standardNCSv3Family"): (0, 0),
            (LOCATION, "standardDSv2Family"): (0, 100),
        }
        subscription = Subscription(SUBSCRIPTION, "TuneDesk tests", providers=providers, usages=usages)
        cloud.state.subscriptions[SUBSCRIPTION] = subscription
        cloud.state.groups.append(ResourceGroup(SUBSCRIPTION, GROUP, LOCATION))
        self.hub = self.workspace(HUB, "Hub")
        self.project = self.workspace(PROJECT, "Project", hub=self.hub)
        for principal in (self.app, self.managed, self.person):
            self.grant(AI_DEVELOPER, principal)
            self.grant(READER, principal)

    def workspace(self, name: str, kind: str, *, hub: Workspace | None = None, location: str = LOCATION) -> Workspace:
        """Add a workspace; a project shares its hub's storage."""
        storage = hub.storage if hub else self._cloud.blobs.new_storage()
        made = Workspace(SUBSCRIPTION, GROUP, name, kind, location, storage, self._cloud.clock.now())
        made.hub = hub.id if hub else None
        self._cloud.state.workspaces.append(made)
        return made

    def grant(self, role: Role | str, principal: Principal | None = None, scope: str = GROUP_SCOPE) -> Assignment:
        """Give a role to a principal (the app, if none is named)."""
        given = BUILT_IN[role] if isinstance(role, str) else role
        if given.kind == "CustomRole":
            self._cloud.state.roles[given.id] = given
        made = Assignment((principal or self.app).oid, given, scope)
        self._cloud.state.assignments.append(made)
        return made

    def take_away(self, principal: Principal | None = None) -> None:
        """Take every role from a principal (the app, if none is named)."""
        oid = (principal or self.app).oid
        self._cloud.state.assignments[:] = [one for one in self._cloud.state.assignments if one.principal != oid]

    def certificate(self, path: Path) -> Path:
        """Write a certificate with its key for the app to `path`, as PEM, and let Entra know it."""
        key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tunedesk-app")])
        now, day = self._cloud.real_now(), timedelta(days=1)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = (
            builder.serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + day)
        )
        made = builder.sign(key, hashes.SHA256())
        der = made.public_bytes(serialization.Encoding.DER)
        self.app.certificates |= {thumbprint(der): key.public_key(), thumbprint(der, sha1=True): key.public_key()}
        pem = serialization.Encoding.PEM
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.touch(mode=0o600)
        path.write_bytes(private + made.public_bytes(pem))
        return path

    def federated_token(self, path: Path, *, subject: str = SUBJECT) -> Path:
        """Write a token of an issuer that the app trusts to `path`, as a cluster mounts it."""
        key = ec.generate_private_key(ec.SECP256R1())
        self.app.federations.append((ISSUER, SUBJECT, key.public_key()))
        now = int(self._cloud.clock.now().timestamp())
        claims = {"iss": ISSUER, "sub": subject, "aud": "api://AzureADTokenExchange", "iat": now, "exp": now + 3600}
        head = f"{encoded({'alg': 'ES256', 'typ': 'JWT', 'kid': 'cluster'})}.{encoded(claims)}"
        path.write_text(f"{head}.{encoded(_es256(key, head.encode()))}", encoding="utf-8")
        return path

    def credentials(self) -> dict[str, str]:
        """Return the environment of a service principal with a secret."""
        return {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": self.app.app_id, "AZURE_CLIENT_SECRET": SECRET}

    def _principal(self, name: str, kind: str) -> Principal:
        oid, app = (str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.{what}")) for what in ("oid", "app"))
        made = Principal(oid, app, name, kind)
        self._cloud.state.principals[oid] = made
        return made


def _es256(key: ec.EllipticCurvePrivateKey, text: bytes) -> bytes:
    first, second = decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
    return first.to_bytes(32) + second.to_bytes(32)
