"""What things are called on OpenAI's wire: ids and models' names, made from ours and read back without a table.

An id is another prefix before the same letters: `job_01jd…` is `ftjob-01jd…`, `ds_01jd…` is `file-01jd…`. A tuned
model is `ft:{base model}:{project}:{suffix}:{8}`, the last eight being the end of its job's id, by which it is found:
its name goes on meaning the same model when a project is renamed. A checkpoint has `:ckpt-step-{n}` behind it.
"""

import re
from dataclasses import dataclass

FILE, RESULT, JOB, EVENT, CHECKPOINT, UPLOAD, PART = (
    "file-", "file-res-", "ftjob-", "ftevent-", "ftckpt_", "upload_", "part_",
)  # fmt: skip
TAIL = 8  # letters of an id that stand at the end of a tuned model's name
_TAIL = re.compile(r"[0-9a-z_]{1,40}")
_TUNED = re.compile(
    r"ft:(?P<base>.+):(?P<project>[^:]*):(?P<suffix>[^:]*):(?P<tail>[0-9a-z_]{1,8})(?::ckpt-step-(?P<step>[0-9]{1,12}))?"
)
_OTHERS = re.compile(r"[^a-z0-9]+")
_SLUG = 40


@dataclass(frozen=True, slots=True)
class TunedName:
    """A tuned model's name, taken apart."""

    base_model: str
    tail: str
    step: int | None = None


def outside(identifier: str, prefix: str) -> str:
    """Return one of our ids as OpenAI's wire has it, with its own prefix; one that has it already as it is."""
    return identifier if identifier.startswith(prefix) else prefix + identifier.partition("_")[2]


def inside(given: str, prefix: str, ours: str) -> str | None:
    """Return the id of ours behind one of OpenAI's form; None for what can be none. `ours` is our prefix."""
    tail = given.removeprefix(prefix)
    return f"{ours}_{tail}" if given.startswith(prefix) and _TAIL.fullmatch(tail) else None


def slug(text: str, otherwise: str, most: int = _SLUG) -> str:
    """Return a text as a part of a model's name: small letters, digits and hyphens, `most` of them."""
    return _OTHERS.sub("-", text.lower()).strip("-")[:most].strip("-") or otherwise


def tuned_name(base_model: str, project: str, suffix: str, identifier: str, step: int | None = None) -> str:
    """Return the name of a tuned model; `project` is its project's name, `identifier` that of its job."""
    name = f"ft:{base_model}:{slug(project, 'project')}:{suffix}:{identifier[-TAIL:]}"
    return name if step is None else f"{name}:ckpt-step-{step}"


def read_tuned(name: str) -> TunedName | None:
    """Return what a tuned model's name says; None for other names."""
    found = _TUNED.fullmatch(name)
    if found is None:
        return None
    step = found["step"]
    return TunedName(found["base"], found["tail"], None if step is None else int(step))
