"""What a runtime's interpreter runs: training, evaluating, serving and merging, for any backend.

`python -m app.training SPEC [EVENTS]`, in a process of its own. SPEC is the path of a JSON object, or `-` for standard
input; beside it, or else in the working directory, lies the run folder, which the process fills. Events are JSON lines,
appended to `events.jsonl` there, or, where EVENTS is `-`, written to standard output, which nothing else is written to.

docs/local.md has the fields of both, and what the process does with signals and files.
"""
