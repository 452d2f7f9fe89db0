"""Who did what: an entry for each act of a person, chained by hashes: none is changed or taken out unseen."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

FIRST = "0" * 64  # what the first entry follows


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What somebody did: a verb on a thing, and what it was given that may be written down."""

    verb: str
    action: str
    noun: str
    subject: str = ""  # an id, where the act is about one thing
    given: str = ""  # JSON: names of parameters, and the values of those that hold no secret


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """An act as it stands in the audit. `number` rises without gaps; `hash` covers everything here, `previous` too."""

    number: int
    at: datetime
    actor: str
    role: str
    request: str
    peer: str
    verb: str
    action: str
    noun: str
    subject: str
    given: str
    previous: str
    hash: str

    def expected(self) -> str:
        """Return the hash that the entry must have."""
        parts = [
            self.number, self.at.isoformat(), self.actor, self.role, self.request, self.peer, self.verb, self.action,
            self.noun, self.subject, self.given, self.previous,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditVerdict:
    """What a look through the whole audit came to. `head` is the last hash: who keeps it elsewhere can compare."""

    entries: int
    first: int  # the number of the oldest entry that is kept
    head: str
    problem: str = ""  # in a sentence; empty where everything fits

    @property
    def whole(self) -> bool:
        """Whether nothing was changed, and nothing taken out."""
        return not self.problem
