"""Makes the database anew when it is lost: from the log's files, or from what Label Studio still holds.

What is derived is made from what was brought back, by the steps that make it always.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, func, select
from sqlmodel import SQLModel

from haulout import journal
from haulout.collect import collect
from haulout.db import writing
from haulout.envelope import Envelopes, NotOurs
from haulout.errors import HauloutError
from haulout.identify.catalogue import settle_catalogue
from haulout.journal import LOG, Entry
from haulout.label_studio.tasks import parts
from haulout.services import Services, Tell, silently
from haulout.settle import learn_people, settle
from haulout.shipping import read_files
from haulout.tables import AliasRow, ModelRow, ProjectRow, TaskRow
from haulout_models.registry import DETECTOR, REIDENTIFIER
from labeling_configs.vocabulary import ModelVersion, Question

TOGETHER = 200
"""Tasks brought back in one transaction."""


class NotEmpty(HauloutError):
    """The database already holds a season; a rebuilt one would be mixed with it."""

    exit_code = 2


class NothingToRebuildFrom(HauloutError):
    """There is no log, or it is broken, or Label Studio knows nothing of us."""


def from_log(services: Services, folder: Path, tell: Tell = silently, *, derived: bool = True) -> int:
    """Fill the empty database from the log's files; return how many entries there were.

    NotEmpty when it is not empty, NothingToRebuildFrom when the files are missing or an entry was changed.
    """
    _refuse_unless_empty(services.database)
    tell("Reading the log", 0, 0)
    chain = list(read_files(folder)) if folder.is_dir() else []
    if not chain:
        raise NothingToRebuildFrom(f"There is no log in {folder}. `haulout rebuild --label-studio` needs none.")
    broken = journal.first_break(chain)
    if broken is not None:
        raise NothingToRebuildFrom(
            f"The log in {folder} is broken at entry {broken}: it was changed or an entry is missing. "
            "Take the files from a backup (`haulout restore`)."
        )
    tell("Filling the database", 0, 0)
    with services.database.connect().execution_options(haulout_writes=True) as connection, connection.begin():
        for some in parts(chain, 5_000):
            connection.execute(LOG.insert(), [_log_row(entry, sealed) for entry, sealed in some])
        journal.fill(connection, journal.replay(entry for entry, _ in chain))
    if derived:
        derive(services, tell)
    return len(chain)


def from_label_studio(services: Services, tell: Tell = silently, *, derived: bool = True) -> tuple[int, int]:
    """Fill the empty database from the tasks in Label Studio and people's answers; return how many of each.

    What only the log and backups know stays lost: photos nobody was asked about (ingest them again), who was excluded,
    decisions on models, rocks and who is who, places, tides and tokens. `haulout promote` says again which network
    serves.
    """
    _refuse_unless_empty(services.database)
    seen = set[tuple[str, str]]()
    tasks = sum(_bring_tasks(services, question, seen, tell) for question in Question)
    if not tasks:
        raise NothingToRebuildFrom(f"No project of ours in Label Studio at {services.settings.label_studio}.")
    _bring_models(services)
    answers = collect(services, tell, sweep=False)
    if derived:
        derive(services, tell)
    return tasks, answers


def derive(services: Services, tell: Tell = silently) -> None:
    """Make anew what follows from the rows that are kept."""
    learn_people(services, tell, force=True)
    settle(services, tell, everything=True)
    settle_catalogue(services)


def _bring_tasks(services: Services, question: Question, seen: set[tuple[str, str]], tell: Tell) -> int:
    label_studio = services.label_studio()
    number = label_studio.find_project(question)
    if number is None:
        return 0
    with writing(services.database) as session:
        session.add(ProjectRow(question=question.value, label_studio_project=number, asked=""))
    envelopes, brought = Envelopes(services.settings.secret_key), 0
    ours = [told for told in label_studio.sealed(number) if told[1]]
    for some in parts(ours, TOGETHER):
        tell(f"Bringing back tasks: {question.value}", brought, len(ours))
        rows = [
            row for task, _, sealed in some for row in _unseen(_opened(envelopes, task, sealed), task, seen, services)
        ]
        with writing(services.database) as session:
            for table in journal.kept_tables():  # rows point at rows of the tables before
                session.add_all([row for row in rows if row.__tablename__ == table.name])
                session.flush()
            journal.count_on(session.connection())
        brought += len(some)
    return brought


def _opened(envelopes: Envelopes, number: int, sealed: str) -> list[SQLModel]:
    if not sealed:
        raise NotOurs(f"Task {number} in Label Studio carries no envelope: it was sent by an older Haulout.")
    return envelopes.open(sealed)


def _unseen(
    rows: Iterable[SQLModel], number: int, seen: set[tuple[str, str]], services: Services
) -> Iterator[SQLModel]:
    """Yield the rows that no task before has brought; a second copy of a task becomes an alias of the first."""
    for row in rows:
        table, key, _ = journal.as_kept(row)
        known = (table, key) in seen
        seen.add((table, key))
        if isinstance(row, TaskRow):
            row.label_studio_task, row.pushed, row.ordered = number, "", None
            if known:
                yield AliasRow(label_studio_task=number, task=row.id or 0, found_at=services.now())
        if not known:
            yield row


def _bring_models(services: Services) -> None:
    """List the stored networks again; which of them served nobody knows."""
    registry = services.registry
    with writing(services.database) as session:
        for version in [*registry.versions(DETECTOR), *registry.versions(REIDENTIFIER)]:
            session.add(_model(services, version))


def _model(services: Services, version: ModelVersion) -> ModelRow:
    card, sha256 = services.registry.stored(version)
    return ModelRow(
        version=version,
        kind=card.kind,
        state="retired",
        sha256=sha256,
        card=card.__dict__,
        exam=services.registry.exam(version),
        created_at=services.now(),
    )


def _refuse_unless_empty(database: Engine) -> None:
    with database.connect() as connection:
        for table in [LOG, *journal.kept_tables()]:
            if connection.execute(select(func.count()).select_from(table)).scalar_one():
                raise NotEmpty(
                    f"The database {database.url.render_as_string(hide_password=True)} is not empty ({table.name}). "
                    "Rebuild into a new one: move it away, or set DATABASE_URL."
                )


def _log_row(entry: Entry, sealed: str) -> dict[str, object]:
    return {**entry.__dict__, "at": datetime.fromisoformat(entry.at), "hash": sealed}
