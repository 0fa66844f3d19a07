"""How alike animals look, and how many walruses there are: see ARCHITECTURE.md, "Who is who"."""

from alembic import op
from sqlalchemy import JSON, Boolean, Column, DateTime, Float, ForeignKey, Integer, LargeBinary, MetaData, String, Table

revision = "0005"
down_revision = "0004"

NEW = MetaData()
Table("animal", NEW, Column("id", String, primary_key=True))
KEYPOINTS = Table(
    "keypoints",
    NEW,
    Column("animal", String, ForeignKey("animal.id"), primary_key=True),
    Column("packed", LargeBinary, nullable=False),
    Column("sharp", Boolean, nullable=False),
)
LIKENESS = Table(
    "likeness",
    NEW,
    Column("first", String, ForeignKey("animal.id"), primary_key=True),
    Column("second", String, ForeignKey("animal.id"), primary_key=True, index=True),
    Column("model", String, nullable=False),
    Column("cosine", Float, nullable=False),
    Column("local", Float),
)
CENSUS = Table(
    "census",
    NEW,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("model", String, nullable=False),
    Column("animals", Integer, nullable=False),
    Column("wrong", Float, nullable=False),
    Column("enough", Boolean, nullable=False),
    Column("judged", Integer, nullable=False),
    Column("individuals", JSON),
    Column("population", JSON),
    Column("at", DateTime, nullable=False),
)


def upgrade() -> None:
    """Make the tables; the next pass over the animals fills them."""
    NEW.create_all(op.get_bind(), tables=[KEYPOINTS, LIKENESS, CENSUS])
