"""Projects as REST sees them."""

from datetime import datetime

from app.http.fields import Name, RequestModel, ResponseModel, Text


class ProjectIn(RequestModel):
    """A project to make."""

    name: Name
    description: Text = ""


class ProjectPatch(RequestModel):
    """What to change of a project; a field that is left out stays."""

    name: Name | None = None
    description: Text | None = None


class DecisionIn(RequestModel):
    """The four answers to "when to fine-tune?"."""

    use_case: Text = ""
    alternatives_tried: Text = ""
    costs: Text = ""
    benefits: Text = ""


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
