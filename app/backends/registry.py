"""Which backends there are: the one list of them, and the only place outside a slice where a backend's name stands.

A slice is added by writing a function here that makes it from `Options` and `Surroundings`, and by listing that
function: under `backends` where it belongs to the installation and has one connection from the start (the first one
listed is the default), under `kinds` where people connect it. Nothing else has to change.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.backends.azure_foundry.kind import AzureFoundryKind
from app.backends.local.backend import LocalBackend, Machine
from app.backends.openai_wire.kinds import AzureOpenAIKind, OpenAIKind
from app.backends.rehearsal.backend import rehearsal_backend
from app.domain.backend import Backend
from app.domain.connection_kinds import ConnectionKind
from app.kit.clock import Clock
from app.kit.installation import installation_name
from app.kit.outgoing import Outgoing


class Options(Protocol):
    """Those of the application's settings that slices look at."""

    data_dir: Path
    disk_reserve_mb: int
    local_slots: int
    local_threads: int
    local_niceness: int
    rehearsal: bool
    rehearsal_dir: Path | None
    rehearsal_script: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the application hands down: the folder of run folders, that of the samples, the runtime's `interpreter`
    (which raises NoCapacity while there is none), the process's environment, the clock, and what calls an
    address that a person chose.
    """

    runs: Path
    samples: Path
    interpreter: Callable[[], Path]
    environment: Mapping[str, str]
    clock: Clock
    outgoing: Outgoing


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """What makes the backends of an installation; None for one that the settings do not want."""

    backends: Sequence[Callable[[Options, Surroundings], Backend | None]]
    kinds: Sequence[Callable[[Options, Surroundings], ConnectionKind]]

    def made(self, options: Options, around: Surroundings) -> tuple[Sequence[Backend], Sequence[ConnectionKind]]:
        """Return the backends that belong to the installation, and the kinds of connections that people can make."""
        found = [make(options, around) for make in self.backends]
        return [each for each in found if each is not None], [make(options, around) for make in self.kinds]


def _local(options: Options, around: Surroundings) -> Backend:
    return LocalBackend(
        runs=around.runs,
        starter=around.samples / "starter",
        interpreter=around.interpreter,
        environment=around.environment,
        clock=around.clock,
        machine=Machine(
            threads=options.local_threads,
            niceness=options.local_niceness,
            slots=options.local_slots,
            disk_reserve=options.disk_reserve_mb * 2**20,
        ),
    )


def _rehearsal(options: Options, around: Surroundings) -> Backend | None:
    if not options.rehearsal:
        return None
    ledger = options.rehearsal_dir or options.data_dir / "rehearsal"
    return rehearsal_backend(ledger, clock=around.clock, script=options.rehearsal_script)


def _azure_foundry(options: Options, around: Surroundings) -> ConnectionKind:
    data = options.data_dir
    return AzureFoundryKind(clock=around.clock, cache=data / "cache", installation=lambda: installation_name(data))


def _openai(options: Options, around: Surroundings) -> ConnectionKind:
    data = options.data_dir
    return OpenAIKind(
        clock=around.clock,
        cache=data / "cache",
        installation=lambda: installation_name(data),
        outgoing=around.outgoing,
    )


def _azure_openai(options: Options, around: Surroundings) -> ConnectionKind:
    data = options.data_dir
    return AzureOpenAIKind(
        clock=around.clock,
        cache=data / "cache",
        installation=lambda: installation_name(data),
        outgoing=around.outgoing,
    )


REGISTRY = Registry(backends=(_local, _rehearsal), kinds=(_azure_foundry, _azure_openai, _openai))
