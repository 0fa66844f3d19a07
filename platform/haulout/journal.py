"""The log: every change of a row that cannot be made again, in the same transaction, each entry sealing all before it.

Whatever is not in `KEPT` is derived: it can be made anew from what is. See ARCHITECTURE.md, "Nothing lost".
"""

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any, cast

from sqlalchemy import Connection, Date, DateTime, LargeBinary, Table, event, func, inspect, select, text
from sqlalchemy.orm import ORMExecuteState
from sqlmodel import Session, SQLModel

from haulout.tables import (
    AliasRow,
    AnimalRow,
    AnswerRow,
    BatchRow,
    CameraRow,
    ChosenRow,
    DecisionRow,
    ExclusionRow,
    ExperimentRow,
    HoldRow,
    IdentityRow,
    ImportedRow,
    ImportRow,
    IndividualRow,
    IngestionRow,
    ModelRow,
    MoveRow,
    PersonRow,
    PhotoRow,
    ProjectRow,
    RestoredRow,
    RunRow,
    ShownRow,
    SiteRow,
    SpoolRow,
    SpotDecisionRow,
    SpotRow,
    StillRow,
    TaskRow,
    TideRow,
    TileRow,
    TokenRow,
    WithheldRow,
)

KEPT: dict[type[SQLModel], frozenset[str]] = {
    IngestionRow: frozenset({"finished_at", "added", "known", "quarantined"}),
    PhotoRow: frozenset(),
    TileRow: frozenset(),
    RunRow: frozenset({"finished_at", "state", "stage", "message", "done", "total", "heard_at", "summary"}),
    BatchRow: frozenset(),
    ChosenRow: frozenset(),
    ShownRow: frozenset(),
    # What Label Studio was told is compared with what it shall know, and told again: no change of that is lost.
    TaskRow: frozenset({"priority", "pushed", "ordered", "model"}),
    AliasRow: frozenset(),
    PersonRow: frozenset(),
    ExclusionRow: frozenset(),
    AnswerRow: frozenset(),
    ProjectRow: frozenset({"asked", "serves", "read_to", "swept_to", "missing", "swept_at"}),
    RestoredRow: frozenset(),
    HoldRow: frozenset(),
    # Animals keep the names that experts were asked about, so their history matters.
    AnimalRow: frozenset({"settled_at"}),
    IndividualRow: frozenset(),
    IdentityRow: frozenset(),
    ModelRow: frozenset(),
    DecisionRow: frozenset(),
    ExperimentRow: frozenset(),
    SpotRow: frozenset({"evidence", "model", "run", "found_at"}),
    SpotDecisionRow: frozenset(),
    SiteRow: frozenset(),
    CameraRow: frozenset(),
    MoveRow: frozenset(),
    StillRow: frozenset(),
    TideRow: frozenset(),
    ImportRow: frozenset(),
    ImportedRow: frozenset(),
    TokenRow: frozenset(),
    # Acknowledged answers; Label Studio has them too once they are delivered.
    SpoolRow: frozenset({"state", "label_studio_annotation", "tries", "next_try_at", "problem", "delivered_at"}),
    WithheldRow: frozenset(),
}
"""The tables whose rows cannot be made again, with the columns of which only the first value is kept."""

TOGETHER = 10_000
"""Entries written at once."""
LOG = SQLModel.metadata.tables["log"]
START = "0" * 64
"""The hash before the first entry."""

State = dict[tuple[str, str], dict[str, Any]]
"""Rows by table and key, in the log's own form."""


class NotJournaled(TypeError):
    """A statement would change many kept rows past the log; change the rows one by one instead."""


