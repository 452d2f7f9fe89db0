"""Backend `rehearsal`: nothing is trained; every figure is made up by rule, and every fault comes on request."""

from app.backends.rehearsal.backend import RehearsalBackend, rehearsal_backend
from app.backends.rehearsal.faults import Died, Fault, FaultKind, Script
from app.backends.rehearsal.ledger import Entry, Ledger

__all__ = ["Died", "Entry", "Fault", "FaultKind", "Ledger", "RehearsalBackend", "Script", "rehearsal_backend"]
