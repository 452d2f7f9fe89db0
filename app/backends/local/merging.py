"""Merging: one child that puts an adapter into its base, in a run folder of its own, which then is a tuned model."""

from app.backends.local.context import LocalContext
from app.backends.local.errors import in_backend_words, sentence, untyped
from app.backends.local.tuned import TUNED
from app.backends.local.weights import size_bytes
from app.domain.backend import Rejected
from app.domain.backend_abilities import Merge, MergesAdapters, MergeStatus

_PREFIX = "merged."


class LocalMerging(MergesAdapters):
    """To make one whole model of an adapter and its base."""

    context: LocalContext

    @in_backend_words
    def start_merge(self, model: str) -> None:
        """Start the child once for a model; what failed, died or was removed is made again."""
        tag, runs = merge_tag(model), self.context.runs
        folder = self.context.model_folder(model)
        if not (folder / "adapter_config.json").is_file():
            raise Rejected("This model is whole already.", fix="Only an adapter is merged.")
        if self.observe_merge(model).status in {MergeStatus.RUNNING, MergeStatus.READY}:
            return
        runs.remove(tag)
        spec = {
            "kind": "merge",
            "name": self.context.tuned.name(model),
            "target": {"base": {}, "model": str(folder)},
            **self.context.machine(untyped(self.context.tuned.note(folder).get("base")).get("hub")),
        }
        runs.start(tag, spec)

    @in_backend_words
    def observe_merge(self, model: str) -> Merge:
        """Look at the child and what it has made."""
        tag, runs = merge_tag(model), self.context.runs
        look, made = runs.look(tag), f"{TUNED}{tag}"
        directory = self.context.tuned.directory(made)
        if not look.exists:
            return Merge(status=MergeStatus.ABSENT)
        if look.state == "succeeded":
            if directory is None or not directory.is_dir():
                return Merge(status=MergeStatus.ABSENT)
            return Merge(
                status=MergeStatus.READY,
                size_bytes=size_bytes(directory),
                model=made,
                difference=look.reported.get("difference"),
                dtype=look.reported.get("dtype"),
                base_dtype=look.reported.get("base_dtype"),
            )
        if look.state == "failed":
            message = sentence(str(look.reported.get("message")), str(look.reported.get("fix")))
            return Merge(status=MergeStatus.FAILED, message=message)
        if look.died or look.state == "stopped":
            return Merge(status=MergeStatus.FAILED, message=runs.cause_of_death(tag, look)[1])
        return Merge(status=MergeStatus.RUNNING)


def merge_tag(model: str) -> str:
    """Return the run folder's name for the merging of a tuned model."""
    return _PREFIX + model.removeprefix(TUNED).replace("@", ".")
