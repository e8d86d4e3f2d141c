"""How Alembic runs the outbox's migrations: on the connection that `Database.migrate` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table="outbox_revision")
context.run_migrations()
