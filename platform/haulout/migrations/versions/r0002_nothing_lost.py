"""The log, operations, holds and checks: see ARCHITECTURE.md, "Nothing lost"."""

from typing import Any

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
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

revision = "0002"
down_revision = "0001"

NEW = MetaData()
for referred_to, kind in {"task": Integer, "run": Integer, "photo": String}.items():
    Table(referred_to, NEW, Column("id", kind, primary_key=True))

Table(
    "log",
    NEW,
    Column("seq", Integer, primary_key=True),
    Column("at", DateTime, nullable=False),
    Column("of", String, nullable=False),
    Column("act", String, nullable=False),
    Column("key", String, nullable=False),
    Column("body", String, nullable=False),
    Column("hash", String, nullable=False),
)
Table(
    "operation",
    NEW,
    Column("id", Integer, primary_key=True),
    Column("project", Integer, nullable=False),
    Column("keys", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("intended_at", DateTime, nullable=False),
    Column("heard_at", DateTime, nullable=False),
    Column("ended_at", DateTime),
    Index("ix_operation_project", "project"),
    Index("ix_operation_state", "state"),
)
Table(
    "alias",
    NEW,
    Column("label_studio_task", Integer, primary_key=True),
    Column("task", Integer, ForeignKey("task.id"), nullable=False),
    Column("hidden", Boolean, nullable=False),
    Column("found_at", DateTime, nullable=False),
    Index("ix_alias_task", "task"),
)
Table(
    "hold",
    NEW,
    Column("id", Integer, primary_key=True),
    Column("question", String, nullable=False),
    Column("state", String, nullable=False),
    Column("tasks", Integer, nullable=False),
    Column("answers", Integer, nullable=False),
    Column("found_at", DateTime, nullable=False),
    Column("by", String, nullable=False),
    Column("decided_at", DateTime),
    Index("ix_hold_question", "question"),
)
Table(
    "restored",
    NEW,
    Column("label_studio_annotation", Integer, primary_key=True),
    Column("answer", Integer, nullable=False),
    Index("ix_restored_answer", "answer"),
)
Table(
    "fsck",
    NEW,
    Column("id", Integer, primary_key=True),
    Column("at", DateTime, nullable=False),
    Column("clean", Boolean, nullable=False),
    Column("findings", JSON, nullable=False),
    Column("seconds", Float, nullable=False),
)
Table(
    "job",
    NEW,
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("cause", String, nullable=False),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("holder", String, nullable=False),
    Column("heard_at", DateTime, nullable=False),
    Column("run", Integer, ForeignKey("run.id")),
    Column("message", String, nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("ended_at", DateTime),
    UniqueConstraint("kind", "cause"),
    Index("ix_job_state", "state"),
)
Table(
    "seen",
    NEW,
    Column("name", String, primary_key=True),
    Column("at", DateTime, nullable=False),
    Column("number", Integer, nullable=False),
    Column("since", DateTime),
    Column("details", JSON, nullable=False),
)
Table(
    "shown",
    NEW,
    Column("photo", String, ForeignKey("photo.id"), primary_key=True),
    Column("model", String, primary_key=True),
    Column("packed", LargeBinary, nullable=False),
    Column("made_at", DateTime, nullable=False),
)

APPEND_ONLY = {
    "postgresql": (
        "CREATE FUNCTION log_is_append_only() RETURNS trigger AS $$ "
        "BEGIN RAISE EXCEPTION 'the log is append-only'; END $$ LANGUAGE plpgsql",
        "CREATE TRIGGER log_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON log "
        "FOR EACH STATEMENT EXECUTE FUNCTION log_is_append_only()",
    ),
    "sqlite": tuple(
        f"CREATE TRIGGER log_stays_{act.lower()} BEFORE {act} ON log "
        "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
        for act in ("UPDATE", "DELETE")
    ),
}


def upgrade() -> None:
    """Make the new tables and columns; what the log says of older rows, `journal.begin` writes."""
    NEW.create_all(op.get_bind())
    for statement in APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)
    op.add_column("project", Column("swept_at", DateTime))
    _add("project", Column("swept_to", Integer), "0")
    _add("project", Column("missing", JSON), "'[]'")
    _add("lease", Column("fence", Integer), "0")
    op.add_column("model", Column("lesson", String))
    with op.batch_alter_table("model") as batch:
        batch.create_unique_constraint("model_kind_lesson_key", ["kind", "lesson"])


def _add(table: str, column: "Column[Any]", older: str) -> None:
    """Add a column that older rows have this value in, and that newer ones must bring."""
    op.add_column(table, column)
    op.execute(f"UPDATE {table} SET {column.name} = {older}")  # noqa: S608  (all three stand above)
    with op.batch_alter_table(table) as batch:
        batch.alter_column(column.name, nullable=False)
