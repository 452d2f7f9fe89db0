"""How Alembic reaches the database: through the store's own writing engine."""

from alembic import context

from app.store.database import Database
from app.store.schema import metadata

url = context.config.attributes["url"]
database = Database(url)
try:
    with database.writers.connect() as connection:
        context.configure(
            connection=connection, target_metadata=metadata, render_as_batch=True, transaction_per_migration=True
        )
        with context.begin_transaction():
            context.run_migrations()
finally:
    database.close()
