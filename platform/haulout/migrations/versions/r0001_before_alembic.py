"""The first revision; databases that were made before there were any are taken for this one."""

from alembic import op

from haulout.migrations.before_alembic import SCHEMA

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create what is missing."""
    SCHEMA.create_all(op.get_bind())
