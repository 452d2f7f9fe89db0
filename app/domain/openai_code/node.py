"""The job for the official client for Node."""

import json

from app.domain.openai_code.request import ONCE, CodeRequest, Rows, RowsForm, file_name, one_line

_SCRIPT = """// Fine-tunes {model}: {name}.
// Needs Node 22 or newer, and the package openai{needs_key}. Save it as fine-tune.mjs, then: node fine-tune.mjs
{imports}
const client = new OpenAI({{
{client}
}});
{rows}
{files}
// {once[0]}
// {once[1]}
let job = await client.fineTuning.jobs.create(
  {{
{arguments}
  }},
  {{ maxRetries: 0 }},
);
console.log(job.id);
while (!["succeeded", "failed", "cancelled"].includes(job.status)) {{
  await wait({poll});
  job = await client.fineTuning.jobs.retrieve(job.id);
  console.log(job.status);
}}
if (job.status !== "succeeded") throw new Error(job.error?.message || job.status);
console.log(job.fine_tuned_model);
{after}"""
_SENT = """
// A row as it is read there; TuneDesk's own file numbers its lines.
function sent(line) {{
  const {{ line: _, ...row }} = JSON.parse(line);
{form}}}

async function upload(path, name) {{
  const rows = (await readFile(path, "utf8")).split("\\n").filter((line) => line.trim());
  const content = rows.map((line) => JSON.stringify(sent(line))).join("\\n");
  let file = await client.files.create({{ file: await toFile(Buffer.from(content), name), purpose: "fine-tune" }});
{waits}  return file.id;
}}
"""
_WAITS = """  file = await client.files.waitForProcessing(file.id);
  if (file.status !== "processed") throw new Error(`${name} was refused: ${file.status_details || file.status}`);
"""
_TURNS = """  const turns = (part, role) => (Array.isArray(part) ? part : [{ role, content: part }]);
  const tools = row.tools?.length ? { tools: row.tools } : {};
"""
_JOINED = """  return { messages: [...turns(row.prompt, "user"), ...turns(row.completion, "assistant")], ...tools };
"""
_PAIRED = """  return {
    input: { messages: turns(row.prompt, "user"), ...tools },
    preferred_output: turns(row.chosen, "assistant"),
    non_preferred_output: turns(row.rejected, "assistant"),
  };
"""
_FORMS = {RowsForm.NUMBERED: "  return row;\n", RowsForm.JOINED: _TURNS + _JOINED, RowsForm.PAIRED: _TURNS + _PAIRED}


def script(request: CodeRequest) -> str:
    """Return the script."""
    return _SCRIPT.format(
        model=one_line(request.model),
        name=one_line(request.name),
        needs_key="" if request.key_otherwise else f", and the key in {request.key}",
        imports=_imports(request),
        client=_client(request),
        rows=_rows(request) if request.sends else "",
        files="\n".join(_file(request, name, rows) for name, rows in request.files.items()),
        once=ONCE,
        poll=1000 * request.poll_s,
        arguments=_arguments(request),
        after="".join(f"// {one_line(line)}\n" for line in request.after.splitlines()),
    )


def _imports(request: CodeRequest) -> str:
    wait, client = 'import { setTimeout as wait } from "node:timers/promises";', "import OpenAI"
    if not request.sends:
        return f'{wait}\n{client} from "openai";\n'
    return f'import {{ readFile }} from "node:fs/promises";\n{wait}\n{client}, {{ toFile }} from "openai";\n'


def _client(request: CodeRequest) -> str:
    key = f"process.env.{request.key}"
    if request.key_otherwise:
        key = f"{key} || {_value(request.key_otherwise)}"
    lines = [f"  baseURL: {_value(request.base_url)},", f"  apiKey: {key},"]
    return "\n".join([*lines, *(f"  {name}: {_value(value)}," for name, value in request.headers.items())])


def _rows(request: CodeRequest) -> str:
    return _SENT.format(form=_FORMS[request.form], waits=_WAITS if request.waits else "")


def _file(request: CodeRequest, name: str, rows: Rows) -> str:
    if rows.path is None:
        return f"const {name} = {_value(rows.id)};"
    return f"const {name} = await upload({_value(str(rows.path))}, {_value(file_name(request, name))});"


def _arguments(request: CodeRequest) -> str:
    given = [f"    {name}," for name in request.files]
    fields = {**request.fields(), **request.further}
    return "\n".join([*given, *(f"    {name}: {_value(value)}," for name, value in fields.items())])


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
