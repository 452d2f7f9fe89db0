"""Every sealed value in the database: what it is sealed for, and sealing it anew."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Column, Table, select, update

from app.kit.vault import Vault, VaultClosed, is_current
from app.store import outbox_schema, schema
from app.store.database import Reader, Writer

# Each column with sealed values, and the purpose that its owners name.
COLUMNS: tuple[tuple[Table, str, str], ...] = (
    (schema.connections, "sealed", "connection"),
    (schema.deployments, "sealed_key", "key"),
    (outbox_schema.webhooks, "sealed", "webhook"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed:
    """How many values were sealed anew, and which could not be opened, as `table/id`."""

    count: int
    lost: tuple[str, ...] = ()


def reseal(tx: Writer, vault: Vault, *, older_only: bool) -> Resealed:
    """Seal values anew with the key file's first key: all of them, or only those that 8b96ff6 sealed.

    What cannot be opened is left as it is: its key may come back.
    """
    count, lost = 0, []
    for table, column, row, value in listed(tx):
        if older_only and is_current(value):
            continue
        purpose = next(purpose for each, name, purpose in COLUMNS if each is table and name == column.key)
        owner = f"{row} {purpose}"
        try:
            fresh = vault.seal(owner, vault.open(owner, value))
        except VaultClosed:
            lost.append(f"{table.name}/{row}")
            continue
        tx.execute(update(table).where(table.c.id == row).values({column.key: fresh}))
        count += 1
    return Resealed(count=count, lost=tuple(lost))


def count(tx: Reader) -> int:
    """Return how many sealed values there are."""
    return sum(1 for _ in listed(tx))


def listed(tx: Reader) -> Iterator[tuple[Table, Column[str], str, str]]:
    """Give each sealed value with its table, its column and its row's id."""
    for table, name, _ in COLUMNS:
        column = table.c[name]
        for row in tx.execute(select(table.c.id, column).where(column.is_not(None))).all():
            yield table, column, row[0], row[1]