@dataclass(frozen=True)
class Entry:
    """One line of the log."""

    seq: int
    at: str
    of: str
    act: str
    key: str
    body: str

    def sealed(self, before: str) -> str:
        """Return the entry's hash, given the hash of the entry before."""
        content = json.dumps([before, self.seq, self.at, self.of, self.act, self.key, self.body], ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()


class JournalingSession(Session):
    """A session whose changes of kept rows are in the log when they are in the database, or in neither."""


@event.listens_for(JournalingSession, "do_orm_execute")
def _refuse_bulk(state: ORMExecuteState) -> None:
    if (state.is_update or state.is_delete or state.is_insert) and state.bind_mapper is not None:
        table = state.bind_mapper.class_
        if table in KEPT:
            raise NotJournaled(f"rows of {table.__tablename__} are changed one by one, or the log would not know")


@event.listens_for(JournalingSession, "after_flush")
def _note(session: Session, _context: object) -> None:
    noted = session.info.setdefault("journal", [])
    noted += [("insert", row, _all(row)) for row in session.new if type(row) in KEPT]
    for row in session.dirty:
        if type(row) in KEPT and (changed := _changed(row)):
            noted.append(("update", row, changed))
    noted += [("delete", row, {}) for row in session.deleted if type(row) in KEPT]


@event.listens_for(JournalingSession, "before_commit")
def _write_down(session: Session) -> None:
    session.flush()
    noted = session.info.pop("journal", [])
    if noted:
        changes = [(row.__tablename__, act, _key(row), _text(body)) for act, row, body in noted]
        append(session.connection(), changes)


def append(connection: Connection, changes: Iterable[tuple[str, str, str, str]]) -> None:
    """Write changes (table, act, key, body) at the end of the log; one writer at a time, until its transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE log IN EXCLUSIVE MODE"))
    last = connection.execute(select(LOG.c.seq, LOG.c.hash).order_by(LOG.c.seq.desc()).limit(1)).first()
    seq, before = (last.seq, last.hash) if last else (0, START)
    at, rows = database_time(connection), []
    for number, change in enumerate(changes, seq + 1):
        entry = Entry(number, at.isoformat(), *change)
        before = entry.sealed(before)
        rows.append({**entry.__dict__, "at": at, "hash": before})
    if rows:
        connection.execute(LOG.insert(), rows)


def database_time(connection: Connection) -> datetime:
    """Return the time, UTC without zone, by the clock that all who share the database share."""
    if connection.dialect.name == "postgresql":
        return cast(datetime, connection.execute(text("SELECT clock_timestamp() AT TIME ZONE 'UTC'")).scalar_one())
    now: str = connection.execute(text("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')")).scalar_one()
    return datetime.fromisoformat(now)


def begin(connection: Connection) -> None:
    """Write down the rows of a database that is older than the log; does nothing once there is an entry."""
    if connection.execute(select(func.count()).select_from(LOG)).scalar_one():
        return
    rows = ((table.name, *told) for table in kept_tables() for told in _rows(connection, table))
    older = ((name, "insert", key, _text(row)) for name, key, row in rows)
    while some := list(islice(older, TOGETHER)):
        append(connection, some)


def entries(connection: Connection, after: int = 0) -> Iterator[tuple[Entry, str]]:
    """Yield the entries after this one, each with its hash, oldest first."""
    query = select(LOG).where(LOG.c.seq > after).order_by(LOG.c.seq)
    for row in connection.execution_options(yield_per=1000).execute(query):
        yield Entry(row.seq, row.at.isoformat(), row.of, row.act, row.key, row.body), row.hash


def first_break(chain: Iterable[tuple[Entry, str]], before: str = START, last: int = 0) -> int | None:
    """Return the number of the first entry that does not follow from those before it, None when all do."""
    for entry, told in chain:
        if entry.seq != last + 1 or entry.sealed(before) != told:
            return last + 1
        before, last = told, entry.seq
    return None


def replay(chain: Iterable[Entry]) -> State:
    """Return the rows that the entries lead to."""
    state: State = {}
    for entry in chain:
        name = (entry.of, entry.key)
        if entry.act == "delete":
            state.pop(name, None)
        elif entry.act == "insert":
            state[name] = json.loads(entry.body)
        else:
            state.setdefault(name, {}).update(json.loads(entry.body))
    return state


def live(connection: Connection) -> State:
    """Return the kept rows as the database holds them now."""
    return {(table.name, key): row for table in kept_tables() for key, row in _rows(connection, table)}


def digest(state: State) -> str:
    """Name what is kept: the same rows have the same SHA-256, whatever their history; passing columns do not matter."""
    content = hashlib.sha256()
    for (table, key), row in sorted(state.items()):
        content.update(_text([table, key, lasting(table, row)]).encode())
    return content.hexdigest()


def lasting(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns whose changes are kept."""
    passing = _PASSING[table]
    return {name: value for name, value in row.items() if name not in passing}


def fill(connection: Connection, state: State) -> None:
    """Insert the rows into tables that hold none of them, in an order that foreign keys allow."""
    by_table: dict[str, list[dict[str, Any]]] = {}
    for (name, _), row in state.items():
        by_table.setdefault(name, []).append(row)
    for table in kept_tables():
        rows = [_decoded(table, row) for row in by_table.get(table.name, [])]
        if rows:
            connection.execute(table.insert(), rows)
    count_on(connection)


def count_on(connection: Connection) -> None:
    """Number new rows behind those that came with numbers: PostgreSQL counts beside the table and must be told."""
    if connection.dialect.name != "postgresql":
        return
    for table in kept_tables():
        counted = table.autoincrement_column
        if counted is None:
            continue
        sequence = func.pg_get_serial_sequence(f'"{table.name}"', counted.name)
        last = connection.execute(select(func.max(counted))).scalar()
        if last is not None and connection.execute(select(sequence)).scalar() is not None:
            connection.execute(select(func.setval(sequence, last)))


def as_kept(row: SQLModel) -> tuple[str, str, dict[str, Any]]:
    """Return a row's table, key and columns in the log's form."""
    return str(row.__tablename__), _key(row), _all(row)


def as_row(table: str, columns: Mapping[str, Any]) -> SQLModel:
    """Return the row that `as_kept` described."""
    return _CLASSES[table](**_decoded(SQLModel.metadata.tables[table], columns))


def _all(row: SQLModel) -> dict[str, Any]:
    return {column.name: _plain(getattr(row, column.name)) for column in _table(type(row)).columns}


def _changed(row: SQLModel) -> dict[str, Any]:
    attributes = inspect(row).attrs
    names = [column.name for column in _table(type(row)).columns if column.name not in KEPT[type(row)]]
    return {name: _plain(getattr(row, name)) for name in names if attributes[name].history.has_changes()}


def _key(row: SQLModel) -> str:
    return _text([_plain(getattr(row, column.name)) for column in _table(type(row)).primary_key])


def _rows(connection: Connection, table: Table) -> Iterator[tuple[str, dict[str, Any]]]:
    names = [column.name for column in table.primary_key]
    for found in connection.execute(select(table)).mappings():
        row = {name: _plain(value) for name, value in found.items()}
        yield _text([row[name] for name in names]), row


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return value


def _decoded(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(table, name, value) for name, value in row.items()}


def _value(table: Table, name: str, value: Any) -> Any:
    kind = table.columns[name].type
    if value is None:
        return None
    if isinstance(kind, DateTime):
        return datetime.fromisoformat(value)
    if isinstance(kind, Date):
        return date.fromisoformat(value)
    return b64decode(value) if isinstance(kind, LargeBinary) else value


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _table(row: type[SQLModel]) -> Table:
    return cast(Table, row.__table__)  # type: ignore[attr-defined]


def kept_tables() -> list[Table]:
    """Return the tables of which every change is kept, in an order that foreign keys allow."""
    return [table for table in SQLModel.metadata.sorted_tables if table.name in _CLASSES]


_CLASSES = {str(row.__tablename__): row for row in KEPT}
_PASSING = {str(row.__tablename__): columns for row, columns in KEPT.items()}
