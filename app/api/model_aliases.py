"""REST on aliases of models: other names, for programs whose model name cannot be changed."""

from typing import Annotated

from fastapi import Path
from pydantic import Field
from starlette.responses import Response

from app.api.answers import CREATED, NO_CONTENT, answer, listing, nothing
from app.api.routing import noun
from app.api.shapes.common import list_of
from app.domain.model_aliases import ModelAlias
from app.http.dependencies import may
from app.http.fields import Line, Name, RequestModel, exemplified
from app.services import model_aliases
from app.services.scope import Scope

router = noun("model-aliases")


class AliasIn(RequestModel):
    """A name, and the model that it is to stand for, by any of its names of `GET /v1/models`."""

    model_config = exemplified({"name": "gpt-3.5-turbo", "target": "local/builtin:starter"})

    name: Name = Field(description="What programs ask for.")
    target: Line = Field(description="Connection and base model, or a tuned model's name.")


@router.get("", response_model=list_of(ModelAlias))
def list_aliases(scope: Annotated[Scope, may(model_aliases.list_aliases)]) -> Response:
    """The aliases, by name; there are few, so there is one page."""
    return listing(ModelAlias, model_aliases.list_aliases(scope))


@router.post("", response_model=ModelAlias, status_code=CREATED)
def create_alias(scope: Annotated[Scope, may(model_aliases.create)], body: AliasIn) -> Response:
    """Let a name stand for a model; 409 where it means, or ever meant, another one."""
    return answer(ModelAlias, model_aliases.create(scope, body.name, body.target), CREATED)


@router.delete("/{name}", status_code=NO_CONTENT)
def withdraw_alias(
    scope: Annotated[Scope, may(model_aliases.withdraw)], name: Annotated[str, Path(min_length=1, max_length=200)]
) -> Response:
    """Let a name mean nothing any more; it can come back as the same model alone."""
    model_aliases.withdraw(scope, name)
    return nothing()
