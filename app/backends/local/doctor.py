"""What is missing on this machine before somebody starts: read-only looks, each of them quick."""

import shutil
from collections.abc import Sequence

from app.backends.local.context import LocalContext
from app.domain.backend import BackendError, Checks
from app.domain.connections import Check, CheckStatus, Fix
from app.kit.memory import memory_bytes

_LITTLE_DISK, _TOO_LITTLE_DISK = 5e9, 5e8  # bytes
_LITTLE_MEMORY = 2e9


class LocalDoctor(Checks):
    """The doctor of this machine."""

    context: LocalContext

    def doctor(self) -> Sequence[Check]:
        """Look at the runtime environment, the disk and the memory."""
        return [self._runtime(), self._disk(), _memory()]

    def _runtime(self) -> Check:
        try:
            interpreter = self.context.runs.interpreter()
        except BackendError as error:
            fix = Fix(text=error.fix or "Wait until it is installed; the overview shows how far it is.")
            return _check("runtime", "The runtime environment is there", CheckStatus.FAIL, error.detail, fix)
        if interpreter.exists():
            return _check("runtime", "The runtime environment is there", CheckStatus.PASS, str(interpreter))
        again = Fix(text="Install it again.", command="python3 -m app runtime install trl")
        gone = f"{interpreter} is gone."
        return _check("runtime", "The runtime environment is there", CheckStatus.FAIL, gone, again)

    def _disk(self) -> Check:
        root = next(path for path in (self.context.runs.root, *self.context.runs.root.parents) if path.exists())
        free = shutil.disk_usage(root).free
        fix = Fix(text="Remove models and checkpoints that nobody needs.") if free < _LITTLE_DISK else None
        status = CheckStatus.PASS if fix is None else CheckStatus.WARN
        if free < _TOO_LITTLE_DISK:
            status = CheckStatus.FAIL
        return _check("disk", "There is room for checkpoints", status, f"{free / 1e9:.1f} GB are free.", fix)


def _memory() -> Check:
    memory = memory_bytes()
    if memory is None:
        return _check("memory", "There is memory for a small model", CheckStatus.UNKNOWN, "The system does not say.")
    status = CheckStatus.PASS if memory >= _LITTLE_MEMORY else CheckStatus.WARN
    return _check("memory", "There is memory for a small model", status, f"{memory / 1e9:.1f} GB.")


def _check(name: str, title: str, status: CheckStatus, detail: str, fix: Fix | None = None) -> Check:
    return Check(id=name, title=title, status=status, detail=detail, fix=fix)
