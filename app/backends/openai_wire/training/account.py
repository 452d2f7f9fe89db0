"""All that is on the account: files of rows and jobs, whoever made them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from app.backends.openai_wire.training.files import ROWS, KnownFile, known_file, paged
from app.backends.openai_wire.training.jobs import JOBS, Wire
from app.backends.openai_wire.training.orphans import made_for
from app.backends.openai_wire.training.past import moment, past_job
from app.domain.adoption import Account, AccountFile, AccountJob, Adopts
from app.domain.backend import BackendError, NotFound

_MOST_PAGES = 100  # of a kind at a plane: 10,000 things where a page has 100, as it is asked to


class WireAccount(Adopts):
    """To show what others made there, and to hand it out."""

    wire: Wire

    def account(self) -> Account:
        """Return every job and file, of every plane that leads there; beyond 100 pages of a kind, the newest."""
        files, more_files, missing = self._everywhere("files", ROWS)
        jobs, more_jobs, unread = self._everywhere(JOBS)
        ours = {str(each["id"]): known_file(each) for each in files}
        return Account(
            jobs=[_account_job(self.wire, each, ours.get(str(each.get("training_file")))) for each in jobs],
            files=[_account_file(self.wire, each) for each in files],
            cut=more_files or more_jobs,
            missing=tuple(dict.fromkeys([*missing, *unread])),
        )

    def account_job(self, identifier: str) -> AccountJob:
        """Return one job; where it has no metadata, the file that it trains on may say whose it is."""
        body = self._named(f"{JOBS}/{identifier}", identifier)
        file = None
        with suppress(NotFound):  # files may be gone long before their job
            if body.get("training_file"):
                file = known_file(self._named(f"files/{body['training_file']}", str(body["training_file"])))
        return _account_job(self.wire, body, file)

    def account_file(self, identifier: str) -> AccountFile:
        """Return one file."""
        return _account_file(self.wire, self._named(f"files/{identifier}", identifier))

    def account_rows(self, identifier: str) -> bytes:
        """Return a file's rows, as they were uploaded."""
        return self.wire.anywhere(lambda plane: plane.content(f"files/{identifier}/content"))

    def remove_account_file(self, identifier: str) -> None:
        """Remove a file for good; one that is gone is fine."""
        with suppress(NotFound):
            self.wire.anywhere(lambda plane: plane.delete(f"files/{identifier}"))
        self.wire.files.forget(identifier)

    def _everywhere(
        self, path: str, query: Sequence[tuple[str, str]] = ()
    ) -> tuple[list[Mapping[str, Any]], bool, list[str]]:
        """Return (what is listed at any plane, once and the newest first, whether there is more, what was not read).

        Raises:
            BackendError: the connection's own plane, which is the first, cannot be read.
        """
        found: dict[str, Mapping[str, Any]] = {}
        cut, missing = dict[int, bool](), list[str]()
        for number, plane in enumerate(self.wire.planes):
            try:
                for items, more_here in islice(paged(plane, path, query), _MOST_PAGES):
                    for each in items:
                        found.setdefault(str(each["id"]), each)
                    cut[number] = more_here
            except BackendError as error:
                if number == 0:
                    raise
                missing.append(f"What {plane.base} lists could not be read: {error.detail}")
        newest = sorted(found.values(), key=lambda body: -_made(body))
        return newest, any(cut.values()), missing

    def _named(self, path: str, identifier: str) -> Mapping[str, Any]:
        """Return what stands at a path, which has to say that it is what was asked for."""
        body = self.wire.anywhere(lambda plane: plane.get(path))
        if not isinstance(body, dict) or body.get("id") != identifier:
            raise NotFound(f"{self.wire.plane.name} has nothing called {identifier}.", fix="Look at the list again.")
        return body


def _made(body: Mapping[str, Any]) -> int:
    made = body.get("created_at")
    return made if isinstance(made, int) else 0


def _account_job(wire: Wire, body: Mapping[str, Any], file: KnownFile | None) -> AccountJob:
    mark, tag = made_for(body, file)
    return AccountJob(job=past_job(body), tag=tag if mark == wire.mark else "")


def _account_file(wire: Wire, body: Mapping[str, Any]) -> AccountFile:
    known, size = known_file(body), body.get("bytes")
    return AccountFile(
        id=str(body["id"]),
        name=str(body.get("filename") or body["id"])[:255],
        state=str(body.get("status") or "")[:100],
        bytes=size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None,
        made_at=moment(body.get("created_at")),
        tag=known.tag if known is not None and known.mark == wire.mark else "",
    )
