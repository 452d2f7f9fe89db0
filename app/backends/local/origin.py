"""What a run was made with, as its child wrote it down; and a base model's weights as they lie here now."""

from collections.abc import Mapping

from app.backends.local.context import LocalContext
from app.backends.local.errors import in_backend_words
from app.domain.backend import RemoteJob
from app.domain.backend_abilities import TellsOrigin
from app.domain.capsule import Origin
from app.training.portable import PATH_ID, name_of
from app.training.provenance import hashes

_MOST_HASHED = 4 * 10**9  # bytes; more would take longer than a call may


class LocalProvenance(TellsOrigin):
    """To say what a run was made with."""

    context: LocalContext

    @in_backend_words
    def origin(self, job: RemoteJob) -> Origin | None:
        """Return the facts that the child told with its last word; None before that."""
        reported = self.context.runs.look(job.id).reported
        if not isinstance(reported.get("versions"), dict):
            return None
        versions = {**reported["versions"], **({"python": reported["python"]} if reported.get("python") else {})}
        return Origin(
            versions={str(name): str(version) for name, version in versions.items()},
            runtime=reported.get("runtime"),
            device=reported.get("device"),
            weights=reported.get("weights") or {},
        )

    @in_backend_words
    def weights(self, base_model: str) -> Mapping[str, str] | None:
        """Return the hashes of a base model that is a directory here, unless it is too large to hash in one call."""
        base = self.context.models.resolve(base_model)
        if base.path is None or (self.context.models.size_bytes(base_model) or 0) > _MOST_HASHED:
            return None
        return hashes(base.path)

    def portable_id(self, base_model: str) -> str:
        """Return the id; of a directory, its last name."""
        return f"{PATH_ID}{name_of(base_model)}" if base_model.startswith(PATH_ID) else base_model
