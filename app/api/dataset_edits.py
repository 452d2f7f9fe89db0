"""REST on datasets made of what is here: of another's rows with changes, of several, of a file of this machine."""

from typing import Annotated

from starlette.responses import Response

from app.api.answers import CREATED, answer, listing
from app.api.routing import PathId, noun
from app.api.shapes.common import list_of
from app.api.shapes.datasets import JoinIn, PathIn
from app.api.shapes.edits import EditIn
from app.domain.datasets import Dataset
from app.domain.edits import EditPreview, OfferedFix
from app.http.dependencies import may
from app.services import bringing, edits
from app.services.scope import Scope

router = noun("datasets", asks=False)


@router.post("/from-path", response_model=Dataset, status_code=CREATED, responses={409: {}})
def import_path(scope: Annotated[Scope, may(bringing.from_path)], body: PathIn) -> Response:
    """Read in a file of the machine that TuneDesk runs on, below the folders that its operator allows."""
    return answer(Dataset, bringing.from_path(scope, body.path, name=body.name, project=body.project), CREATED)


@router.post("/join", response_model=Dataset, status_code=CREATED, responses={409: {}})
def join_datasets(scope: Annotated[Scope, may(bringing.join)], body: JoinIn) -> Response:
    """Make one dataset of the rows of several, one after the other; the parts stay."""
    return answer(Dataset, bringing.join(scope, body.datasets, name=body.name, project=body.project), CREATED)


@router.get("/{identifier}/fixes", response_model=list_of(OfferedFix))
def list_fixes(scope: Annotated[Scope, may(edits.offered)], identifier: PathId) -> Response:
    """The automatic fixes that a dataset's findings ask for."""
    return listing(OfferedFix, edits.offered(scope, identifier))


@router.post("/{identifier}/edits/preview", response_model=EditPreview, responses={409: {}})
def preview_edit(scope: Annotated[Scope, may(edits.preview)], identifier: PathId, body: EditIn) -> Response:
    """What an edit would do: counts before and after, and the first rows that it changes; makes nothing."""
    return answer(EditPreview, edits.preview(scope, identifier, body.edit()))


@router.post("/{identifier}/edits", response_model=Dataset, status_code=CREATED, responses={409: {}})
def edit_dataset(scope: Annotated[Scope, may(edits.apply)], identifier: PathId, body: EditIn) -> Response:
    """Make a version with the edit's rows; the old one stays. The same edit again finds the same version."""
    return answer(Dataset, edits.apply(scope, identifier, body.edit()), CREATED)
