"""Capsules as REST takes them; docs/capsule.md describes the file."""

from typing import Any

from pydantic import Field

from app.http.fields import Id, RequestModel


class FromCapsuleIn(RequestModel):
    """A capsule, and where its job is to be made; without a connection the one of the same backend is taken."""

    capsule: dict[str, Any] = Field(description="The file as `GET /jobs/{id}/capsule` gave it.")
    project: Id
    connection: Id | None = None
