"""Everything that the alarms and the metrics are made from, as plain values of one moment; times are UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from haulout.room import Room


@dataclass(frozen=True)
class Seen:
    """What the last look saw of one thing."""

    number: int = 0
    since: datetime | None = None
    """Since when there is something to complain of, None while there is not."""


@dataclass(frozen=True)
class Reading:
    """How far the answers of one question were read."""

    question: str
    read_to: datetime | None
    """On Label Studio's clock."""
    unread: Seen = field(default_factory=Seen)
    """Answers that Label Studio has and we have not; since when none was stored although there were some."""
    lag: timedelta = timedelta(0)
    """From the oldest unread answer to the newest one, by Label Studio's clock alone."""


@dataclass(frozen=True)
class Run:
    """The newest weekly run."""

    number: int
    state: str
    started_at: datetime
    heard_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class Job:
    """A job of the ledger that something is wrong with."""

    kind: str
    trouble: str
    """failed, late (wanted for minutes, and nobody does it) or again (its process died, and it is tried again)."""
    attempts: int
    since: datetime


@dataclass(frozen=True)
class Fsck:
    """The newest check of the invariants."""

    at: datetime
    findings: int
    """0 when everything was as it must be."""


@dataclass(frozen=True)
class Hold:
    """A mass deletion on which nobody has decided yet."""

    question: str
    answers: int
    since: datetime


@dataclass(frozen=True)
class Sight:
    """One look at everything."""

    now: datetime
    room: Room
    begun_at: datetime | None = None
    """When the first photo was taken in; before that there is nothing to lose."""
    looked_at: datetime | None = None
    """When the watch last looked at Label Studio and the queue."""
    services: Mapping[str, datetime | None] = field(default_factory=dict)
    """Since when each does not answer, None for one that does."""
    readings: tuple[Reading, ...] = ()
    untold: Seen = field(default_factory=Seen)
    """Tasks of which Label Studio was not told yet what to make of them."""
    stored: int = 0
    """Answers of people, every revision, deletions too."""
    stored_at: datetime | None = None
    unheard: int = 0
    """Of the newest answers those that came long after the bell had rung last."""
    unheard_since: datetime | None = None
    rang_at: datetime | None = None
    tasks: Mapping[str, int] = field(default_factory=dict)
    """Open tasks by question."""
    operations: Seen = field(default_factory=Seen)
    """What was sent to Label Studio and is not known to have arrived."""
    run: Run | None = None
    due_at: datetime | None = None
    """When the next weekly run falls due, or fell."""
    jobs: Mapping[str, int] = field(default_factory=dict)
    """Jobs by state."""
    troubled: tuple[Job, ...] = ()
    """The jobs that something is wrong with."""
    backups: int = 0
    backup_at: datetime | None = None
    fsck: Fsck | None = None
    holds: tuple[Hold, ...] = ()
    quarantined: int = 0
    quarantined_today: int = 0
    quarantined_at: datetime | None = None
    serving: Mapping[str, str] = field(default_factory=dict)
    """The version of each kind that serves."""
    missing: tuple[str, ...] = ()
    """Of them those whose files are not there."""
    spooled: Seen = field(default_factory=Seen)
    """Acknowledged answers on their way to Label Studio, and when the oldest of them was given."""
    withheld: Seen = field(default_factory=Seen)
    """Photos that may show people and wait for the operator."""

    @property
    def busy(self) -> bool:
        """Whether a run goes on, during which answers and tasks wait."""
        return self.run is not None and self.run.state == "running"
