"""What the pages of deployments show and send, computed from frozen values."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from app.domain.catalog import CatalogModel
from app.domain.deployments import Deployment, Target
from app.domain.models import FineTunedModel, ModelStatus
from app.web.i18n import gettext as _
from app.web.views.parts import Question

_BASE = "base:"
_OPTION = "options-"
_MINUTE = 60
_ID_CHARS = 8


def choices(tuned: Sequence[FineTunedModel], base: Sequence[CatalogModel]) -> list[tuple[str, str]]:
    """Return what can be served, as (value, label): tuned models first; ids end names that repeat."""
    present = [model for model in tuned if model.status is ModelStatus.PRESENT]
    named = Counter(model.name for model in present)
    made = [
        (model.id, model.name if named[model.name] == 1 else f"{model.name} · {model.id[-_ID_CHARS:]}")
        for model in present
    ]
    return made + [
        (f"{_BASE}{model.connection}:{model.id}", f"{model.name} ({_('base model')})") for model in base if model.usable
    ]


def target_of(chosen: str) -> dict[str, str]:
    """Return a choice of the form as what `services.targets.target` takes."""
    if not chosen.startswith(_BASE):
        return {"model": chosen}
    connection, _colon, identifier = chosen.removeprefix(_BASE).partition(":")
    return {"connection": connection, "base_model": identifier}


def base_choice(target: Target | None) -> str:
    """Return a tuned target's base as a value of the same choice; empty where there is no target."""
    return f"{_BASE}{target.connection}:{target.base_model}" if target is not None else ""


def requested_fields(form: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """Return the form as what `services.deployments.create` takes; a field that is no number stays out of range."""
    minutes, hours = _whole(form.get("idle_minutes", "")), _whole(form.get("expires_at", ""))
    return {
        "target": target_of(form.get("model", "")),
        "name": form.get("name") or None,
        # A box that is not ticked is not sent: only a form that showed it says anything about it.
        "content_safety": form.get("content_safety") == "on" or not form.get("content_safety_shown"),
        "expires_after_idle_s": None if minutes is None else minutes * _MINUTE,
        "expires_at": now + timedelta(hours=hours) if hours else None,
        "options": {
            name.removeprefix(_OPTION): value for name, value in form.items() if name.startswith(_OPTION) and value
        },
    }


def _whole(text: str) -> int | None:
    """Return a field's number, -1 for what is none, None for nothing."""
    plain = text.strip()
    if not plain:
        return None
    return int(plain) if plain.isdecimal() and len(plain) < 7 else -1  # noqa: PLR2004 -- a century in hours


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
