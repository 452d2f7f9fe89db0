"""Removing what a training left behind: model versions, rows. Only what is ours, never what is still needed.

azure-ai-ml has no way to delete a model; the REST API has. Where Azure refuses it, the version is archived instead, and
people are told which of the two happened.
"""

from pathlib import Path

from app.backends.azure_foundry.serving.endpoints import Endpoints
from app.backends.azure_foundry.serving.online import Online
from app.backends.azure_foundry.serving.serverless import Serverless
from app.backends.azure_foundry.training import files
from app.backends.azure_foundry.training.jobs import Training
from app.backends.azure_foundry.training.made_models import maker_of
from app.backends.azure_foundry.training.uploads import VERSION
from app.backends.azure_foundry.transport.errors import translates_errors
from app.backends.azure_foundry.transport.json_values import part
from app.backends.azure_foundry.transport.names import FILE_TAG, INSTALLATION_TAG, TAG, is_ours, tags_of
from app.backends.azure_foundry.transport.paging import Body, text
from app.backends.azure_foundry.transport.workspace import Workspace
from app.domain.backend import Backend, BackendError, NotAuthorised, Rejected, Transient
from app.domain.serving import ForgetsUploads

JOBS = "jobs"
GONE, DELETED = "It was gone already.", "Deleted at Azure."
_KEPT = ", its files kept in your storage"
_REHEARSAL = "tunedesk-rehearsal"  # a version that nobody makes


class AzureRemoval(Endpoints, ForgetsUploads, Backend):
    """To remove models and rows, and to say how it went."""

    training: Training

    @translates_errors
    def discard_model(self, model: str) -> str | None:
        """Delete a model version, else archive it, and say which; one that is gone is fine.

        Raises:
            Rejected: when it is not ours, or an endpoint still serves it.
        """
        said = remove_model(self.workspace, model)
        self.serverless.release_subscriptions()
        return said

    @translates_errors
    def discard_upload(self, path: Path) -> str:
        """Remove the data asset that was made from a file's rows, and say how; one that is gone is fine."""
        return remove_data(self.workspace, f"{self.training.uploads.name_of(path)}:{VERSION}")


def remove_model(workspace: Workspace, model: str) -> str:
    """Delete a model version, `name:version`, else archive it; say which.

    Raises:
        Rejected: when it is not ours, or an endpoint still serves it.
    """
    if ":" not in model:
        return GONE  # no training of ours leaves a model without a version
    path = _version_path("models", model)
    found = workspace.get(path)
    if found is None:
        return GONE
    if not is_ours(owner_tags_of(workspace, model.partition(":")[0], found), workspace.azure.installation):
        raise not_ours(f"The model {model}")
    serving = served_by(workspace, model)
    if serving:
        raise Rejected(
            f"The model {model} is still served by {', '.join(serving)}.",
            fix="Delete the deployment first; the endpoint takes some minutes to go.",
        )
    return _delete_or_archive(workspace, path, found)


def remove_data(workspace: Workspace, asset: str) -> str:
    """Delete a data asset's version, `name:version`, with the file under it, else archive it with its file; say which.

    The file goes first: whenever this stops, the asset with our mark is still there for a repeat to find. So whether
    Azure would delete the asset is tried beforehand, on a version that is not there.

    Raises:
        Rejected: when it is not ours.
    """
    path = _version_path("data", asset)
    found = workspace.get(path)
    if found is None:
        return GONE
    if not is_ours(tags_of(found), workspace.azure.installation):
        raise not_ours(f"The data asset {asset}")
    try:
        workspace.delete(f"{path.rpartition('/')[0]}/{_REHEARSAL}")
    except Transient:
        raise
    except BackendError as refusal:
        kept = files.GONE if FILE_TAG in tags_of(found) else _KEPT  # an earlier try may have come further
        return _archived(workspace, path, found, refusal, kept)
    became = files.remove(workspace, asset, found)
    return _delete_or_archive(workspace, path, found, became)


def served_by(workspace: Workspace, model: str) -> list[str]:
    """Return the names of the endpoints, anybody's, that serve a model version of the workspace."""
    ending = f"/models/{model.replace(':', '/versions/')}".lower()
    names = [
        text(each, "name")
        for each in workspace.list(Serverless.kind)
        if text(each, "properties", "modelSettings", "modelId").lower().endswith(ending)
    ]
    for endpoint in workspace.list(Online.kind):
        name = text(endpoint, "name")
        deployments = workspace.list(f"{Online.kind}/{name}/deployments")
        if any(text(each, "properties", "model").lower().endswith(ending) for each in deployments):
            names.append(name)
    return names


def owner_tags_of(workspace: Workspace, name: str, found: Body) -> dict[str, str]:
    """Return the owner's tags of a version of a model: its own, else those of the job that surely made it."""
    own = tags_of(found)
    if TAG in own and INSTALLATION_TAG in own:
        return own
    return tags_of(maker_of(workspace, name, found))


def not_ours(what: str) -> Rejected:
    """Return the refusal to touch what somebody else made."""
    return Rejected(
        f"{what} does not carry this installation's mark, so it is left alone.",
        fix="If it is to go, remove it in the studio.",
    )


def _version_path(kind: str, named: str) -> str:
    name, colon, version = named.partition(":")
    if not colon or "/" in named:
        raise Rejected(f"{named!r} is no name with a version.", fix="Look it up in the studio.")
    return f"{kind}/{name}/versions/{version}"


def _delete_or_archive(workspace: Workspace, path: str, found: Body, file: str = "") -> str:
    """`file`: what became of the file under it, as the end of a sentence."""
    try:
        workspace.delete(path)
    except Transient:
        raise
    except BackendError as error:
        return _archived(workspace, path, found, error, file or _KEPT)
    return f"{DELETED.removesuffix('.')}{file}."


def _archived(workspace: Workspace, path: str, found: Body, refusal: BackendError, file: str) -> str:
    properties = dict(part(workspace.get(path) or found, "properties"))  # with what was noted on it meanwhile
    if not properties.get("isArchived"):
        properties.pop("provisioningState", None)  # read-only
        try:
            workspace.put(path, {"properties": {**properties, "isArchived": True}})
        except NotAuthorised:
            raise refusal from None  # neither is allowed: the first refusal tells more
    return f"Azure does not delete it ({refusal.detail}), so it was archived: hidden{file}."
