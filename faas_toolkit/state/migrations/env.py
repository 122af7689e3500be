"""Alembic's entry: runs the steps on the connection, and in the transaction, that `upgrade` opened."""

from alembic import context  # noqa: TID253 - alembic runs this file, and only when there is something to migrate

from faas_toolkit.state.migrations.history import version_table
from faas_toolkit.state.sql import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table=version_table(connection),
    render_as_batch=True,  # SQLite cannot alter a column in place
)
context.run_migrations()
