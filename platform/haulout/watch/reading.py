"""Reads everything that is watched, in one pass that writes nothing and asks nobody but the database and the disk."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

from croniter import croniter
from sqlmodel import Session, col, func, select

from haulout import withheld
from haulout.config import Settings
from haulout.ledger import failed, late, tried_again
from haulout.room import room_of
from haulout.tables import (
    AnswerRow,
    FsckRow,
    HoldRow,
    IngestionRow,
    JobRow,
    ModelRow,
    OperationRow,
    ProjectRow,
    QuarantineRow,
    RunRow,
    SeenRow,
    SpoolRow,
    TaskRow,
)
from haulout.watch.values import Fsck, Hold, Job, Reading, Run, Seen, Sight

DAY = timedelta(days=1)
RINGS_WITHIN = timedelta(minutes=10)
"""So long before an answer the bell may have rung: clocks differ, and one ring stands for several answers."""
BACKUP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)Z(?:-\d+)?$")
"""How a backup's folder is named, see `safekeeping`."""
NEWEST = 100
"""Answers looked at for the bell."""
ANSWERS, SERVICE, UNTOLD = "answers:", "service:", "untold"
"""How the looks are named in the table `seen`."""


@dataclass
class Bell:
    """When Label Studio rang last at these pages; kept in memory, for a ring must wait for no writer."""

    started_at: datetime
    rang_at: datetime | None = None
    _lock: Lock = field(default_factory=Lock)

    def rings(self, now: datetime) -> None:
        """Note a ring."""
        with self._lock:
            self.rang_at = now


def read_sight(session: Session, settings: Settings, now: datetime, bell: Bell | None = None) -> Sight:
    """Look at everything; without a bell nothing is said of rings, as only the pages hear them."""
    seen = {row.name: row for row in session.exec(select(SeenRow))}
    run = _run(session)
    return Sight(
        now=now,
        room=room_of(settings),
        begun_at=session.exec(select(func.min(IngestionRow.started_at))).one(),
        looked_at=max((row.at for row in seen.values()), default=None),
        services={
            name.removeprefix(SERVICE): row.since for name, row in sorted(seen.items()) if name.startswith(SERVICE)
        },
        readings=_readings(session, seen),
        untold=_seen(seen.get(UNTOLD)),
        tasks=_counted(session, TaskRow.question, TaskRow.state == "open"),
        operations=_operations(session),
        run=run,
        due_at=croniter(settings.weekly, run.started_at).get_next(datetime) if run else None,
        jobs=_counted(session, JobRow.state),
        troubled=_troubled(session),
        fsck=_fsck(session),
        holds=tuple(
            Hold(row.question, row.answers, row.found_at)
            for row in session.exec(select(HoldRow).where(HoldRow.state == "open").order_by(col(HoldRow.id)))
        ),
        spooled=_spooled(session),
        withheld=_withheld(session),
        **_answers(session, bell),
        **_quarantine(session, now),
        **_models(session, settings.home / "weights"),
        **_backups(settings.home / "backups"),
    )


def _counted(session: Session, column: Any, *conditions: Any) -> dict[str, int]:
    return dict(session.exec(select(column, func.count()).where(*conditions).group_by(column).order_by(column)).all())


def _seen(row: SeenRow | None) -> Seen:
    return Seen(row.number, row.since) if row else Seen()


def _readings(session: Session, seen: dict[str, SeenRow]) -> tuple[Reading, ...]:
    rows = session.exec(select(ProjectRow).order_by(ProjectRow.question))
    looked = ((row, seen.get(ANSWERS + row.question)) for row in rows)
    return tuple(
        Reading(row.question, row.read_to, _seen(look), timedelta(seconds=look.details.get("lag", 0) if look else 0))
        for row, look in looked
    )


def _answers(session: Session, bell: Bell | None) -> dict[str, Any]:
    """Tell of what people said: answers of imported files have negative numbers and are nobody's."""
    theirs, given = col(AnswerRow.label_studio_annotation) > 0, col(AnswerRow.gone).is_(False)
    times = select(AnswerRow.received_at, AnswerRow.given_at).where(theirs, given).order_by(col(AnswerRow.id).desc())
    newest = session.exec(times.limit(NEWEST)).all()
    told: dict[str, Any] = {
        "stored": session.exec(select(func.count()).select_from(AnswerRow).where(theirs)).one(),  # read from an index
        "stored_at": newest[0][0] if newest else None,
    }
    if bell is None:
        return told
    after = (bell.rang_at or bell.started_at) + RINGS_WITHIN
    unheard = [received for received, given in newest if min(received, given) > after]
    return told | {"rang_at": bell.rang_at, "unheard": len(unheard), "unheard_since": min(unheard, default=None)}


def _operations(session: Session) -> Seen:
    open_ = select(func.count(), func.min(OperationRow.intended_at)).where(OperationRow.state == "intended")
    number, since = session.exec(open_).one()
    return Seen(number, since)


def _run(session: Session) -> Run | None:
    row = session.exec(select(RunRow).order_by(col(RunRow.id).desc()).limit(1)).first()
    return Run(row.id or 0, row.state, row.started_at, row.heard_at, row.finished_at) if row else None


def _troubled(session: Session) -> tuple[Job, ...]:
    """Return each job that something is wrong with, once."""
    found: dict[int | None, Job] = {}
    for trouble, rows in (("failed", failed(session)), ("again", tried_again(session)), ("late", late(session))):
        for row in rows:
            found.setdefault(row.id, Job(row.kind, trouble, row.attempts, row.ended_at or row.heard_at))
    return tuple(found.values())


def _fsck(session: Session) -> Fsck | None:
    row = session.exec(select(FsckRow).order_by(col(FsckRow.id).desc()).limit(1)).first()
    return Fsck(row.at, 0 if row.clean else max(len(row.findings), 1)) if row else None


def _quarantine(session: Session, now: datetime) -> dict[str, Any]:
    today = select(func.count(), func.max(QuarantineRow.at)).where(QuarantineRow.at > now - DAY)
    number, newest = session.exec(today).one()
    everything = session.exec(select(func.count()).select_from(QuarantineRow)).one()
    return {"quarantined": everything, "quarantined_today": number, "quarantined_at": newest}


def _spooled(session: Session) -> Seen:
    waiting = select(func.count(), func.min(SpoolRow.given_at)).where(SpoolRow.state == "waiting")
    return Seen(*session.exec(waiting).one())


def _withheld(session: Session) -> Seen:
    waiting = withheld.waiting(session)
    return Seen(waiting.photos, waiting.since)


def _models(session: Session, weights: Path) -> dict[str, Any]:
    """Say which networks serve, and which of them have lost a file; whether the rest is whole `fsck` says."""
    rows = session.exec(select(ModelRow.kind, ModelRow.version).where(ModelRow.state == "serving"))
    serving = dict(sorted(rows.all()))
    files = ("tensors.safetensors", "card.json")
    missing = [one for one in serving.values() if not all((weights / one / file).is_file() for file in files)]
    return {"serving": serving, "missing": tuple(missing)}


def _backups(folder: Path) -> dict[str, Any]:
    """A backup is there once its manifest is; its name says when it was made."""
    named = [found.group(1) for made in folder.glob("*/manifest.json") if (found := BACKUP.match(made.parent.name))]
    times = [datetime.strptime(name, "%Y-%m-%dT%H-%M-%S") for name in named]
    return {"backups": len(times), "backup_at": max(times, default=None)}
