"""Removing at Azure what one training made: its model, and the copy of its rows."""

import hashlib
from pathlib import Path

from app.backends.azure_foundry import cleanup
from app.backends.azure_foundry.endpoints import Endpoints
from app.backends.azure_foundry.errors import in_azure_words
from app.backends.azure_foundry.names import data_name

_BOM = b"\xef\xbb\xbf"
_BLOCK = 1 << 20


class RemovesThere(Endpoints):
    """To remove models and rows, and to say how it went."""

    @in_azure_words
    def discard_model(self, model: str) -> str | None:
        """Delete a model version, else archive it, and say which; one that is gone is fine.

        Raises:
            Rejected: when it is not ours, or an endpoint still serves it.
        """
        said = cleanup.remove_model(self.workspace, model)
        self.serverless.release_subscriptions()
        return said

    @in_azure_words
    def discard_upload(self, path: Path) -> str:
        """Remove the data asset that was made from a file's rows, and say how; one that is gone is fine."""
        return cleanup.remove_data(self.workspace, f"{asset_of(path)}:1")


def asset_of(path: Path) -> str:
    """Return the name of the data asset that holds a file's rows: by the hash of its copy with a byte order mark."""
    digest = hashlib.sha256(_BOM)
    with path.open("rb") as file:
        digest.update(file.read(len(_BOM)).removeprefix(_BOM))
        while block := file.read(_BLOCK):
            digest.update(block)
    return data_name(digest.hexdigest())
