"""How much of a file is looked at, and how much is kept."""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one validation; all of them keep memory constant, whatever the file.

    `line_bytes`: a longer line is an error, and is skipped without being held. `depth`: how deep JSON may nest.
    `findings`: kept for the whole file, beyond the first `findings_per_rule` of each rule. `duplicate_rows`: among
    how many first rows equal ones are looked for (16 bytes each, 48 for a moment at the end). `block_bytes`: lines that
    are looked at together; more than that hold a long line, and are read one by one (0: all of them).
    """

    line_bytes: int = 8 * MIB
    depth: int = 64
    findings: int = 1000
    findings_per_rule: int = 20
    duplicate_rows: int = 2_000_000
    block_bytes: int = 2 * MIB


DEFAULT = Limits()
