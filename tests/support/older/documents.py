"""Everything REST says of an installation, and what a later answer has lost or changed of it."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from tests.support.older.client import Client

Documents = dict[str, Any]
_PARTS: Mapping[str, tuple[str, ...]] = {
    "projects": (),
    "datasets": ("rows", "findings"),
    "jobs": ("events", "metrics", "checkpoints", "samples"),
    "models": (),
    "evaluations": ("rows",),
    "deployments": ("events",),
    "drafts": (),
    "connections": (),
}
_QUERIES: Mapping[str, Mapping[str, str | int]] = {"metrics": {"points": 5000}, "rows": {"limit": 100}}


def documents(client: Client) -> Documents:
    """Return every document by its path, and every list that belongs to one."""
    found: Documents = {}
    for noun, parts in _PARTS.items():
        for each in client.items(f"/{noun}"):
            path = f"/{noun}/{each['id']}"
            found[path] = client.get(path)
            found |= {f"{path}/{part}": client.items(f"{path}/{part}", **_QUERIES.get(part, {})) for part in parts}
    return found


def differences(before: Documents, after: Documents, changing: Mapping[str, AbstractSet[str]]) -> list[str]:
    """Return what was lost or changed, a line each; what came is no difference.

    `changing` names, by path, the fields that time changes. Journals grow at their beginning, series at their end.
    """
    found: list[str] = []
    for path, value in before.items():
        if path not in after:
            found.append(f"{path} is gone")
            continue
        now, then = after[path], value
        if path.endswith("/events"):
            now = now[-len(then) :]
        elif path.endswith(("/checkpoints", "/samples")):
            now = now[: len(then)]
        elif path.endswith("/metrics"):
            now = _as_long_as(now, then)
        found += _compared(path, then, now, changing.get(path, frozenset()))
    return found


def _as_long_as(now: list[Any], then: list[Any]) -> list[Any]:
    """Return of the series of now those of then, as long as they were."""
    lengths = {each["name"]: len(each["steps"]) for each in then}
    cut = [{**each, **_cut(each, lengths[each["name"]])} for each in now if each["name"] in lengths]
    return sorted(cut, key=lambda each: [one["name"] for one in then].index(each["name"]))


def _cut(series: Mapping[str, Any], length: int) -> dict[str, Any]:
    return {name: series[name][:length] for name in ("steps", "values")}


def _compared(path: str, then: object, now: object, changing: AbstractSet[str]) -> Iterator[str]:
    if isinstance(then, dict) and isinstance(now, dict):
        for name, value in then.items():
            if name not in now:
                yield f"{path}: {name} is gone"
            elif name not in changing:
                yield from _compared(f"{path}: {name}", value, now[name], frozenset())
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for number, pair in enumerate(zip(then, now, strict=True)):
            yield from _compared(f"{path}[{number}]", *pair, frozenset())
    elif then != now:
        yield f"{path} was {then!r:.300}, and is {now!r:.300}"
