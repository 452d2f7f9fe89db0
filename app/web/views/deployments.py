"""What the pages of deployments show and send, computed from frozen values."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from shlex import quote
from typing import Any

from app.domain.catalog import CatalogModel
from app.domain.deployments import Deployment, Target
from app.domain.models import FineTunedModel, ModelStatus
from app.web.i18n import gettext as _
from app.web.views.parts import Question

_BASE = "base:"
OPTION = "options-"
_MINUTE = 60
_ID_CHARS = 8
KEY_VARIABLE = "TUNEDESK_KEY"


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
            name.removeprefix(OPTION): value for name, value in form.items() if name.startswith(OPTION) and value
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """How a program asks a deployment: base address, model and key, and the same as code that runs when pasted."""

    base_url: str
    model: str
    key: str | None  # None: not shown
    curl: str
    python: str


def client(deployment: Deployment, base_url: str, key: str | None) -> Client:
    """Return how a program asks a deployment. Without the key, the code takes it from an environment variable."""
    address = f"{base_url}/api/v1/deployments/{deployment.id}/v1"
    return Client(
        base_url=address,
        model=deployment.name,
        key=key,
        curl=curl(address, deployment.name, key),
        python=python(address, deployment.name, key),
    )


def curl(address: str, model: str, key: str | None) -> str:
    """Return a shell command that asks a deployment at its base address."""
    turns = [{"role": "user", "content": "Where is my parcel?"}]
    body = json.dumps({"model": model, "messages": turns, "temperature": 0})
    bearer = f'"Authorization: Bearer ${KEY_VARIABLE}"' if key is None else quote(f"Authorization: Bearer {key}")
    return (
        f"curl --fail-with-body {address}/chat/completions \\\n"
        f"  -H {bearer} \\\n"
        '  -H "Content-Type: application/json" \\\n'
        f"  -d {quote(body)}\n"
    )


def python(address: str, model: str, key: str | None) -> str:
    """Return a Python script that asks a deployment with OpenAI's own client."""
    given = f'os.environ["{KEY_VARIABLE}"]' if key is None else json.dumps(key)
    return (
        ("import os\n\n" if key is None else "") + "from openai import OpenAI\n\n"
        "client = OpenAI(\n"
        f"    base_url={json.dumps(address)},\n"
        f"    api_key={given},\n"
        ")\n"
        "answer = client.chat.completions.create(\n"
        f"    model={json.dumps(model, ensure_ascii=False)},\n"
        f'    messages=[{{"role": "user", "content": "Where is my parcel?"}}],\n'
        "    temperature=0,\n"
        ")\n"
        "print(answer.choices[0].message.content)\n"
    )


def rotation(deployment: Deployment) -> Question:
    """Return the question that stands before a new key."""
    return Question(
        title=_("Make a new key?"),
        message=_("Programs that use the current key will be refused."),
        action=f"/deployments/{deployment.id}/client-key/rotate",
        yes=_("Make a new key"),
        no=_("Keep the key"),
        back=f"/deployments/{deployment.id}",
    )
