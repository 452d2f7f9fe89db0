"""How Alembic reaches the database: through the store's own writing engine."""

from typing import Literal

from alembic import context

from app.store import (  # noqa: F401 -- their tables are what the metadata knows
    adoption_schema,
    audit_schema,
    lifeboat_schema,
    outbox_schema,
    people_schema,
    schema,
)
from app.store.columns import UtcTime, metadata
from app.store.database import Database


def render(kind: str, thing: object, _autogen: object) -> str | Literal[False]:
    """Write a moment's column as what it is in the tables, so that a migration never needs the application."""
    return "sa.BigInteger()" if kind == "type" and isinstance(thing, UtcTime) else False


url = context.config.attributes["url"]
database = Database(url)
try:
    with database.writers.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=True,
            render_item=render,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
finally:
    database.close()
