"""The database against itself and against its log."""

from collections.abc import Iterator

from sqlalchemy import text

from haulout import journal
from haulout.fsck.finding import Finding
from haulout.services import Services
from haulout.shipping import BrokenLogFile, head, read_files

RESTORE = "Restore the last backup: `haulout restore`"


def database(services: Services) -> Iterator[Finding]:
    """Ask SQLite whether its file is whole; PostgreSQL checks its own pages."""
    if services.database.dialect.name != "sqlite":
        return
    with services.database.connect() as connection:
        for told in connection.execute(text("PRAGMA integrity_check")).scalars():
            if told != "ok":
                yield Finding("I0", f"SQLite says of its file: {told}", RESTORE)
        for broken in connection.execute(text("PRAGMA foreign_key_check")):
            yield Finding("I0", f"row {broken[1]} of {broken[0]} points at no row of {broken[2]}", RESTORE)


def chain(services: Services) -> Iterator[Finding]:
    """Does every entry of the log follow from those before it? (I9)"""
    with services.database.connect() as connection:
        broken = journal.first_break(journal.entries(connection))
    if broken is not None:
        yield Finding("I9", f"the log is broken at entry {broken}: somebody changed or removed an entry", RESTORE)


def replayed(services: Services) -> Iterator[Finding]:
    """Does the log lead to the rows that are there? (I4)"""
    # Both from one transaction: somebody may be writing.
    with services.database.connect().execution_options(isolation_level=_one_moment(services)) as connection:
        told = journal.replay(entry for entry, _ in journal.entries(connection))
        there = journal.live(connection)
    advice = "A row was changed past the log, by hand or by a bug. " + RESTORE
    for name in sorted(told.keys() | there.keys()):
        table, key = name
        if name not in told:
            yield Finding("I4", f"{table} {key} is not in the log", advice)
        elif name not in there:
            yield Finding("I4", f"{table} {key} is in the log and gone", advice)
        elif journal.lasting(table, told[name]) != journal.lasting(table, there[name]):
            yield Finding("I4", f"{table} {key} is not what the log says", advice)


def shipped(services: Services) -> Iterator[Finding]:
    """Are the log's files whole, and do they say what the database says? (I9)"""
    folder = services.storage.journal
    try:
        told = list(read_files(folder)) if folder.is_dir() else []
    except BrokenLogFile as broken:
        yield Finding("I9", str(broken), "")
        return
    at = journal.first_break(told)
    if at is not None:
        yield Finding("I9", f"the files in {folder} are broken at entry {at}", "Move them away: they are written anew")
    elif told and told[-1][0].seq > head(services.database)[0]:
        yield Finding("I9", f"the files in {folder} know of more than the database", "Was an older database put back?")


def _one_moment(services: Services) -> str:
    return "SERIALIZABLE" if services.database.dialect.name == "sqlite" else "REPEATABLE READ"
