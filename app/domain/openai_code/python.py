"""The job for the official Python client."""

from pprint import pformat

from app.domain.openai_code.request import ONCE, CodeRequest, Rows, RowsForm, file_name, one_line

_SCRIPT = '''"""Fine-tunes {model}: {name}. Needs the package openai{needs_key}."""

{imports}

client = OpenAI(
{client}
)
{rows}
{files}
# {once[0]}
# {once[1]}
job = client.with_options(max_retries=0).fine_tuning.jobs.create(
{arguments}
)
print(job.id, flush=True)
while job.status not in {{"succeeded", "failed", "cancelled"}}:
    time.sleep({poll})
    job = client.fine_tuning.jobs.retrieve(job.id)
    print(job.status, flush=True)
if job.status != "succeeded":
    raise SystemExit(job.error.message if job.error and job.error.message else job.status)
print(job.fine_tuned_model)
{after}'''
_TURNS = '''

def turns(part, role):
    """Return a text as a message, and messages as they are."""
    return part if isinstance(part, list) else [{"role": role, "content": part}]
'''
_SENT = '''

def sent(line):
    """Return a row as it is read there; TuneDesk's own file numbers its lines."""
    row = json.loads(line)
    row.pop("line", None)
{form}    return json.dumps(row, ensure_ascii=False)


def upload(path, name):
    """Send rows, and return the file's id."""
    with open(path, encoding="utf-8") as file:
        rows = "\\n".join(sent(line) for line in file if line.strip())
    file = client.files.create(file=(name, rows.encode()), purpose="fine-tune")
{waits}    return file.id

'''
_WAITS = """    file = client.files.wait_for_processing(file.id)
    if file.status != "processed":
        raise SystemExit(f"{name} was refused: {file.status_details or file.status}")
"""
_TOOLS = """    tools = {"tools": row["tools"]} if row.get("tools") else {}
"""
_JOINED = """    turned = turns(row["prompt"], "user") + turns(row["completion"], "assistant")
    row = {"messages": turned, **tools}
"""
_PAIRED = """    row = {
        "input": {"messages": turns(row["prompt"], "user"), **tools},
        "preferred_output": turns(row["chosen"], "assistant"),
        "non_preferred_output": turns(row["rejected"], "assistant"),
    }
"""
_FORMS = {RowsForm.NUMBERED: "", RowsForm.JOINED: _TOOLS + _JOINED, RowsForm.PAIRED: _TOOLS + _PAIRED}


def script(request: CodeRequest) -> str:
    """Return the script."""
    modules = [*(["json"] if request.sends else []), "os", "time"]
    return _SCRIPT.format(
        model=one_line(request.model),
        name=one_line(request.name),
        needs_key="" if request.key_otherwise else f", and the key in {request.key}",
        imports="\n".join(f"import {each}" for each in modules) + "\n\nfrom openai import OpenAI",
        client=_client(request),
        rows=_rows(request) if request.sends else "",
        files="".join(_file(request, name, rows) for name, rows in request.files.items()),
        once=ONCE,
        poll=request.poll_s,
        arguments=_arguments(request),
        after="".join(f"# {one_line(line)}\n" for line in request.after.splitlines()),
    )


def _client(request: CodeRequest) -> str:
    key = f'os.environ["{request.key}"]'
    if request.key_otherwise:
        key = f'os.environ.get("{request.key}", {request.key_otherwise!r})'
    lines = [f"    base_url={request.base_url!r},", f"    api_key={key},"]
    return "\n".join([*lines, *(f"    {name}={value!r}," for name, value in request.headers.items())])


def _rows(request: CodeRequest) -> str:
    turns = "" if request.form is RowsForm.NUMBERED else _TURNS
    return turns + _SENT.format(form=_FORMS[request.form], waits=_WAITS if request.waits else "")


def _file(request: CodeRequest, name: str, rows: Rows) -> str:
    if rows.path is None:
        return f"{name} = {rows.id!r}\n"
    return f"{name} = upload({str(rows.path)!r}, {file_name(request, name)!r})\n"


def _arguments(request: CodeRequest) -> str:
    given = [f"    {name}={name}," for name in request.files]
    given += [f"    {name}={_value(value)}," for name, value in request.fields().items()]
    if request.further:
        given.append(f"    extra_body={_value(dict(request.further))},")
    return "\n".join(given)


def _value(value: object) -> str:
    return pformat(value, sort_dicts=False, width=100).replace("\n", "\n    ")
