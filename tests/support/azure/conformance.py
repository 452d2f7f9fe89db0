"""Requests and answers of Resource Manager, held against Azure's published resource types for their api-version.

The types are bicep's `types.json`, generated from Azure's REST specifications; they carry discriminators, required and
read-only members, closed sets of properties and patterns. They are read from TUNEDESK_AZURE_SPEC, else from
`shared/azure-spec` beside the checkout; without them nothing is checked, and the tests that ask for it are skipped.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from tests.support.azure.wire import AnyJson, Json, Seen

ROOT = Path(__file__).resolve().parents[3]
_REQUIRED, _READ_ONLY, _WRITE_ONLY = 1, 2, 4
_WORKSPACES = re.compile(r"/providers/Microsoft\.MachineLearningServices/workspaces(?P<rest>/.*)?$", re.IGNORECASE)
# Members of a resource's envelope that the path or the service gives.
_ENVELOPE = ("id", "name", "type", "apiVersion")


@dataclass(frozen=True, slots=True)
class Exemption:
    """A finding that is not held against anybody, and why; and the official body that has it."""

    kind: str
    finding: re.Pattern[str]
    reason: str
    official: str


EXEMPTIONS = (
    Exemption(
        "jobs",
        re.compile(r"/taskType: '[a-z]\w+' not in"),
        "the SDK writes a task in camel case, the types in Pascal case; Azure's enumeration is open",
        "job-finetuning-maap-request",
    ),
)


@dataclass(frozen=True, slots=True)
class Null:
    """A member that the types give a value, and that the service was seen writing as null: in which official body."""

    kind: str
    member: str  # a star stands for one name
    official: str


NULLS = (
    *(
        Null("jobs", f"/properties/{name}", "job-finetuning-maap")
        for name in ("description", "computeId", "identity", "componentId", "notificationSetting")
    ),
    *(Null("jobs", f"/properties/outputs/*/{name}", "job-finetuning-maap") for name in ("description", "uri")),
    Null("models", "/properties/description", "model-container"),
    Null("models/versions", "/properties/jobName", "model-version"),
    Null("data/versions", "/properties/description", "data-version"),
    *(Null("datastores", f"/properties/{name}", "datastore") for name in ("description", "tags", "properties")),
)


def spec_folder() -> Path | None:
    """Return the folder of the types, if it is here."""
    named = os.environ.get("TUNEDESK_AZURE_SPEC", "")
    candidates = [Path(named)] if named else [ROOT.parent / "shared" / "azure-spec", ROOT / "shared" / "azure-spec"]
    return next((one for one in candidates if one.is_dir()), None)


@lru_cache(maxsize=32)
def _types(folder: Path, version: str) -> tuple[list[Json], dict[str, Json]] | None:
    """Return all types of an api-version, and the resource types by name; None where that version is not kept."""
    path = folder / f"machinelearningservices.{version}.types.json"
    if not path.is_file():
        return None
    types: list[Json] = json.loads(path.read_text(encoding="utf-8"))
    resources = {}
    for one in types:
        if one["$type"] == "ResourceType":
            name = one["name"].split("@")[0].lower().partition("/workspaces")[2].strip("/")
            if one["name"].lower().startswith("microsoft.machinelearningservices/workspaces"):
                resources[name] = one
    return types, resources


@dataclass
class _Check:
    """One body against one type; findings are collected."""

    types: list[Json]
    answering: bool
    findings: list[str] = field(default_factory=list)

    def _of(self, reference: Json) -> Json:
        return self.types[int(reference["$ref"].rsplit("/", 1)[-1])]

    def value(self, one: Json, value: AnyJson, path: str) -> None:
        """Hold a value against a type."""
        kind = one["$type"]
        if kind == "UnionType":
            self._union(one, value, path)
        elif kind == "StringLiteralType":
            self._say(value == one["value"], f"{path}: {value!r} != {one['value']!r}")
        elif kind == "StringType":
            self._string(one, value, path)
        elif kind == "IntegerType":
            self._say(
                isinstance(value, int) and not isinstance(value, bool), f"{path}: expected integer, got {value!r}"
            )
        elif kind == "BooleanType":
            self._say(isinstance(value, bool), f"{path}: expected boolean, got {value!r}")
        elif kind == "ArrayType":
            self._array(one, value, path)
        elif kind == "ObjectType":
            self.members(one["properties"], one.get("additionalProperties"), value, path)
        elif kind == "DiscriminatedObjectType":
            self._discriminated(one, value, path)

    def members(self, known: Json, more: Json | None, value: AnyJson, path: str, given: Iterable[str] = ()) -> None:
        """Hold an object against its known members; those `given` elsewhere need not be there."""
        if not isinstance(value, dict):
            self.findings.append(f"{path}: expected object, got {value!r}")
            return
        self._flags(known, value, path, given)
        for name, item in value.items():
            if name in known:
                if item is not None:
                    self.value(self._of(known[name]["type"]), item, f"{path}/{name}")
            elif more is not None:
                self.value(self._of(more), item, f"{path}/{name}")
            elif name not in given:
                self.findings.append(f"{path}/{name}: unknown member")

    def _flags(self, known: Json, value: Json, path: str, given: Iterable[str]) -> None:
        for name, about in known.items():
            flags = about.get("flags", 0)
            needed = (
                flags & _REQUIRED
                and not (flags & _READ_ONLY and not self.answering)
                and not (flags & _WRITE_ONLY and self.answering)
            )
            if needed and value.get(name) is None and name not in given:
                self.findings.append(f"{path}: missing required {name}")
            if not self.answering and flags & _READ_ONLY and name in value and name not in given:
                self.findings.append(f"{path}/{name}: read-only member sent")
            if self.answering and flags & _WRITE_ONLY and name in value:
                self.findings.append(f"{path}/{name}: write-only member answered")

    def _say(self, fine: bool, finding: str) -> None:
        if not fine:
            self.findings.append(finding)

    def _string(self, one: Json, value: AnyJson, path: str) -> None:
        if not isinstance(value, str):
            self.findings.append(f"{path}: expected string, got {value!r}")
        elif one.get("pattern") and not re.search(one["pattern"], value):
            self.findings.append(f"{path}: {value!r} does not match {one['pattern']}")

    def _array(self, one: Json, value: AnyJson, path: str) -> None:
        if not isinstance(value, list):
            self.findings.append(f"{path}: expected array, got {value!r}")
            return
        for number, item in enumerate(value):
            self.value(self._of(one["itemType"]), item, f"{path}[{number}]")

    def _union(self, one: Json, value: AnyJson, path: str) -> None:
        elements = [self._of(element) for element in one["elements"]]
        words = [element["value"] for element in elements if element["$type"] == "StringLiteralType"]
        # An open enumeration is written as its words and a plain string: a word it does not name is still told.
        if words:
            self._say(value in words, f"{path}: {value!r} not in {words}")
            return
        tries: list[list[str]] = []
        for element in elements:
            attempt = _Check(self.types, self.answering)
            attempt.value(element, value, path)
            tries.append(attempt.findings)
        fewest: list[str] = min(tries, key=len)
        self.findings.extend(fewest)

    def _discriminated(self, one: Json, value: AnyJson, path: str) -> None:
        if not isinstance(value, dict):
            self.findings.append(f"{path}: expected object, got {value!r}")
            return
        word = value.get(one["discriminator"])
        reference = one["elements"].get(word)
        if reference is None:
            self.findings.append(f"{path}: {one['discriminator']} {word!r} not in {list(one['elements'])}")
            return
        element = self._of(reference)
        self.members(
            {**one["baseProperties"], **element["properties"]}, element.get("additionalProperties"), value, path
        )


def findings_in(kind: str, version: str, body: Json, *, answering: bool, folder: Path) -> list[str]:
    """Return what is wrong with a body of a resource type ("jobs", "models/versions"; "" is the workspace)."""
    found = _types(folder, version)
    if found is None:
        return []
    types, resources = found
    one = resources.get(kind.lower())
    if one is None:
        return [f"no resource type {kind!r} at {version}"]
    check = _Check(types, answering)
    known = types[int(one["body"]["$ref"].rsplit("/", 1)[-1])]["properties"]
    check.members(known, None, body, "", given=_ENVELOPE)
    kept = (text for text in check.findings if not text.startswith(tuple(f"/{name}" for name in ("apiVersion",))))
    return [text for text in kept if not _exempt(kind, text)]


def _exempt(kind: str, finding: str) -> bool:
    return any((not one.kind or one.kind == kind) and one.finding.search(finding) for one in EXEMPTIONS)


def nulls_in(body: AnyJson, path: str = "") -> Iterator[str]:
    """Yield the members of a body that are null; the items of a list under the list's own name."""
    if isinstance(body, list):
        for item in body:
            yield from nulls_in(item, path)
    elif isinstance(body, dict):
        for name, item in body.items():
            yield from [f"{path}/{name}"] if item is None else nulls_in(item, f"{path}/{name}")


