"""An endpoint asked without us, as code that runs when pasted: the key comes from an environment variable."""

import json
from shlex import quote

from app.backends.azure_foundry.serving.endpoints import scores

KEY_VARIABLE = "AZURE_ENDPOINT_KEY"
_QUESTION = "Where is my parcel?"
_TOKENS = 128


def curl(address: str) -> str:
    """Return a shell command that asks an endpoint."""
    return (
        f"# export {KEY_VARIABLE}=…   (Show key, on this page)\n"
        f"curl --fail-with-body -X POST {quote(address)} \\\n"
        f'  -H "Authorization: Bearer ${KEY_VARIABLE}" \\\n'
        f'  -H "Content-Type: application/json" \\\n'
        f"  -d {quote(json.dumps(_body(address)))}\n"
    )


def python(address: str) -> str:
    """Return a Python script that asks an endpoint, with nothing but the standard library."""
    picked = '["output"]' if scores(address) else '["choices"][0]["message"]["content"]'
    return (
        "import json\n"
        "import os\n"
        "import urllib.request\n\n"
        f"body = {json.dumps(_body(address), indent=4).replace('false', 'False')}\n"
        "request = urllib.request.Request(\n"
        f"    {json.dumps(address)},\n"
        "    data=json.dumps(body).encode(),\n"
        "    headers={\n"
        f'        "Authorization": "Bearer " + os.environ["{KEY_VARIABLE}"],\n'
        '        "Content-Type": "application/json",\n'
        "    },\n"
        ")\n"
        "with urllib.request.urlopen(request) as answer:\n"
        f"    print(json.load(answer){picked})\n"
    )


def _body(address: str) -> dict[str, object]:
    messages = [{"role": "user", "content": _QUESTION}]
    if scores(address):
        parameters = {"max_new_tokens": _TOKENS, "do_sample": False, "return_full_text": False}
        return {"input_data": {"input_string": messages, "parameters": parameters}}
    return {"messages": messages, "max_tokens": _TOKENS, "temperature": 0}
