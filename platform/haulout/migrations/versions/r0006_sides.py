"""From which side experts saw each animal."""

from alembic import op
from sqlalchemy import Column, ForeignKey, MetaData, String, Table

revision = "0006"
down_revision = "0005"

NEW = MetaData()
Table("animal", NEW, Column("id", String, primary_key=True))
SIDE = Table(
    "side",
    NEW,
    Column("animal", String, ForeignKey("animal.id"), primary_key=True),
    Column("person", String, primary_key=True),
    Column("side", String, nullable=False),
)


def upgrade() -> None:
    """Make the table; it is filled from the answers when identities are settled the next time."""
    NEW.create_all(op.get_bind(), tables=[SIDE])
