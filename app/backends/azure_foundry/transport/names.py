"""What our things are called at Azure: names made from our ids, and the tags by which they are known as ours."""

import hashlib
import re

from app.backends.azure_foundry.transport.json_values import part, text

TAG = "tunedesk"  # its value is our id
INSTALLATION_TAG = "tunedesk-installation"  # its value tells several installations apart
FILE_TAG = "tunedesk-file"  # on a data asset whose file is being removed: it is not used again until it is sent anew
_ENDPOINT_LIMIT = 32  # https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas, endpoint names
_MODEL_LIMIT = 60  # far below the service's 255; a name is also read by people
_NOT_ALLOWED = re.compile(r"[^a-z0-9-]+")


def job_name(tag: str) -> str:
    """Return the job's name at Azure: letters, digits and hyphens, the same for the same tag."""
    return _plain(tag)


def endpoint_name(tag: str) -> str:
    """Return an endpoint's name: 3 to 32 letters, digits and hyphens, a letter first.

    It is unique within a region, because our ids are random; a longer tag is shortened by its hash.
    """
    name = _plain(tag)
    if not name[:1].isalpha():
        name = f"td-{name}"
    if len(name) > _ENDPOINT_LIMIT:
        digest = hashlib.sha256(tag.encode()).hexdigest()[:10]
        name = f"{name[: _ENDPOINT_LIMIT - 11].rstrip('-')}-{digest}"
    return name if len(name) > 2 else f"{name}-ep"  # noqa: PLR2004 -- three characters at least


def model_name(suffix: str, tag: str) -> str:
    """Return the name under which a job registers its model: what people called it, then the job's own id."""
    readable = _plain(suffix)[:_MODEL_LIMIT].strip("-") or "tuned"
    return f"{readable}-{_plain(tag)}"


def data_name(sha256: str) -> str:
    """Return the name of the data asset that holds rows with that hash (hexadecimal)."""
    return f"tunedesk-{sha256[:32]}"


def file_name(asset: str) -> str:
    """Return the name of the file under a data asset: its own, so that nobody's other upload lies at its path."""
    return f"{asset}.jsonl"


def owner_tags(tag: str, installation: str) -> dict[str, str]:
    """Return the tags that every remote thing of ours carries. Nothing without them is ever changed or deleted."""
    return {TAG: tag, INSTALLATION_TAG: installation}


def tags_of(asset: object) -> dict[str, str]:
    """Return the tags of a job, a model or rows, which stand among its properties (an endpoint's stand beside them)."""
    return {str(name): str(value) for name, value in part(asset, "properties", "tags").items() if value is not None}


def is_ours(tags: object, installation: str) -> bool:
    """Tell whether a remote thing was made by this installation."""
    return bool(text(tags, TAG)) and text(tags, INSTALLATION_TAG) == installation


def _plain(text: str) -> str:
    return _NOT_ALLOWED.sub("-", text.lower().replace("_", "-")).strip("-")
