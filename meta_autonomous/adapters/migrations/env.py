"""Alembic's entry: migrate over the connection that the program hands in, in its transaction."""

from alembic import context

from meta_autonomous.adapters.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by making it anew
    transactional_ddl=True,
)
context.run_migrations()
