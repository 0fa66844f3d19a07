"""What is late, missing or broken is told, since when and with what to type; what is well is not."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from haulout.collect import collect
from haulout.db import writing
from haulout.dispatch import dispatch
from haulout.errors import ServiceUnavailable
from haulout.label_studio import LabelStudioRefused
from haulout.room import Left, Room
from haulout.selection import select_batch
from haulout.tables import (
    AnswerRow,
    FsckRow,
    HoldRow,
    IngestionRow,
    JobRow,
    ModelRow,
    OperationRow,
    PersonRow,
    ProjectRow,
    QuarantineRow,
    RunRow,
    SeenRow,
    TaskRow,
)
from haulout.watch import CHECKS, Bell, Level, Sight, alarms, checks, keep_looking, look, read_sight
from haulout.watch.values import Fsck, Hold, Job, Reading, Run, Seen

NOW = datetime(2026, 11, 23, 12)
BOX = (20, 50, 120, 150)
ROOM = Room(Path("/"), 10**12, 2 * 10**12, Left.ENOUGH)
WELL = Sight(
    now=NOW,
    room=ROOM,
    begun_at=NOW - timedelta(days=90),
    looked_at=NOW - timedelta(seconds=50),
    services={"label_studio": None, "redis": None},
    readings=(Reading("boxes", NOW - timedelta(hours=9), Seen(2, NOW - timedelta(seconds=50))),),
    untold=Seen(3, NOW - timedelta(minutes=2)),
    stored=900,
    stored_at=NOW - timedelta(hours=9),
    unheard=1,
    operations=Seen(1, NOW - timedelta(minutes=4)),
    spooled=Seen(2, NOW - timedelta(minutes=9)),
    run=Run(4, "done", NOW - timedelta(days=6), NOW - timedelta(days=6), NOW - timedelta(days=6)),
    due_at=NOW + timedelta(days=1),
    jobs={"done": 7},
    backups=5,
    backup_at=NOW - timedelta(hours=20),
    fsck=Fsck(NOW - timedelta(hours=20), 0),
    quarantined=9,
    serving={"detector": "det-0003"},
)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


RUNNING = Run(5, "running", NOW - minutes(50), NOW - minutes(1), None)
UNREAD = (Reading("boxes", NOW, Seen(4, NOW - minutes(4)), timedelta(0)),)
LAGGING = (Reading("boxes", NOW, Seen(90, NOW - minutes(1)), minutes(7)),)
TROUBLE = [
    ("room", Level.ATTENTION, {"room": replace(ROOM, left=Left.LOW)}, None),
    ("room", Level.ALARM, {"room": replace(ROOM, left=Left.NONE)}, None),
    ("watched", Level.ALARM, {"looked_at": NOW - minutes(5)}, NOW - minutes(5)),
    ("watched", Level.ALARM, {"looked_at": None}, None),
    ("services", Level.ALARM, {"services": {"label_studio": NOW - minutes(3), "redis": None}}, NOW - minutes(3)),
    ("silence", Level.ALARM, {"readings": UNREAD}, NOW - minutes(4)),
    ("reading", Level.ATTENTION, {"readings": LAGGING}, NOW - minutes(7)),
    ("bell", Level.ATTENTION, {"unheard": 3, "unheard_since": NOW - minutes(60)}, NOW - minutes(60)),
    ("operations", Level.ALARM, {"operations": Seen(1, NOW - minutes(6))}, NOW - minutes(6)),
    ("untold", Level.ATTENTION, {"untold": Seen(1, NOW - minutes(31))}, NOW - minutes(31)),
    ("run", Level.ALARM, {"run": replace(RUNNING, heard_at=NOW - minutes(3))}, NOW - minutes(3)),
    ("run", Level.ATTENTION, {"run": replace(RUNNING, state="failed", finished_at=NOW - minutes(9))}, NOW - minutes(9)),
    ("overdue", Level.ALARM, {"due_at": NOW - minutes(61)}, NOW - minutes(61)),
    ("jobs", Level.ALARM, {"troubled": (Job("run", "failed", 3, NOW - minutes(8)),)}, NOW - minutes(8)),
    ("jobs", Level.ATTENTION, {"troubled": (Job("run", "again", 2, NOW - minutes(8)),)}, NOW - minutes(8)),
    ("holds", Level.ALARM, {"holds": (Hold("boxes", 60, NOW - minutes(8)),)}, NOW - minutes(8)),
    ("fsck", Level.ALARM, {"fsck": Fsck(NOW - minutes(8), 2)}, NOW - minutes(8)),
    ("fsck", Level.ATTENTION, {"fsck": Fsck(NOW - timedelta(hours=37), 0)}, NOW - timedelta(hours=37)),
    ("fsck", Level.ATTENTION, {"fsck": None}, WELL.begun_at),
    ("backup", Level.ALARM, {"backup_at": NOW - timedelta(hours=37)}, NOW - timedelta(hours=37)),
    ("backup", Level.ALARM, {"backup_at": None}, WELL.begun_at),
    ("models", Level.ALARM, {"missing": ("det-0003",)}, None),
    ("quarantine", Level.ATTENTION, {"quarantined_today": 1, "quarantined_at": NOW - minutes(1)}, NOW - minutes(1)),
    ("delivery", Level.ALARM, {"spooled": Seen(3, NOW - minutes(11))}, NOW - minutes(11)),
    ("withheld", Level.ATTENTION, {"withheld": Seen(2, NOW - minutes(5))}, NOW - minutes(5)),
]
"""What is wrong, how bad it is, what differs from a sight where all is well, and since when."""


def test_where_all_is_well_there_is_no_alarm_and_every_check_shows_its_figures():
    assert alarms(WELL) == ()
    assert [check.level for check in checks(WELL)] == [Level.GOOD] * len(CHECKS)
    assert all(check.figures and not check.commands for check in checks(WELL))


@pytest.mark.parametrize(("kind", "level", "different", "since"), TROUBLE)
def test_each_trouble_alone_raises_its_alarm_and_no_other(kind, level, different, since):
    (alarm,) = alarms(replace(WELL, **different))

    assert (alarm.kind, alarm.level, alarm.since) == (kind, level, since)
    assert alarm.commands or kind in ("quarantine", "withheld")


def test_every_check_can_raise_an_alarm():
    assert {kind for kind, *_ in TROUBLE} == {check(WELL).kind for check in CHECKS}


def test_the_worst_comes_first():
    sight = replace(WELL, quarantined_today=1, room=replace(ROOM, left=Left.LOW), missing=("det-0003",))

    assert [check.kind for check in alarms(sight)] == ["models", "room", "quarantine"]


@pytest.mark.parametrize(
    ("different", "still"),
    [
        ({"readings": UNREAD}, {"readings": (Reading("boxes", NOW, Seen(4, NOW - minutes(121))),)}),
        ({"readings": LAGGING}, {"readings": (Reading("boxes", NOW, Seen(9, NOW), minutes(121)),)}),
        ({"untold": Seen(1, NOW - minutes(31))}, {"untold": Seen(1, NOW - minutes(121))}),
        ({"due_at": NOW - minutes(300)}, {"run": replace(RUNNING, heard_at=NOW - minutes(3))}),
    ],
)
def test_while_a_run_goes_on_answers_and_tasks_may_wait_but_not_for_ever(different, still):
    assert alarms(replace(WELL, run=RUNNING, **different)) == ()
    assert len(alarms(replace(WELL, **({"run": RUNNING} | still)))) == 1


def test_before_the_first_photo_nothing_needs_a_backup_or_a_check():
    assert alarms(replace(WELL, begun_at=None, backup_at=None, fsck=None)) == ()


def test_silence_is_not_called_slow_reading_as_well():
    silent = (Reading("boxes", NOW, Seen(4, NOW - minutes(10)), minutes(9)),)

    assert [alarm.kind for alarm in alarms(replace(WELL, readings=silent))] == ["silence"]


class Watched:
    """A coordinator whose clock is moved by hand, and which is looked at."""

    def __init__(self, coordinator) -> None:
        self.coordinator, self.now = coordinator, NOW
        self.services = replace(coordinator.services, now=lambda: self.now)
        self.queue_answers = True
        photo = coordinator.photo([BOX])
        select_batch(coordinator.services)
        dispatch(coordinator.services)
        self.tile = coordinator.tile(photo)

    def pass_minutes(self, number: int) -> Sight:
        """Let the watch look once a minute, and return the last sight."""
        for _ in range(number):
            self.now += timedelta(minutes=1)
            look(self.services, lambda: self.queue_answers)
        return self.sight()

    def sight(self, bell: Bell | None = None) -> Sight:
        with writing(self.services.database) as session:
            return read_sight(session, self.services.settings, self.now, bell)

    def boxes(self) -> Reading:
        """Return how far the answers about boxes were read."""
        (found,) = [one for one in self.sight().readings if one.question == "boxes"]
        return found

    def kinds(self) -> set[str]:
        return {alarm.kind for alarm in alarms(self.sight())} - {"backup", "fsck"}


@pytest.fixture
def watched(coordinator) -> Watched:
    return Watched(coordinator)


def test_people_answer_and_nothing_is_stored_is_told_within_five_minutes(watched):
    watched.pass_minutes(3)
    watched.coordinator.draw("anna", watched.tile, BOX)
    assert watched.kinds() == set()

    watched.pass_minutes(4)  # an answer that came just after a look is seen by the next one, a minute later

    assert watched.kinds() == {"silence"}
    assert watched.boxes().unread == Seen(1, watched.now - minutes(3))


def test_answers_that_are_read_raise_no_alarm_however_long_nobody_answers(watched):
    watched.coordinator.draw("anna", watched.tile, BOX)
    watched.pass_minutes(1)
    collect(watched.services)
    watched.pass_minutes(30)

    assert watched.kinds() == set()
    assert watched.boxes().unread == Seen(0, None)


def test_what_is_stored_now_and_then_ends_each_silence(watched):
    for person in ("anna", "boris", "vera"):
        watched.coordinator.draw(person, watched.tile, BOX)
        watched.pass_minutes(2)
        collect(watched.services)

    watched.coordinator.draw("galina", watched.tile, BOX)
    watched.pass_minutes(2)

    assert watched.kinds() == set()


def test_how_far_reading_is_behind_is_told_by_label_studios_clock(watched):
    watched.coordinator.draw("anna", watched.tile, BOX)
    for _ in range(400):  # its clock goes on by a second whenever it is read
        watched.coordinator.label_studio._now()
    watched.coordinator.draw("boris", watched.tile, BOX)

    watched.pass_minutes(1)

    assert watched.boxes().unread.number == 2 and watched.boxes().lag > timedelta(seconds=400)
    assert watched.kinds() == {"reading"}


def test_a_service_that_is_down_is_told_since_it_is_and_no_longer(watched):
    class Down:
        def answers(self) -> bool:
            return False

    up = watched.services
    watched.pass_minutes(1)
    watched.services = replace(up, label_studio=Down)
    watched.queue_answers = False
    down_at = watched.now + minutes(1)
    sight = watched.pass_minutes(3)
    assert sight.services == {"label_studio": down_at, "redis": down_at} and watched.kinds() == {"services"}

    watched.services, watched.queue_answers = up, True

    assert watched.pass_minutes(1).services == {"label_studio": None, "redis": None}


@pytest.mark.parametrize("error", [ServiceUnavailable("no"), LabelStudioRefused("GET /api/tasks/", 401, "bad token")])
def test_a_label_studio_that_refuses_to_tell_is_as_good_as_down(watched, error):
    class Refuses:
        def answers(self) -> bool:
            return True

        def has_project(self, _project: int) -> bool:
            if isinstance(error, ServiceUnavailable):
                raise error
            return True  # it is there, and its answers are refused all the same

        def answers_since(self, _project: int, _since: datetime | None) -> list:
            raise error

    watched.services = replace(watched.services, label_studio=Refuses)
    watched.pass_minutes(1)

    assert watched.kinds() == {"services"}


def test_a_project_that_was_deleted_has_nothing_unread(watched):
    watched.coordinator.draw("anna", watched.tile, BOX)
    watched.coordinator.label_studio.projects.clear()
    watched.coordinator.label_studio.tasks.clear()
    watched.coordinator.store(ProjectRow(question="boxes", label_studio_project=999, asked=""))

    class Gone:
        def answers(self) -> bool:
            return True

        def has_project(self, _project: int) -> bool:
            return False

        def answers_since(self, project: int, _since: datetime | None) -> list:
            raise LabelStudioRefused(f"project {project}", 404, "not found")

    watched.services = replace(watched.services, label_studio=Gone)

    assert watched.pass_minutes(1).services["label_studio"] is None


def test_untold_tasks_are_timed_one_by_one(watched):
    watched.pass_minutes(1)
    assert watched.sight().untold.number == 0
    (task,) = watched.coordinator.rows(TaskRow)
    for number in range(8):  # always one that is untold, but never the same for long
        watched.coordinator.store(
            TaskRow(question="boxes", subject=f"s{number}", key=f"k{number}", created_at=NOW, pushed="open:1")
        )
        watched.coordinator.store(task.model_copy(update={"overlap": 10 + number, "pushed": f"open:{10 + number}"}))
        rows = watched.coordinator.rows(TaskRow, TaskRow.subject == f"s{number}")
        watched.coordinator.store(rows[0].model_copy(update={"pushed": ""}))
        watched.pass_minutes(10)
        watched.coordinator.store(rows[0].model_copy(update={"pushed": "open:1"}))
    assert watched.kinds() == set()

    watched.coordinator.store(task.model_copy(update={"state": "retired"}))
    sight = watched.pass_minutes(32)

    assert sight.untold == Seen(1, watched.now - minutes(31)) and watched.kinds() == {"untold"}


@pytest.mark.parametrize("error", [ServiceUnavailable("no database"), ValueError("no JSON"), OSError("no disk")])
def test_the_watch_looks_again_whatever_went_wrong(watched, error):
    class Ended(BaseException):
        pass

    tried = []

    def services():
        tried.append(1)
        if len(tried) == 1:
            raise error
        return watched.services

    def sleep(seconds: float) -> None:
        assert seconds == 60
        if watched.sight().looked_at:
            raise Ended

    with pytest.raises(Ended):
        keep_looking(services, lambda: True, sleep)

    assert len(tried) == 2


def test_a_watch_that_stopped_looking_is_told(watched):
    watched.pass_minutes(1)
    watched.now += minutes(5)

    assert watched.kinds() == {"watched"}


def test_answers_without_a_ring_are_counted_since_the_bell_rang_last(watched):
    watched.pass_minutes(1)
    bell = Bell(NOW)
    watched.coordinator.store(PersonRow(id="p", label_studio_user=9, joined_at=NOW))
    (task,) = watched.coordinator.rows(TaskRow)
    for number in range(1, 7):
        at = NOW + minutes(4 * number)
        row = AnswerRow(task=task.id, person="p", label_studio_annotation=number, digest=str(number), given_at=at)
        row.received_at, row.result = at + minutes(1), []
        watched.coordinator.store(row)

    assert (watched.sight(bell).unheard, watched.sight(bell).unheard_since) == (4, NOW + minutes(13))
    bell.rings(NOW + minutes(12))
    assert watched.sight(bell).unheard == 1
    assert watched.sight().unheard == 0  # nobody but the pages hears it


def test_everything_else_is_read_from_the_rows_and_the_home(watched):
    home, later = watched.services.settings.home, watched.now + timedelta(hours=5)
    store = watched.coordinator.store
    store(
        QuarantineRow(ingestion=1, path="a", sha256="0", reason="x", at=later - minutes(9)),
        QuarantineRow(ingestion=1, path="b", sha256="1", reason="x", at=NOW - timedelta(days=9)),
        RunRow(started_at=datetime(2026, 11, 18), heard_at=later, state="done", finished_at=later),
        OperationRow(project=1, keys=["k"], intended_at=later - minutes(44), heard_at=later),
        OperationRow(project=1, keys=["l"], intended_at=NOW, heard_at=NOW, state="confirmed"),
        JobRow(kind="run", cause="c", state="failed", attempts=3, heard_at=later, created_at=NOW, ended_at=later),
        HoldRow(question="boxes", tasks=1, answers=60, found_at=later),
        HoldRow(question="pair", tasks=1, answers=60, found_at=later, state="accepted"),
        FsckRow(at=NOW, clean=False, findings=[["I1", "x", "y"]], seconds=1.0),
        FsckRow(at=later, clean=False, findings=[["I1", "x", "y"], ["I2", "x", "y"]], seconds=1.0),
        ModelRow(version="det-0003", kind="detector", state="serving", sha256="1", created_at=NOW),
        ModelRow(version="reid-0001", kind="reidentifier", state="serving", sha256="1", created_at=NOW),
    )
    for file in (
        "weights/reid-0001/tensors.safetensors",
        "weights/reid-0001/card.json",
        "backups/2026-11-20T03-00-00Z/manifest.json",
    ):
        (home / file).parent.mkdir(parents=True, exist_ok=True)
        (home / file).write_text("{}")
    (home / "backups" / "2026-11-21T03-00-00Z").mkdir()  # it has no manifest: it was broken off
    watched.now = later

    sight = watched.sight()

    assert (sight.quarantined, sight.quarantined_today, sight.quarantined_at) == (2, 1, later - minutes(9))
    assert sight.run == Run(1, "done", datetime(2026, 11, 18), later, later)
    assert sight.due_at == datetime(2026, 11, 23, 3)
    assert sight.operations == Seen(1, later - minutes(44))
    assert (sight.jobs, sight.troubled) == ({"failed": 1}, (Job("run", "failed", 3, later),))
    assert (sight.holds, sight.fsck) == ((Hold("boxes", 60, later),), Fsck(later, 2))
    assert (sight.serving, sight.missing) == ({"detector": "det-0003", "reidentifier": "reid-0001"}, ("det-0003",))
    assert (sight.backups, sight.backup_at) == (1, datetime(2026, 11, 20, 3))
    assert (sight.begun_at, sight.tasks, sight.stored) == (NOW, {"boxes": 1}, 0)
    assert watched.coordinator.rows(IngestionRow) and watched.coordinator.rows(SeenRow) == []
