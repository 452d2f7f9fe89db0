"""What stands in the rehearsal's ledger, as an account shows it: files and jobs, whoever asked for them."""

from datetime import UTC, datetime
from pathlib import Path

from app.backends.rehearsal.ledger import Entry
from app.backends.rehearsal.state import RehearsalState, tag_of
from app.domain.adoption import Account, AccountFile, AccountJob, Adopts
from app.domain.lifeboats import PastJob


class Elsewhere(RehearsalState, Adopts):
    """The account."""

    def account(self) -> Account:
        """Return everything that was ever sent or begun, the newest first."""
        self.stumble("account", "")
        entries = [each for each in reversed(self.ledger.entries()) if each.id is not None]
        return Account(
            jobs=[_job(each) for each in entries if each.call == "submit"],
            files=[_file(each) for each in entries if each.call == "upload" and not self._is_removed(each)],
        )

    def account_job(self, identifier: str) -> AccountJob:
        """Return one job."""
        self.stumble("account_job", identifier)
        return _job(self._entry("submit", identifier))

    def account_file(self, identifier: str) -> AccountFile:
        """Return one file."""
        self.stumble("account_file", identifier)
        return _file(self._entry("upload", identifier))

    def account_rows(self, identifier: str) -> bytes:
        """Return the file that was sent, while it is where it was."""
        self.stumble("account_rows", identifier)
        try:
            return Path(self._entry("upload", identifier).data.get("path", "")).read_bytes()
        except OSError as error:
            raise self.missing("file", identifier) from error

    def remove_account_file(self, identifier: str) -> None:
        """Note that a file was removed."""
        self.stumble("remove_account_file", identifier)
        self.write("remove_account_file", identifier, id=identifier)

    def _entry(self, call: str, identifier: str) -> Entry:
        tag = tag_of(identifier) if call == "submit" else identifier.removeprefix("reh-file-")
        found = [each for each in self.ledger.of(tag) if each.call == call and each.id == identifier]
        if not found or self._is_removed(found[0]):
            raise self.missing("file" if call == "upload" else "job", identifier)
        return found[0]

    def _is_removed(self, entry: Entry) -> bool:
        return bool(entry.id and self.made("remove_account_file", entry.id))


def _job(entry: Entry) -> AccountJob:
    data = entry.data
    past = PastJob(
        id=str(entry.id),
        name=str(data["name"]),
        base_model=str(data["base_model"]),
        method=str(data.get("method", "sft")),
        training_file=str(data.get("training_file", "")),
        validation_file=str(data.get("validation_file", "")),
        hyperparameters=data["settings"],
        made_at=datetime.fromtimestamp(entry.at, UTC),
    )
    return AccountJob(job=past, tag=entry.tag)


def _file(entry: Entry) -> AccountFile:
    return AccountFile(
        id=str(entry.id),
        name=f"{entry.tag}.jsonl",
        bytes=entry.data.get("bytes"),
        made_at=datetime.fromtimestamp(entry.at, UTC),
        tag=entry.tag,
    )
