"""Decisions on who is who: see ARCHITECTURE.md, "Who is who"."""

from alembic import op
from sqlalchemy import JSON, Column, DateTime, ForeignKey, Integer, MetaData, String, Table

revision = "0004"
down_revision = "0003"

NEW = MetaData()
Table(
    "identity",
    NEW,
    Column("id", Integer, primary_key=True),
    Column("change", String, nullable=False),
    Column("moves", JSON, nullable=False),
    Column("undoes", Integer, ForeignKey("identity.id")),
    Column("apart", JSON, nullable=False),
    Column("together", JSON, nullable=False),
    Column("pairs", JSON, nullable=False),
    Column("by", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("code", String, nullable=False),
    Column("at", DateTime, nullable=False),
)


def upgrade() -> None:
    """Make the table; what was settled before becomes its first decision when identities are settled the next time."""
    NEW.create_all(op.get_bind())
