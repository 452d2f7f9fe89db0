"""What the pages of deployments show and send, computed from frozen values."""

import json
from collections.abc import Mapping, Sequence
from gettext import gettext as _
from typing import Any

from app.domain.catalog import CatalogModel
from app.domain.deployments import Deployment, Target
from app.domain.models import FineTunedModel, ModelStatus
from app.web.views.parts import Question

_BASE = "base:"
_MINUTE = 60


def choices(tuned: Sequence[FineTunedModel], base: Sequence[CatalogModel]) -> list[tuple[str, str]]:
    """Return what can be served, as (value, label): tuned models first."""
    made = [(model.id, model.name) for model in tuned if model.status is ModelStatus.PRESENT]
    return made + [
        (f"{_BASE}{model.connection}:{model.id}", f"{model.name} ({_('base model')})") for model in base if model.usable
    ]


def base_choice(target: Target | None) -> str:
    """Return a tuned target's base as a value of the same choice; empty where there is no target."""
    return f"{_BASE}{target.connection}:{target.base_model}" if target is not None else ""


def wish(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the form as what `services.deployments.create` takes; a field that is no number stays out of range."""
    chosen = form.get("model", "")
    target: dict[str, str] = {"model": chosen}
    if chosen.startswith(_BASE):
        connection, _colon, identifier = chosen.removeprefix(_BASE).partition(":")
        target = {"connection": connection, "base_model": identifier}
    minutes = form.get("idle_minutes", "").strip()
    idle = None if not minutes else int(minutes) * _MINUTE if minutes.isdecimal() and len(minutes) < 9 else -1  # noqa: PLR2004
    return {"target": target, "name": form.get("name") or None, "expires_after_idle_s": idle}


def deletion(deployment: Deployment) -> Question:
    """Return the question that stands before a deployment's deletion."""
    return Question(
        title=_("Delete this deployment?"),
        message=_("It stops answering at once. The model's weights are kept, and can be deployed again."),
        action=f"/deployments/{deployment.id}/delete",
        yes=_("Delete deployment"),
        no=_("Keep it"),
        back=f"/deployments/{deployment.id}",
    )


def curl(deployment: Deployment, base_url: str) -> str:
    """Return a command that asks the deployment, as it runs when pasted into a shell."""
    body = json.dumps({"messages": [{"role": "user", "content": "Where is my parcel?"}], "temperature": 0})
    return (
        f"curl --fail-with-body -X POST {base_url}/api/v1/deployments/{deployment.id}/chat \\\n"
        f'  -H "Content-Type: application/json" \\\n'
        f"  -d '{body}'\n"
    )


def python(deployment: Deployment, base_url: str) -> str:
    """Return a Python script that asks the deployment, with nothing but the standard library."""
    return (
        "import json\n"
        "import urllib.request\n\n"
        "body = {\n"
        '    "messages": [{"role": "user", "content": "Where is my parcel?"}],\n'
        '    "temperature": 0,\n'
        "}\n"
        "request = urllib.request.Request(\n"
        f'    "{base_url}/api/v1/deployments/{deployment.id}/chat",\n'
        "    data=json.dumps(body).encode(),\n"
        '    headers={"Content-Type": "application/json"},\n'
        ")\n"
        "with urllib.request.urlopen(request) as answer:\n"
        '    print(json.load(answer)["choices"][0]["message"]["content"])\n'
    )
