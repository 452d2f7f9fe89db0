"""The job as commands: curl, and python3 for what is read out of an answer."""

import json
from shlex import quote

from app.domain.openai_code.request import ONCE, CodeRequest, Rows, RowsForm, file_name, one_line

_SCRIPT = """# Fine-tunes {model}: {name}. Needs curl and python3{needs_key}.
set -eu
BASE={base}
KEY={key}
ask() {{ curl --fail-with-body -sS -H "Authorization: Bearer $KEY"{headers} "$@"; }}
field() {{ python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]] or "")' "$1"; }}
{rows}
{files}
# {once[0]}
# {once[1]}
JOB=$(ask "$BASE/fine_tuning/jobs" -H "Content-Type: application/json" --data-binary @- <<REQUEST | field id
{body}
REQUEST
)
echo "$JOB"
while true; do
  STATUS=$(ask "$BASE/fine_tuning/jobs/$JOB" | field status)
  echo "$STATUS"
  case "$STATUS" in succeeded | failed | cancelled) break ;; esac
  sleep {poll}
done
[ "$STATUS" = succeeded ]
ask "$BASE/fine_tuning/jobs/$JOB" | field fine_tuned_model
{after}"""
_SENT = """# Rows as they are read there; TuneDesk's own file numbers its lines.
sent() {{ {form}; }}
upload() {{
  sent < "$1" | ask "$BASE/files" -F purpose=fine-tune -F "file=@-;filename=$2;type=application/octet-stream" | field id
}}
"""
_WAITS = """while true; do
  case "$(ask "$BASE/files/${variable}" | field status)" in
    processed) break ;;
    error | deleted) echo "{name} was refused" >&2; exit 1 ;;
  esac
  sleep 5
done
"""
_NUMBER = r"""sed 's/^{"line": *[0-9]*, */{/'"""
_PROGRAM = """python3 -c '
import json, sys

def turns(part, role):
    return part if isinstance(part, list) else [{"role": role, "content": part}]

for row in map(json.loads, sys.stdin):
    tools = {"tools": row["tools"]} if row.get("tools") else {}
    sent = {sent}
    print(json.dumps(sent, ensure_ascii=False))
'"""
_JOINED = '{"messages": turns(row["prompt"], "user") + turns(row["completion"], "assistant"), **tools}'
_PAIRED = """{
        "input": {"messages": turns(row["prompt"], "user"), **tools},
        "preferred_output": turns(row["chosen"], "assistant"),
        "non_preferred_output": turns(row["rejected"], "assistant"),
    }"""
_FORMS = {
    RowsForm.NUMBERED: _NUMBER,
    RowsForm.JOINED: _PROGRAM.replace("{sent}", _JOINED),
    RowsForm.PAIRED: _PROGRAM.replace("{sent}", _PAIRED),
}
_HEADERS = {"organization": "OpenAI-Organization", "project": "OpenAI-Project"}


def commands(request: CodeRequest) -> str:
    """Return the commands, for a shell."""
    named = [f" -H {quote(f'{_HEADERS[name]}: {value}')}" for name, value in request.headers.items()]
    key = f"${{{request.key}:-{request.key_otherwise}}}" if request.key_otherwise else f"${request.key}"
    return _SCRIPT.format(
        model=one_line(request.model),
        name=one_line(request.name),
        needs_key="" if request.key_otherwise else f", and the key in {request.key}",
        base=quote(request.base_url),
        key=f'"{key}"',
        headers="".join(named),
        rows=_SENT.format(form=_FORMS[request.form]) if request.sends else "",
        files="".join(_file(request, name, rows) for name, rows in request.files.items()),
        once=ONCE,
        poll=request.poll_s,
        body=_body(request),
        after="".join(f"# {one_line(line)}\n" for line in request.after.splitlines()),
    )


def _file(request: CodeRequest, name: str, rows: Rows) -> str:
    variable = name.upper()
    if rows.path is None:
        return f"{variable}={quote(rows.id)}\n"
    sent = f"{variable}=$(upload {quote(str(rows.path))} {quote(file_name(request, name))})\n"
    waits = _WAITS.replace("{variable}", variable).replace("{name}", name.replace("_", " "))
    return sent + (waits if request.waits else "")


def _body(request: CodeRequest) -> str:
    """Return the JSON as a here-document has it: the files' ids are the shell's, and nothing else is its business."""
    text = json.dumps({**request.fields(), **request.further}, indent=2, ensure_ascii=False)
    for each in ("\\", "$", "`"):
        text = text.replace(each, f"\\{each}")
    head = "".join(f'  "{name}": "${name.upper()}",\n' for name in request.files)
    return text.replace("{\n", "{\n" + head, 1)
