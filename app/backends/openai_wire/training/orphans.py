"""What is at the provider with our mark on it: training files, by their names."""

from collections.abc import Sequence
from datetime import UTC, datetime

from app.backends.openai_wire.training.jobs import Wire
from app.domain.backend import Rejected
from app.domain.serving import FindsOrphans, RemoteThing

_FILE = "data"


class WireOrphans(FindsOrphans):
    """To list what is there of ours, and to remove what nobody here knows any more. Jobs cannot be removed there."""

    wire: Wire

    def remote_things(self) -> Sequence[RemoteThing]:
        """Return every file whose name is of our form, whichever installation made it."""
        return [
            RemoteThing(
                kind=_FILE,
                name=each.name,
                tag=each.tag,
                installation=each.mark,
                ours=each.mark == self.wire.mark,
                state=each.status,
                created_at=datetime.fromtimestamp(each.created, UTC) if each.created > 0 else None,
            )
            for each in self.wire.files.ours()
        ]

    def remove_thing(self, kind: str, name: str) -> str:
        """Remove a file of this installation's; one that is gone is fine.

        Raises:
            Rejected: when it does not carry this installation's mark.
        """
        found = [each for each in self.wire.files.ours() if each.name == name]
        if kind != _FILE or any(each.mark != self.wire.mark for each in found):
            raise Rejected(f"{name} was not made by this TuneDesk.", fix="Remove it where it was made.")
        for each in found:
            self.wire.files.remove(each.id)
        return "The file is removed." if found else "It was gone already."
