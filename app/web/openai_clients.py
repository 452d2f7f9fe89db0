"""The page for programs written for OpenAI: their base address, where they may spend, and other names of models."""

import json
from typing import Annotated, Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import DomainError
from app.http.dependencies import OpenScope, may, may_open
from app.http.fields import Id
from app.services import connections, model_aliases, openai_jobs, openai_models
from app.services.scope import Scope
from app.web.rendering import Fields, field_errors, page, see_other, status_of

router = APIRouter(include_in_schema=False)
_HERE = "/settings/openai"


@router.get(_HERE)
def index(request: Request, scope: Annotated[Scope, may(model_aliases.list_aliases)]) -> Response:
    """Where programs find this installation, where they may spend, and which aliases there are."""
    return page(request, scope, "settings/openai.html", _context(request, scope))


@router.post(f"{_HERE}/aliases")
def create(
    request: Request, open_scope: Annotated[OpenScope, may_open(model_aliases.create)], form: Fields
) -> Response:
    """Let a name stand for a model."""
    values = {"name": form.get("name", ""), "target": form.get("target", "")}
    try:
        with open_scope() as scope:
            model_aliases.create(scope, values["name"], values["target"])
    except DomainError as error:
        with open_scope() as scope:  # the page asks backends, which no write transaction may wait for
            context = {**_context(request, scope), "values": values, "errors": field_errors(error)}
            return page(request, scope, "settings/openai.html", context, status=status_of(error))
    return see_other(f"{_HERE}#aliases", "alias_made")


@router.post(f"{_HERE}/withdrawals")
def withdraw(scope: Annotated[Scope, may(model_aliases.withdraw)], form: Fields) -> Response:
    """Let a name mean nothing any more."""
    model_aliases.withdraw(scope, form.get("name", ""))
    return see_other(f"{_HERE}#aliases", "alias_withdrawn")


@router.post(f"{_HERE}/connections/{{connection}}")
def allow(scope: Annotated[Scope, may(connections.update)], connection: Id, form: Fields) -> Response:
    """Say whether programs may spend at a connection."""
    connections.update(scope, connection, openai_spending=form.get("allow") == "yes")
    return see_other(f"{_HERE}#spending", "spending_saved")


def _context(request: Request, scope: Scope) -> dict[str, Any]:
    known = connections.list_connections(scope)
    address = f"{str(request.base_url).rstrip('/')}/v1"
    names = [each.name for each in openai_models.listed(scope)]
    aliases = model_aliases.list_aliases(scope)
    taken = {each.name for each in aliases}
    example = next(iter(names), "local/builtin:starter")
    return {
        "address": address,
        "code": python(address, example),
        "spending": [(each, openai_jobs.spends(scope, each)) for each in known],
        "aliases": aliases,
        "choices": [(name, name) for name in names if name not in taken],
        "values": {"name": "", "target": ""},
        "errors": [],
    }


def python(address: str, model: str) -> str:
    """Return a Python script that trains with OpenAI's own client."""
    return (
        "from openai import OpenAI\n\n"
        f'client = OpenAI(base_url={json.dumps(address)}, api_key="any")\n'
        'rows = client.files.create(file=open("rows.jsonl", "rb"), purpose="fine-tune")\n'
        f"job = client.fine_tuning.jobs.create(model={json.dumps(model)}, training_file=rows.id)\n"
        "print(job.id, job.status)\n"
    )
