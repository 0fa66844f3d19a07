"""What is late, missing or broken, how bad it is, since when, and which command mends it; nothing is read here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from haulout.room import Left
from haulout.watch.values import Sight

SILENCE = timedelta(minutes=3)
"""Without an answer stored while people answer; with the minute between two looks it is told within five."""
BEHIND = timedelta(minutes=5)
BUSY = timedelta(hours=2)
"""The same, and for untold tasks, while a run goes on, which reads at its beginning and tells at its end."""
UNCONFIRMED = timedelta(minutes=5)
UNDELIVERED = timedelta(minutes=10)
"""Label Studio takes less than a minute to start again, and five to be looked after."""
UNTOLD = timedelta(minutes=30)
UNHEARD = 3
"""Answers in a row without a ring of the bell: one ring may be lost, three are no chance."""
UNLOOKED = timedelta(minutes=4)
RUN_SILENCE = timedelta(minutes=2)
OVERDUE = timedelta(hours=1)
DAILY = timedelta(hours=36)
"""After this long without it, what happens daily has failed at least once."""


class Level(StrEnum):
    """How bad something is."""

    GOOD = "good"
    ATTENTION = "attention"
    """Nothing is lost yet."""
    ALARM = "alarm"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `kind` says which, and the page knows its words."""

    kind: str
    level: Level = Level.GOOD
    since: datetime | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    commands: tuple[str, ...] = ()
    """What to type, in this order; none for what is good."""


def checks(sight: Sight) -> tuple[Check, ...]:
    """Return every check, the worst first."""
    order = (Level.ALARM, Level.ATTENTION, Level.GOOD)
    return tuple(sorted((check(sight) for check in CHECKS), key=lambda check: order.index(check.level)))


def alarms(sight: Sight) -> tuple[Check, ...]:
    """Return the checks that are not good, the worst first."""
    return tuple(check for check in checks(sight) if check.level is not Level.GOOD)


def _watched(sight: Sight) -> Check:
    """Whoever should look at Label Studio and the queue every minute does; else the next checks know nothing new."""
    figures = {"looked_at": sight.looked_at}
    if sight.looked_at is not None and sight.now - sight.looked_at <= UNLOOKED:
        return Check("watched", figures=figures)
    return Check("watched", Level.ALARM, sight.looked_at, figures, ("haulout status", "haulout up"))


def _services(sight: Sight) -> Check:
    down = {name: since for name, since in sight.services.items() if since is not None}
    figures = {"services": tuple(sight.services), "down": tuple(down)}
    if not down:
        return Check("services", figures=figures)
    return Check("services", Level.ALARM, min(down.values()), figures, ("haulout status", "haulout up"))


def _silence(sight: Sight) -> Check:
    """People answer and nothing is stored (issue 8, F28)."""
    waiting = [one.unread for one in sight.readings if one.unread.since is not None]
    figures = {"unread": sum(one.number for one in waiting), "stored_at": sight.stored_at, "busy": sight.busy}
    since = min((one.since for one in waiting if one.since), default=None)
    if since is None or sight.now - since < (BUSY if sight.busy else SILENCE):
        return Check("silence", figures=figures)
    return Check("silence", Level.ALARM, since, figures, ("haulout listen", "haulout status"))


def _reading(sight: Sight) -> Check:
    """Answers are stored, but too slowly: the oldest that is not is far behind the newest; silence is told apart."""
    lag = max((one.lag for one in sight.readings), default=timedelta(0))
    unread = sum(one.unread.number for one in sight.readings)
    figures = {"lag": lag.total_seconds(), "unread": unread, "busy": sight.busy}
    if lag < (BUSY if sight.busy else BEHIND) or _silence(sight).level is not Level.GOOD:
        return Check("reading", figures=figures)
    return Check("reading", Level.ATTENTION, sight.now - lag, figures, ("haulout listen",))


def _bell(sight: Sight) -> Check:
    """Answers come although the bell does not ring: each waits for the next poll, up to a minute."""
    figures = {"rang_at": sight.rang_at, "unheard": sight.unheard}
    if sight.unheard < UNHEARD:
        return Check("bell", figures=figures)
    commands = ("haulout down", "haulout up", "haulout listen")
    return Check("bell", Level.ATTENTION, sight.unheard_since, figures, commands)


def _operations(sight: Sight) -> Check:
    open_ = sight.operations
    figures = {"unconfirmed": open_.number}
    if open_.since is None or sight.now - open_.since <= UNCONFIRMED:
        return Check("operations", figures=figures)
    return Check("operations", Level.ALARM, open_.since, figures, ("haulout listen",))


def _untold(sight: Sight) -> Check:
    untold = sight.untold
    figures = {"untold": untold.number, "busy": sight.busy}
    if untold.since is None or sight.now - untold.since <= (BUSY if sight.busy else UNTOLD):
        return Check("untold", figures=figures)
    return Check("untold", Level.ATTENTION, untold.since, figures, ("haulout listen",))


