"""A region's usages as Azure lists them: one list holds the subscription's families and totals, and the parts of them
that workspaces and their computes use, under the same names.

What a row is, its `type` says, whose words differ within one answer (`workspace/usages` and `workspaces/usages`):
Azure/azure-rest-api-specs, machinelearningservices, stable/2024-10-01, examples/Usage/list.json.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.backends.azure_foundry.transport.json_values import Body, number, text

_PROVIDER = "microsoft.machinelearningservices"


class UsageKind(StrEnum):
    """What a row counts."""

    FAMILY = "family"  # cores of a family of machines in the whole subscription
    TOTAL = "total"  # of all families together
    WORKSPACE = "workspace"  # the part of a family that one workspace uses
    COMPUTE = "compute"  # the part that one cluster of a workspace uses
    UNKNOWN = "unknown"


# The words between the provider and `usages` in a row's type, in lower case.
_KINDS: Mapping[str, UsageKind] = {
    "vmfamily": UsageKind.FAMILY,
    "totalcores": UsageKind.TOTAL,
    "dedicatedcores": UsageKind.TOTAL,
    "lowprioritycores": UsageKind.TOTAL,
    "workspace": UsageKind.WORKSPACE,
    "workspaces": UsageKind.WORKSPACE,
    "workspace/computes": UsageKind.COMPUTE,
    "workspaces/computes": UsageKind.COMPUTE,
}
_DEDICATED = "dedicatedcores"
_CLUSTERS = "clusters"  # Azure's name of the row of the type totalCores, which counts clusters
_WITHIN = re.compile(r"/workspaces/(?P<workspace>[^/]+)(?:/computes/(?P<compute>[^/]+))?/", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One row. `used` and `limit` are counts of `unit`; None where Azure tells none (-1 is its word for no limit)."""

    kind: UsageKind
    type: str  # Azure's word for what it counts
    name: str
    label: str
    unit: str
    used: float | None
    limit: float | None
    workspace: str = ""
    compute: str = ""

    @property
    def free(self) -> float:
        """How much more may be used, as far as that is known; 0 where it is not."""
        return 0.0 if self.used is None or self.limit is None else max(0.0, self.limit - self.used)

    @property
    def caps_dedicated(self) -> bool:
        """Whether it is the total that all dedicated families share."""
        return self.type == _DEDICATED


def read(rows: Iterable[Body]) -> Sequence[Usage]:
    """Return what the rows say, each thing once; a row without a name says nothing."""
    found: dict[tuple[str, ...], Usage] = {}
    for row in rows:
        usage = _usage(row)
        if usage is not None:
            key = (usage.kind, usage.type if usage.kind is UsageKind.UNKNOWN else "", usage.name.lower())
            found.setdefault((*key, usage.workspace.lower(), usage.compute.lower()), usage)
    return tuple(found.values())


def _usage(row: Body) -> Usage | None:
    name = text(row, "name", "value")
    if not name:
        return None
    word = text(row, "type").lower().removeprefix(f"{_PROVIDER}/").removesuffix("/usages")
    within = _WITHIN.search(f"{text(row, 'id')}/")
    workspace = within["workspace"] if within else ""
    compute = (within["compute"] or "") if within else ""
    return Usage(
        kind=_KINDS.get(word) or _kind_by_id(word, workspace, compute),
        type=word,
        name=name,
        label=(text(row, "name", "localizedValue") or name)[:120],
        unit=_CLUSTERS if name.lower() == _CLUSTERS else "cores",
        used=_count(row.get("currentValue")),
        limit=_count(row.get("limit")),
        workspace=workspace,
        compute=compute,
    )


def _kind_by_id(word: str, workspace: str, compute: str) -> UsageKind:
    """Return what a row of a type that is not in the table is, as far as its id tells it."""
    if compute:
        return UsageKind.COMPUTE
    if workspace:
        return UsageKind.WORKSPACE
    return UsageKind.UNKNOWN if word else UsageKind.FAMILY


def _count(value: object) -> float | None:
    found = number(value)
    return found if found is not None and math.isfinite(found) and found >= 0 else None
