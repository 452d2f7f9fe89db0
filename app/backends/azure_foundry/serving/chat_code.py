"""An endpoint asked without us, as code that runs when pasted: the key comes from an environment variable."""

import json
from shlex import quote

from app.backends.azure_foundry.serving.endpoints import scores
from app.backends.azure_foundry.serving.scoring_forms import FORMS, ScoringForm
from app.domain.backend import ChatRequest

KEY_VARIABLE = "AZURE_ENDPOINT_KEY"
_QUESTION = "Where is my parcel?"
_TOKENS = 128


def curl(address: str, form: ScoringForm | None) -> str:
    """Return a shell command that asks an endpoint; a managed one in the form that it has answered in, if it has."""
    form = _form(address, form)
    return (
        f"# export {KEY_VARIABLE}=…   (Show key, on this page)\n"
        f"curl --fail-with-body -X POST {quote(_url(address, form))} \\\n"
        f'  -H "Authorization: Bearer ${KEY_VARIABLE}" \\\n'
        f'  -H "Content-Type: application/json" \\\n'
        f"  -d {quote(json.dumps(_body(form)))}\n"
    )


def python(address: str, form: ScoringForm | None) -> str:
    """Return a Python script that asks an endpoint, with nothing but the standard library; the form as in `curl`."""
    form = _form(address, form)
    picked = form.picked if form else '["choices"][0]["message"]["content"]'
    return (
        "import json\n"
        "import os\n"
        "import urllib.request\n\n"
        f"body = {json.dumps(_body(form), indent=4).replace('false', 'False')}\n"
        "request = urllib.request.Request(\n"
        f"    {json.dumps(_url(address, form))},\n"
        "    data=json.dumps(body).encode(),\n"
        "    headers={\n"
        f'        "Authorization": "Bearer " + os.environ["{KEY_VARIABLE}"],\n'
        '        "Content-Type": "application/json",\n'
        "    },\n"
        ")\n"
        "with urllib.request.urlopen(request) as answer:\n"
        f"    print(json.load(answer){picked})\n"
    )


def _form(address: str, form: ScoringForm | None) -> ScoringForm | None:
    return (form or FORMS[0]) if scores(address) else None


def _url(address: str, form: ScoringForm | None) -> str:
    return form.address(address) if form else address


def _body(form: ScoringForm | None) -> dict[str, object]:
    messages = [{"role": "user", "content": _QUESTION}]
    if form is None:
        return {"messages": messages, "max_tokens": _TOKENS, "temperature": 0}
    return form.body(ChatRequest(messages=messages, max_tokens=_TOKENS, temperature=0))