def nulls_of(requests: Iterable[Seen]) -> set[tuple[str, str]]:
    """Return the members that answers have as null, with the type of resource; those of `NULLS` by their pattern."""
    found = set()
    for seen in requests:
        for body, kind, answering in _bodies(seen):
            for path in nulls_in(body) if answering else ():
                known = (one.member for one in NULLS if one.kind == kind and fnmatchcase(path, one.member))
                found.add((kind, next(known, path)))
    return found


def check_traffic(requests: Iterable[Seen], folder: Path) -> list[str]:
    """Return what is wrong with the accepted requests and all answers, each with its method and path."""
    findings = []
    for seen in requests:
        for body, kind, answering in _bodies(seen):
            version = seen.api_version or ""
            for text in findings_in(kind, version, body, answering=answering, folder=folder):
                side = "answer" if answering else "request"
                findings.append(f"{side} {seen.method} {seen.path} at {version}: {text}")
    return findings


def _bodies(seen: Seen) -> Iterator[tuple[Json, str, bool]]:
    """Yield each resource of one exchange, its type, and whether it is the answer's."""
    if seen.host != "management.azure.com" or seen.status >= 400 or seen.fault is not None:
        return
    found = _WORKSPACES.search(seen.path)
    if found is None:
        return
    words = [part for part in (found["rest"] or "").split("/") if part]
    listing = len(words) % 2 == 0
    kind = "/".join(words[1::2])
    if seen.method == "PUT" and isinstance(seen.body, dict):
        yield seen.body, kind, False
    if seen.method == "POST" or not isinstance(seen.answer, dict) or "providers" in words:
        return
    if listing and "value" in seen.answer:
        yield from ((one, kind, True) for one in seen.answer["value"])
    elif not listing:
        yield seen.answer, kind, True
