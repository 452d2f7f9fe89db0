"""A dataset's file as both doors hand it out: as it is kept, as it was brought, or made in another format."""

from starlette.responses import Response

from app.domain.downloads import DownloadFormat
from app.http.dependencies import OpenScope
from app.http.downloads import attachment, made_attachment
from app.services import datasets, downloads
from app.services.downloads import Download


def dataset_file(
    open_scope: OpenScope, identifier: str, wanted: DownloadFormat | None, *, original: bool = False
) -> Response:
    """Return the file; one in another format is made while it is sent, so that its length costs no memory."""
    downloads.one_of_both(original, wanted)
    if wanted is None:
        with open_scope() as scope:
            return attachment(*datasets.download(scope, identifier, original=original))

    def make() -> Download:
        with open_scope() as scope:
            return downloads.in_format(scope, identifier, wanted)

    return made_attachment(make)
