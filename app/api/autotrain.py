"""REST on AutoTrain's configuration files. These addresses come before a single draft's."""

from typing import Annotated

from starlette.responses import Response

from app.api.answers import CREATED, answer
from app.api.routing import noun
from app.api.shapes.autotrain import FromAutoTrainIn, ImportedOut
from app.domain.autotrain.report import ImportReport
from app.http.dependencies import may
from app.services import autotrain
from app.services.scope import Scope

router = noun("drafts")


@router.post("/from-autotrain", response_model=ImportedOut, status_code=CREATED)
def create_draft_from_autotrain(scope: Annotated[Scope, may(autotrain.create)], body: FromAutoTrainIn) -> Response:
    """Begin a draft with the answers of AutoTrain's YAML file, and say what became of each of its lines."""
    made = autotrain.create(scope, body.yaml, body.chosen())
    return answer(ImportedOut, made, CREATED, {"etag": f'"{made.draft.revision}"'})


@router.post("/from-autotrain/report", response_model=ImportReport)
def report_on_autotrain(scope: Annotated[Scope, may(autotrain.report)], body: FromAutoTrainIn) -> Response:
    """What would become of each line of AutoTrain's YAML file; makes nothing."""
    return answer(ImportReport, autotrain.report(scope, body.yaml, body.chosen()))
