"""How Alembic runs the gateway's migrations: on the connection that `Database.migrate` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table="gateway_revision")
context.run_migrations()
