"""The look before a training: one child for each combination of model, settings and rows, whose word is kept.

The run folder's name is a hash of everything that the finding depends on, so nothing is looked at twice, and a changed
file is looked at anew.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.backends.local.context import LocalContext
from app.backends.local.errors import in_backend_words, sentence
from app.backends.local.hyperparameters import resolve
from app.backends.local.models import Base
from app.backends.local.runs import Runs
from app.domain.backend import BackendError
from app.domain.backend_abilities import LooksAhead
from app.domain.preflight import Preflight, PreflightFinding, PreflightRequest, PreflightStatus
from app.training import run_lock
from app.training.model_files import fingerprint

PREFLIGHT = "preflight"
RULES = 4  # grows when what is found in unchanged files changes
_SLOTS = 2  # children at once; whoever asks for another asks again
_KEPT = 64  # run folders, the newest
# All that it depends on, beside those of a fresh adapter.
_SETTINGS = ("max_length", "adapter", "assistant_only_loss", "learn_turns")
_COUNTS = ("rows", "tokens", "sequences", "sequence_tokens", "learned_tokens", "longest", "trained_parameters")


class LocalPreflight(LooksAhead):
    """To say before a training what would go wrong in it."""

    context: LocalContext

    @in_backend_words
    def start_preflight(self, request: PreflightRequest, *, training: Path, validation: Path | None) -> None:
        """Start the child once for what is asked; what failed or died is begun anew.

        With as many at work as may be, nothing is started; whoever asks again later gets it.
        """
        base, runs = self._here(request), self._runs
        if base is None:
            return
        tag = self._tag(request, base)
        begins = self._seen(tag).status in {PreflightStatus.ABSENT, PreflightStatus.FAILED}
        if not begins or len(runs.at_work(PREFLIGHT)) >= _SLOTS:
            return
        runs.remove(tag)
        self._forget_old()
        rows = {"train": str(training), "validation": str(validation) if validation else None}
        spec = {"kind": PREFLIGHT, "method": request.method, "base": base.as_spec(), **rows}
        runs.start(tag, {**spec, "settings": self._settings(request, base), **self.context.machine(None)})

    @in_backend_words
    def observe_preflight(self, request: PreflightRequest) -> Preflight:
        """Look at what the child has found in the files and settings as they are now."""
        base = self._here(request)
        if base is None:
            message = "The model is not on this machine yet: the job looks at it after the download, before it trains."
            return Preflight(status=PreflightStatus.DEFERRED, message=message)
        try:
            return self._seen(self._tag(request, base))
        except BackendError as error:  # there is no runtime yet
            message = sentence(error.detail, error.fix)
            return Preflight(status=PreflightStatus.DEFERRED, stage="The runtime environment", message=message)

    @property
    def _runs(self) -> Runs:
        return self.context.runs.below("preflights")

    def _here(self, request: PreflightRequest) -> Base | None:
        """Return the base with the directory that it is loaded from; None where it is not on this machine."""
        base = self.context.models.resolve(request.base_model)
        if base.hub is None:
            return base
        folder = self.context.models.cached(base.hub)
        return None if folder is None else replace(base, hub=None, path=folder)

    def _settings(self, request: PreflightRequest, base: Base) -> Mapping[str, Any]:
        settings = resolve(
            request.hyperparameters,
            request.options,
            method=request.method,
            starter=base.is_starter,
            adapter=base.adapter is not None,
            context_length=self.context.models.context_length(base.id),
        )
        return {name: each for name, each in settings.items() if name in _SETTINGS or name.startswith("lora_")}

    def _tag(self, request: PreflightRequest, base: Base) -> str:
        known = {
            "rules": RULES,
            "interpreter": str(self.context.runs.interpreter()),
            "method": request.method,
            "settings": self._settings(request, base),
            "rows": [request.training, request.validation],
            "files": [list(fingerprint(each)) for each in (base.path, base.adapter) if each is not None],
            "base": base.as_spec(),
        }
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:40]

    def _seen(self, tag: str) -> Preflight:
        look = self._runs.look(tag)
        if not look.exists:
            return Preflight(status=PreflightStatus.ABSENT)
        if look.state == "succeeded":
            findings = tuple(PreflightFinding.of_json(each) for each in look.reported["findings"])
            counts: Mapping[str, Any] = {name: look.reported.get(name) for name in _COUNTS}
            return Preflight(status=PreflightStatus.DONE, findings=findings, **counts)
        if look.state == "failed":
            message = sentence(str(look.reported.get("message")), str(look.reported.get("fix")))
            return Preflight(status=PreflightStatus.FAILED, message=message)
        if look.died or look.state == "stopped":
            return Preflight(status=PreflightStatus.FAILED, message=self._runs.cause_of_death(tag, look)[1])
        return Preflight(status=PreflightStatus.RUNNING, stage=str(look.reported.get("stage", "")))

    def _forget_old(self) -> None:
        for folder in list(self._newest_first())[_KEPT:]:
            if not run_lock.is_locked(folder):
                self._runs.remove(folder.name)

    def _newest_first(self) -> Iterator[Path]:
        root = self._runs.root
        found = [(each.stat().st_mtime_ns, each) for each in root.iterdir()] if root.is_dir() else []
        return (each for _, each in sorted(found, reverse=True))
