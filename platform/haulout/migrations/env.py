"""Called by Alembic: migrates on the connection, and in the transaction, that `schema` gives."""

from alembic import context

# Everything in one transaction, on SQLite too, where Alembic would expect the driver to commit between statements.
context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