def _run(sight: Sight) -> Check:
    run = sight.run
    if run is None:
        return Check("run", figures={"number": None})
    figures = {"number": run.number, "state": run.state, "heard_at": run.heard_at, "finished_at": run.finished_at}
    if run.state == "running" and sight.now - run.heard_at > RUN_SILENCE:
        return Check("run", Level.ALARM, run.heard_at, figures, ("haulout status", "haulout run"))
    if run.state in ("failed", "interrupted"):
        return Check("run", Level.ATTENTION, run.finished_at or run.heard_at, figures, ("haulout run",))
    return Check("run", figures=figures)


def _overdue(sight: Sight) -> Check:
    due, figures = sight.due_at, {"due_at": sight.due_at}
    if due is None or sight.busy or sight.now - due <= OVERDUE:
        return Check("overdue", figures=figures)
    return Check("overdue", Level.ALARM, due, figures, ("haulout status", "haulout run"))


def _jobs(sight: Sight) -> Check:
    figures = {
        "jobs": dict(sight.jobs),
        "troubled": tuple((job.kind, job.trouble, job.attempts) for job in sight.troubled),
    }
    if not sight.troubled:
        return Check("jobs", figures=figures)
    failed = [job for job in sight.troubled if job.trouble == "failed"]
    since = min(job.since for job in failed or sight.troubled)
    level = Level.ALARM if failed else Level.ATTENTION
    return Check("jobs", level, since, figures, ("haulout status", *(f"haulout {job.kind}" for job in failed)))


def _room(sight: Sight) -> Check:
    room = sight.room
    figures = {"free": room.free, "total": room.total, "disk": str(room.disk)}
    level = {Left.ENOUGH: Level.GOOD, Left.LOW: Level.ATTENTION, Left.NONE: Level.ALARM}[room.left]
    return Check("room", level, None, figures, () if level is Level.GOOD else (f"df -h {room.disk}",))


def _backup(sight: Sight) -> Check:
    figures = {"backups": sight.backups, "backup_at": sight.backup_at}
    since = sight.backup_at or sight.begun_at
    if since is None or sight.now - since <= DAILY:
        return Check("backup", figures=figures)
    return Check("backup", Level.ALARM, since, figures, ("haulout backup",))


def _fsck(sight: Sight) -> Check:
    told = sight.fsck
    figures = {"checked_at": told.at if told else None, "findings": told.findings if told else 0}
    if told is not None and told.findings:
        return Check("fsck", Level.ALARM, told.at, figures, ("haulout fsck",))
    since = told.at if told else sight.begun_at
    if since is None or sight.now - since <= DAILY:
        return Check("fsck", figures=figures)
    return Check("fsck", Level.ATTENTION, since, figures, ("haulout fsck",))


def _holds(sight: Sight) -> Check:
    figures = {"holds": len(sight.holds), "answers": sum(hold.answers for hold in sight.holds)}
    if not sight.holds:
        return Check("holds", figures=figures)
    commands = ("haulout undelete", "haulout accept-deletion")
    return Check("holds", Level.ALARM, min(hold.since for hold in sight.holds), figures, commands)


def _quarantine(sight: Sight) -> Check:
    figures = {"all": sight.quarantined, "today": sight.quarantined_today}
    level = Level.ATTENTION if sight.quarantined_today else Level.GOOD
    return Check("quarantine", level, sight.quarantined_at if sight.quarantined_today else None, figures)


def _models(sight: Sight) -> Check:
    figures = {"serving": dict(sight.serving), "missing": sight.missing}
    if not sight.missing:
        return Check("models", figures=figures)
    kinds = [kind for kind, version in sight.serving.items() if version in sight.missing]
    return Check("models", Level.ALARM, None, figures, tuple(f"haulout rollback {kind}" for kind in kinds))


def _delivery(sight: Sight) -> Check:
    """Answers that people were thanked for wait here: they are safe, but nobody learns from them yet."""
    waiting, figures = sight.spooled, {"waiting": sight.spooled.number}
    if waiting.since is None or sight.now - waiting.since <= UNDELIVERED:
        return Check("delivery", figures=figures)
    return Check("delivery", Level.ALARM, waiting.since, figures, ("haulout status", "haulout up"))


def _withheld(sight: Sight) -> Check:
    waiting = sight.withheld
    level = Level.ATTENTION if waiting.number else Level.GOOD
    return Check("withheld", level, waiting.since, {"photos": waiting.number})


CHECKS: tuple[Callable[[Sight], Check], ...] = (
    _room,
    _watched,
    _services,
    _delivery,
    _silence,
    _reading,
    _bell,
    _operations,
    _untold,
    _run,
    _overdue,
    _jobs,
    _holds,
    _fsck,
    _backup,
    _models,
    _quarantine,
    _withheld,
)
