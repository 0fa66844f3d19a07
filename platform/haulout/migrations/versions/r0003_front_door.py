"""Accounts, what they were given to answer, and their answers on the way: see ARCHITECTURE.md, "The front door"."""

from alembic import op
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

revision = "0003"
down_revision = "0002"

NEW = MetaData()
for referred_to, kind in {"task": Integer, "photo": String}.items():
    Table(referred_to, NEW, Column("id", kind, primary_key=True))

Table(
    "account",
    NEW,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("folded", String, nullable=False),
    Column("email", String, nullable=False),
    Column("password", String, nullable=False),
    Column("role", String, nullable=False),
    Column("language", String, nullable=False),
    Column("label_studio_user", Integer),
    Column("totp", String, nullable=False),
    Column("totp_step", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("wait_until", DateTime),
    Column("taught_at", DateTime),
    Column("created_at", DateTime, nullable=False),
    Column("erased_at", DateTime),
    UniqueConstraint("folded"),
    UniqueConstraint("label_studio_user"),
)
Table(
    "session",
    NEW,
    Column("id", String, primary_key=True),
    Column("account", String, ForeignKey("account.id"), nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("made_at", DateTime, nullable=False),
    Column("seen_at", DateTime, nullable=False),
    Column("ends_at", DateTime, nullable=False),
    Column("revoked_at", DateTime),
    Index("ix_session_account", "account"),
)
Table(
    "pass",
    NEW,
    Column("sha256", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("role", String, nullable=False),
    Column("account", String, ForeignKey("account.id")),
    Column("uses_left", Integer, nullable=False),
    Column("by", String, nullable=False),
    Column("made_at", DateTime, nullable=False),
    Column("ends_at", DateTime, nullable=False),
    Index("ix_pass_account", "account"),
)
Table(
    "served",
    NEW,
    Column("id", String, primary_key=True),
    Column("task", Integer, ForeignKey("task.id"), nullable=False),
    Column("account", String, ForeignKey("account.id"), nullable=False),
    Column("at", DateTime, nullable=False),
    Column("until", DateTime, nullable=False),
    Column("ended", String, nullable=False),
    Column("model", String, nullable=False),
    Column("orderly", Boolean, nullable=False),
    Index("ix_served_task", "task"),
    Index("ix_served_account", "account"),
)
Table(
    "spool",
    NEW,
    Column("unique_id", String, primary_key=True),
    Column("served", String, nullable=False),
    Column("task", Integer, ForeignKey("task.id"), nullable=False),
    Column("account", String, nullable=False),
    Column("result", JSON, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("skipped", Boolean, nullable=False),
    Column("model", String, nullable=False),
    Column("given_at", DateTime, nullable=False),
    Column("state", String, nullable=False),
    Column("label_studio_annotation", Integer),
    Column("tries", Integer, nullable=False),
    Column("next_try_at", DateTime),
    Column("problem", String, nullable=False),
    Column("delivered_at", DateTime),
    UniqueConstraint("served"),
    Index("ix_spool_task", "task"),
    Index("spool_of_account", "account", "skipped", "given_at", "task"),
    Index("ix_spool_state", "state"),
)
Table(
    "comment",
    NEW,
    Column("id", Integer, primary_key=True),
    Column("task", Integer, ForeignKey("task.id"), nullable=False),
    Column("account", String, ForeignKey("account.id"), nullable=False),
    Column("text", String, nullable=False),
    Column("at", DateTime, nullable=False),
    Column("read_at", DateTime),
    Column("read_by", String, nullable=False),
    Index("ix_comment_task", "task"),
    Index("ix_comment_account", "account"),
)
Table(
    "withheld",
    NEW,
    Column("photo", String, ForeignKey("photo.id"), primary_key=True),
    Column("why", String, nullable=False),
    Column("found_at", DateTime, nullable=False),
    Column("decision", String, nullable=False),
    Column("by", String, nullable=False),
    Column("decided_at", DateTime),
)


def upgrade() -> None:
    """Make the tables; nobody has an account yet."""
    NEW.create_all(op.get_bind())
