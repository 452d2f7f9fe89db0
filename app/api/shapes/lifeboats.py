"""Lifeboats as REST sees them."""

from typing import Annotated

from pydantic import Field

from app.domain.lifeboats import Lifeboat
from app.http.fields import READS_WHOLE, Id, RequestModel, ResponseModel, exemplified
from app.services.lifeboats import MAX_ROWS

Rows = Annotated[int, Field(ge=0, le=MAX_ROWS), READS_WHOLE]


class LifeboatIn(RequestModel):
    """From where, to which project, and how many held-out rows each model that still answers is asked."""

    model_config = exemplified({"connection": "con_01jd3x8z", "project": "prj_01jd3x8z", "rows": 20})

    connection: Id
    project: Id
    rows: Rows = Field(default=0, description="0 asks none, and costs nothing; the provider bills answers as any chat.")


class ForeseeIn(RequestModel):
    """From where, and how many rows each model would be asked."""

    model_config = exemplified({"connection": "con_01jd3x8z", "rows": 20})

    connection: Id
    rows: Rows = 0


class VoyageOut(ResponseModel):
    """A lifeboat with how far it is."""

    lifeboat: Lifeboat
    found: int
    home: int
