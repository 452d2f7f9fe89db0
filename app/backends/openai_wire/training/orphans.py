"""What is at the provider with our mark on it: training files by their names, and the jobs that train on them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.backends.openai_wire.training.files import KnownFile, listed
from app.backends.openai_wire.training.jobs import JOBS, MARK, TAG, Wire
from app.backends.openai_wire.training.past import moment
from app.backends.openai_wire.training.statuses import status_of
from app.domain.backend import Rejected
from app.domain.serving import FindsOrphans, RemoteThing

_FILE, _JOB = "data", "job"
_TRAINING = "-training"


class WireOrphans(FindsOrphans):
    """To list what is there of ours, and to remove what nobody here knows any more."""

    wire: Wire

    def remote_things(self) -> Sequence[RemoteThing]:
        """Return every file and job with a mark of TuneDesk's, whichever installation made it."""
        files = list(self.wire.files.ours())
        return [*(self._file(each) for each in files), *self._jobs({each.id: each for each in files})]

    def remove_thing(self, kind: str, name: str) -> str:
        """Remove a file, or end a job, of this installation's; what is gone is fine. Jobs stay listed there.

        Raises:
            Rejected: when it does not carry this installation's mark, or is neither.
        """
        found = [each for each in self.remote_things() if (each.kind, each.name) == (kind, name)]
        if kind not in {_FILE, _JOB} or not all(each.ours for each in found):
            raise Rejected(f"{name} was not made by this TuneDesk.", fix="Remove it where it was made.")
        if not found:
            return "It was gone already."
        if kind == _FILE:
            self.wire.files.remove(name)
            return "The file is removed."
        status = status_of(found[0].state)
        if status is None or not status.is_final:
            self.wire.plane.post(f"{JOBS}/{name}/cancel")
            return "The job is asked to stop; the provider keeps it in its list."
        return "The job is over; the provider keeps it in its list."

    def _file(self, file: KnownFile) -> RemoteThing:
        return RemoteThing(
            kind=_FILE,
            name=file.id,
            tag=file.tag,
            installation=file.mark,
            ours=file.mark == self.wire.mark,
            state=file.status,
            created_at=moment(file.created),
        )

    def _jobs(self, files: Mapping[str, KnownFile]) -> Iterator[RemoteThing]:
        for body in listed(self.wire.plane, JOBS):
            mark, tag = made_for(body, files.get(str(body.get("training_file"))))
            if tag and mark:
                yield RemoteThing(
                    kind=_JOB,
                    name=str(body["id"]),
                    tag=tag,
                    installation=mark,
                    ours=mark == self.wire.mark,
                    state=str(body.get("status") or ""),
                    created_at=moment(body.get("created_at")),
                )


def made_for(body: Mapping[str, Any], file: KnownFile | None) -> tuple[str, str]:
    """Return (the installation, our id) of a job: by its metadata, else by the file that it trains on."""
    given = body.get("metadata")
    metadata: Mapping[str, Any] = given if isinstance(given, dict) else {}
    mark = str(metadata.get(MARK) or (file.mark if file else ""))
    return mark, str(metadata.get(TAG) or (file.tag.removesuffix(_TRAINING) if file else ""))
