"""What a directory's word about somebody comes to here: who they are, and what they may.

Somebody is (issuer, subject), and never an e-mail address or a name, which directories give to others (ASVS 5.0,
6.8.1). Sources: OpenID Connect Core 1.0; Microsoft's references of ID token claims, app roles, and the
groups overage claim.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from app.domain.actors import ProjectRole
from app.domain.errors import SignInFailed

NewPeople = Literal["none", "granted", "all"]
Claimed = Mapping[str, Sequence[str]]  # what a claim's value stands for, each as a `Grant` is written
_ADMINISTRATOR = "administrator"
_ORDER = tuple(ProjectRole)  # the last is the most
_LONGEST_NAME = 56  # leaves room for a number behind it
_MOST_VALUES = 1000
# Entra's issuers for whoever has an account anywhere: their tokens name another issuer, each its own tenant's.
_ANYBODYS = frozenset({"common", "organizations", "consumers", "{tenantid}"})
_ENTRA = re.compile(r"login\.(?:microsoftonline\.(?:com|us)|partner\.microsoftonline\.cn|chinacloudapi\.cn)")
_FIX = "Ask an administrator of this installation; docs/accounts.md says what to set up in the directory."


@dataclass(frozen=True, slots=True)
class Grant:
    """What a claim gives: a role in the project of a name, or the installation's administration."""

    role: ProjectRole | None = None
    project: str = ""

    @classmethod
    def parse(cls, text: str) -> "Grant":
        """Read `administrator`, or `viewer of PROJECT`, `member of PROJECT`, `admin of PROJECT`.

        Raises:
            ValueError: it is none of these.
        """
        role, of, project = text.strip().partition(" of ")
        if text.strip() == _ADMINISTRATOR:
            return cls()
        if not of or role not in set(ProjectRole) or not project.strip():
            listed = ", ".join(f"'{each} of PROJECT'" for each in ProjectRole)
            raise ValueError(f"{text!r} is neither 'administrator' nor {listed}")
        return cls(ProjectRole(role), project.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The directory that people sign in with: its tenant, and what its claims stand for here."""

    name: str
    issuer: str
    tenant: str = ""
    roles: Claimed
    groups: Claimed
    new_people: NewPeople = "none"

    @property
    def names_administrators(self) -> bool:
        """Whether claims say who administers the installation; else people do, here."""
        every = [each for claimed in (self.roles, self.groups) for given in claimed.values() for each in given]
        return _ADMINISTRATOR in {each.strip() for each in every}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Somebody as the directory knows them; `name` is what an account of theirs would be called."""

    issuer: str
    subject: str
    name: str
    grants: Sequence[str] = ()

    @property
    def administers(self) -> bool:
        return Grant() in self._grants

    @property
    def project_roles(self) -> Mapping[str, ProjectRole]:
        """The most that they are given in each project, by the project's name."""
        found: dict[str, ProjectRole] = {}
        for each in self._grants:
            if each.role is not None:
                before = found.get(each.project, each.role)
                found[each.project] = max(before, each.role, key=_ORDER.index)
        return found

    @property
    def _grants(self) -> Sequence[Grant]:
        return [Grant.parse(each) for each in self.grants]


def checked_issuer(issuer: str) -> str:
    """Return the issuer, if it can be one that is pinned.

    Raises:
        ValueError: anybody's token would fit, or it is no issuer's address.
    """
    parts = urlsplit(issuer)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{issuer!r} is no issuer: it begins with https:// and has no ? and no #")
    if _ANYBODYS & set(parts.path.lower().split("/")):
        raise ValueError(f"{issuer!r} lets in everybody who has a Microsoft account: name your tenant's id instead")
    return issuer


def tenant_of(issuer: str, tenant: str) -> str:
    """Return the tenant whose people are let in: the one that was named, or the one in an issuer of Entra's."""
    parts = urlsplit(issuer)
    if not tenant and _ENTRA.fullmatch(parts.hostname or ""):
        return parts.path.strip("/").partition("/")[0]
    return tenant


def identity_of(claims: Mapping[str, Any], directory: Directory) -> Identity:
    """Return whom checked claims are about, and what these give them.

    Raises:
        SignInFailed: they are of another tenant, or their groups are left out of the token.
    """
    if directory.tenant and str(claims.get("tid", "")).lower() != directory.tenant.lower():
        raise SignInFailed("Your account is of another organisation than this installation's.", fix=_FIX)
    return Identity(issuer=claims["iss"], subject=claims["sub"], name=_name(claims), grants=_grants(claims, directory))


def _grants(claims: Mapping[str, Any], directory: Directory) -> Sequence[str]:
    """Return what roles give; only where they give nothing, what groups do, which a token may be too small for."""
    given = _given(claims.get("roles"), directory.roles)
    if given or not directory.groups:
        return given
    if _groups_left_out(claims):
        raise SignInFailed(
            "You are in more groups than the directory puts into a token, so what you may do here is not known.",
            fix="Ask an administrator of the directory to give you an app role, or to put only the groups that are "
            "assigned to the application into its tokens (docs/accounts.md).",
        )
    return _given(claims.get("groups"), directory.groups)


def _groups_left_out(claims: Mapping[str, Any]) -> bool:
    elsewhere = claims.get("_claim_names")
    return bool(claims.get("hasgroups")) or (isinstance(elsewhere, dict) and "groups" in elsewhere)


def _given(values: object, claimed: Claimed) -> Sequence[str]:
    listed = [values] if isinstance(values, str) else values
    if not isinstance(listed, list):
        return []
    known = [each for each in listed[:_MOST_VALUES] if isinstance(each, str)]
    return list(dict.fromkeys(grant for each in known for grant in claimed.get(each, ())))


def _name(claims: Mapping[str, Any]) -> str:
    """Return a name that an account can have; it identifies nobody."""
    for claim in ("preferred_username", "upn", "email", "name"):
        text = claims.get(claim)
        if isinstance(text, str) and text.strip():
            plain = unicodedata.normalize("NFKD", text[:200]).encode("ascii", "ignore").decode()
            fitting = re.sub(r"[^\w.@+-]+", "-", plain).strip("-.@+")[:_LONGEST_NAME]
            if fitting:
                return fitting
    return "person"
