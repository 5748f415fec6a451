"""Run by Alembic: the connection comes from fairlead.store.schema, which made it and commits it."""

from alembic import context

from fairlead.store.schema import SCHEMA

context.configure(
    connection=context.config.attributes["connection"],
    version_table="schema_version",
    version_table_schema=SCHEMA,
)
context.run_migrations()
