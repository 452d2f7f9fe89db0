"""Projects as REST sees them."""

from datetime import datetime
from typing import Annotated

from app.domain.projects import TEXT_LIMIT
from app.http.fields import Label, RequestModel, ResponseModel, Text, described, exemplified

Prose = Annotated[Text, described(maxLength=TEXT_LIMIT)]


class ProjectIn(RequestModel):
    """A project to make."""

    model_config = exemplified({"name": "Support triage", "description": "Which team answers a message?"})

    name: Label
    description: Prose = ""


class ProjectPatch(RequestModel):
    """What to change of a project; a field that is left out stays."""

    model_config = exemplified({"description": "Which team answers a message?"})

    name: Label | None = None
    description: Prose | None = None


class DecisionIn(RequestModel):
    """The four answers to "when to fine-tune?"."""

    model_config = exemplified({"use_case": "Sort messages by team.", "costs": "An hour of training."})

    use_case: Prose = ""
    alternatives_tried: Prose = ""
    costs: Prose = ""
    benefits: Prose = ""


class DecisionOut(ResponseModel):
    """The four answers to "when to fine-tune?"."""

    use_case: str
    alternatives_tried: str
    costs: str
    benefits: str
    answered: int


class ProjectOut(ResponseModel):
    """A project."""

    id: str
    name: str
    description: str
    decision: DecisionOut
    created_at: datetime
    updated_at: datetime
