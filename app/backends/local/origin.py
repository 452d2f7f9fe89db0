"""What a run was made with, as its child wrote it down; and a base model's weights as they lie here now."""

from collections.abc import Mapping

from app.backends.local.children.origin import hashes
from app.backends.local.errors import in_backend_words
from app.backends.local.workshop import Workshop
from app.domain.backend import RemoteJob
from app.domain.capsule import Origin

_MOST_HASHED = 4 * 10**9  # bytes; more would take longer than a call may


class TellsOriginHere:
    """To say what a run was made with."""

    workshop: Workshop

    @in_backend_words
    def origin(self, job: RemoteJob) -> Origin | None:
        """Return the facts that the child told with its last word; None before that."""
        told = self.workshop.runs.look(job.id).told
        if not isinstance(told.get("versions"), dict):
            return None
        versions = {**told["versions"], **({"python": told["python"]} if told.get("python") else {})}
        return Origin(
            versions={str(name): str(version) for name, version in versions.items()},
            runtime=told.get("runtime"),
            device=told.get("device"),
            weights=told.get("weights") or {},
        )

    @in_backend_words
    def weights(self, base_model: str) -> Mapping[str, str] | None:
        """Return the hashes of a base model that is a directory here, unless it is too large to hash in one call."""
        base = self.workshop.models.resolve(base_model)
        if base.path is None or (self.workshop.models.size_bytes(base_model) or 0) > _MOST_HASHED:
            return None
        return hashes(base.path)
