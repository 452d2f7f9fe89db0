"""Which build of torch a machine gets, and how pip is asked for it.

torch's ordinary Linux wheel brings 2.7 GB of CUDA libraries. The build without them is published by the PyTorch
project itself, in an index of its own; its version carries the local label `+cpu`, which satisfies the locked plain
version, so that a configured find-links folder or mirror which holds that wheel serves as well.
"""

import platform
import re
import shutil
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from app.setup.commands import pip_install
from app.setup.requirements import Locked

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CUDA_DOWNLOAD_GB = 2.7  # measured for torch 2.13.0 on x86-64: torch 0.53, CUDA libraries and triton 2.2
CUDA_DISK_GB = 5.4


class Build(Enum):
    """The builds there are."""

    CPU = "CPU"
    PLAIN = "plain"  # Metal on macOS, CUDA on Linux


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides: the operating system's name as `platform.system()` says it, and whether there is an NVIDIA GPU."""

    system: str
    nvidia: bool

    @classmethod
    def this(cls) -> "Machine":
        driver = Path("/proc/driver/nvidia").exists()
        return cls(platform.system(), driver or shutil.which("nvidia-smi") is not None)


def build_for(machine: Machine) -> Build:
    """The CPU build on Linux without an NVIDIA GPU, else the plain one.

    On arm64 Linux too: its plain wheel is a CUDA one as well (427 MB, needing the same libraries).
    """
    return Build.CPU if machine.system == "Linux" and not machine.nvidia else Build.PLAIN


def brings_cuda(machine: Machine, build: Build) -> bool:
    """Whether the build needs the locked CUDA libraries beside it."""
    return machine.system == "Linux" and build is Build.PLAIN


def install_command(python: Path, torch: Locked, build: Build, scratch: Path) -> list[str]:
    """The pip command for torch alone.

    The lock cannot hold hashes of a build that the package index does not carry, so the CPU build is asked for by
    version, over TLS from its publisher. Retries and waiting are short: where that index is out of reach, a find-
    links folder may still have it.
    """
    if build is Build.CPU:
        patience = ["--retries", "1", "--timeout", "10"]
        return pip_install(python, *patience, "--extra-index-url", CPU_INDEX, f"torch=={torch.version}+cpu")
    requirements = scratch / "torch.txt"
    # Three signs of equality: a `+cpu` wheel in a nearer folder would else be taken for the locked one.
    requirements.write_text(torch.text.replace("==", "===", 1) + "\n", encoding="utf-8")
    return pip_install(python, "--require-hashes", "--requirement", str(requirements))


def is_missing(output: str) -> bool:
    """Whether pip's output says that an index answered, but that nobody has the build (no answer at all is the
    network's fault).
    """
    versions = re.search(r"requirement torch==\S+ \(from versions: ([^)]*)\)", output)
    return versions is not None and versions[1] not in {"", "none"}


def consent_question() -> str:
    """What to ask before taking the CUDA build on a machine without an NVIDIA GPU."""
    return (
        "torch's CPU build cannot be had from here (its index is out of reach and no configured source holds it). "
        f"The CUDA build works too, but is a download of {CUDA_DOWNLOAD_GB} GB and takes about {CUDA_DISK_GB} GB of "
        "disk. Take it?"
    )
