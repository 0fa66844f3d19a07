"""The weekly pass through the loop, and the short one that follows people's answers; both may run twice."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from sqlmodel import Session, col, func, select

from haulout import withheld
from haulout.collect import collect
from haulout.db import reading, writing
from haulout.dispatch import dispatch
from haulout.errors import BrokenModel, LeaseLost
from haulout.gold import ask_gold
from haulout.holds import HELD, is_held
from haulout.identify.step import identify
from haulout.lease import SEASON, Patience, lease
from haulout.ledger import Taken, of_run
from haulout.logs import about
from haulout.propose import propose
from haulout.report import estimate_figures, tell_occupancy
from haulout.retrain import measure_choice, retrain_detector, retrain_reidentifier
from haulout.room import require_room
from haulout.selection import select_batch
from haulout.services import Services, Tell, silently
from haulout.settle import learn_people, settle
from haulout.shipping import try_to_ship
from haulout.tables import (
    AnimalRow,
    AnswerRow,
    BatchRow,
    ConsensusRow,
    ModelRow,
    PersonRow,
    PhotoRow,
    RunRow,
    SightingRow,
    TaskRow,
)
from haulout.triage import find_things, triage_photos
from haulout_models.checkpoints import BrokenCheckpoint

LEASE = SEASON
REPORT_EVERY = timedelta(seconds=2)
"""How often a run writes down how far it is."""

Stage = Callable[[Services, int, Tell], Any]


def _collect_all(services: Services, tell: Tell) -> None:
    collect(services, tell, sweep=True)
    hold_back_people(services)


STAGES: tuple[tuple[str, Stage], ...] = (
    ("collect", lambda services, _, tell: _collect_all(services, tell)),
    ("learn about people", lambda services, _, tell: learn_people(services, tell, force=True)),
    # All of it, once a week: what is new is known by the clock, and a computer's clock may have been put back.
    ("settle", lambda services, _, tell: settle(services, tell, everything=True)),
    ("identify", lambda services, _, tell: identify(services, tell)),
    ("retrain the detector", retrain_detector),
    ("measure the choice", measure_choice),
    ("retrain re-identification", retrain_reidentifier),
    ("propose", lambda services, _, tell: propose(services, tell)),
    ("find things", find_things),
    ("triage", triage_photos),
    ("identify anew", lambda services, _, tell: identify(services, tell)),
    ("estimate", estimate_figures),
    ("tell occupancy", tell_occupancy),
    ("select", select_batch),
    ("gold", lambda services, _, tell: ask_gold(services, tell)),
    ("dispatch", lambda services, _, tell: dispatch(services, tell)),
)

HELD_BACK = frozenset(
    {"retrain the detector", "measure the choice", "retrain re-identification", "select", "gold", "dispatch"}
)
"""What waits while somebody must say what a mass deletion in Label Studio means; answers are taken in all the same."""

NEEDS_ROOM = frozenset({"retrain the detector", "measure the choice", "retrain re-identification", "propose"})
"""What writes much."""


def run_week(services: Services, tell: Tell = silently, taken: Taken | None = None) -> int:
    """Pass once through the loop and return the run's number; LeaseTaken while another pass goes on and on.

    A run that was killed is marked interrupted and its stages are done again: each does only what is still to do.
    BrokenModel, once everything else is done, when a network that serves cannot be loaded. `taken` is the job of
    which this is an attempt.
    """
    require_room(services.settings, "the weekly run")
    # Taking in answers holds the lease for seconds: a weekly run that gave up at once would be lost for a week.
    patience = Patience(tries=120, seconds=5, sleep=services.sleep)
    with lease(services.database, LEASE, patience) as held:
        services = replace(services, database=held)
        run = _begin(services, taken)
        try:
            with about(run=run):
                if broken := _stages(services, run, tell):
                    raise broken
        except LeaseLost:
            raise  # whoever took over has marked this run as interrupted
        except BaseException as error:
            _finish(services, run, "interrupted" if isinstance(error, KeyboardInterrupt) else "failed", str(error))
            raise
        _finish(services, run, "done", HELD if is_held(services.database) else "")
    return run


def _stages(services: Services, run: int, tell: Tell) -> BrokenModel | None:
    """Do all stages in order, those that must wait apart; return what is wrong with a network that cannot be loaded."""
    broken: BrokenModel | None = None
    for name, stage in STAGES:
        told = _noted(services, run, name, tell)
        if name in NEEDS_ROOM:
            require_room(services.settings, name)
        if name in HELD_BACK and is_held(services.database):
            told(HELD, 0, 0)
            continue
        broken = _unless_broken(partial(stage, services, run, told), told) or broken
        try_to_ship(services.database, services.storage.journal)
    return broken


def _unless_broken(work: Callable[[], Any], tell: Tell) -> BrokenModel | None:
    """Do it; return what is wrong with a serving network that cannot be loaded, so that the other stages go on.

    People's answers are taken in and people are asked all the same; the pass ends as failed and says what to do.
    """
    try:
        work()
    except (BrokenModel, BrokenCheckpoint) as error:
        broken = BrokenModel(
            f"A network that serves cannot be loaded: {error}. Restore it from a backup, or let another serve: "
            "`haulout rollback` (`haulout rollback reidentifier`) or `haulout promote VERSION`. Then `haulout run`."
        )
        tell(str(broken), 0, 0)
        return broken
    return None


def listen(services: Services, tell: Tell = silently) -> int:
    """Take in new answers and put what follows from them before people; return how many answers came."""
    with lease(services.database, LEASE) as held:
        services = replace(services, database=held)
        answers = collect(services, tell)
        hold_back_people(services, files=False)
        learn_people(services, tell)
        broken = None
        if settle(services, tell) or answers:
            broken = _unless_broken(partial(identify, services, tell), tell)
        if not is_held(services.database):
            dispatch(services, tell)
        try_to_ship(services.database, services.storage.journal)
        if broken:
            raise broken
    return answers


def hold_back_people(services: Services, *, files: bool = True) -> None:
    """Let nobody but the operator see photos in which somebody saw people, or a detector did in an imported file."""
    with reading(services.database) as session:
        new = withheld.suspected(session, files=files)
    if new:
        with writing(services.database) as session:
            for photo, why in new:
                withheld.withhold(session, photo, why, services.now())


def _begin(services: Services, taken: Taken | None) -> int:
    with writing(services.database) as session:
        for orphan in session.exec(select(RunRow).where(RunRow.state == "running")):
            orphan.state, orphan.finished_at = "interrupted", services.now()
            session.add(orphan)
        run = RunRow(started_at=services.now(), heard_at=services.now())
        session.add(run)
        session.flush()
        if run.id is None:
            raise LookupError("the database gave the new run no number")
        if taken is not None:
            of_run(session, taken, run.id)
    return run.id


def _noted(services: Services, run: int, stage: str, tell: Tell) -> Tell:
    """Write down where the run is, for the pages, and tell whoever watches."""
    heard = None

    def told(message: str, done: int, total: int) -> None:
        nonlocal heard
        tell(message, done, total)
        now = services.now()
        if heard is None or now - heard >= REPORT_EVERY:
            heard = now
            with writing(services.database) as session:
                row = session.get_one(RunRow, run)
                row.stage, row.message, row.done, row.total, row.heard_at = stage, message, done, total, now
                session.add(row)

    told(f"Begins: {stage}", 0, 0)
    return told


def _finish(services: Services, run: int, state: str, message: str) -> None:
    with writing(services.database) as session:
        row = session.get_one(RunRow, run)
        row.state, row.message, row.finished_at = state, message, services.now()
        row.summary = summary(session)
        session.add(row)


def summary(session: Session) -> dict[str, Any]:
    """Count what the database holds; every figure is read, none is kept."""

    def count(column: Any, *conditions: Any) -> int:
        return int(session.exec(select(func.count()).select_from(column).where(*conditions)).one())

    serving = session.exec(select(ModelRow).where(ModelRow.state == "serving"))
    return {
        "photos": count(PhotoRow),
        "batches": count(BatchRow),
        "tasks": count(TaskRow),
        "open_tasks": count(TaskRow, TaskRow.state == "open"),
        "people": count(PersonRow),
        "answers": count(AnswerRow, col(AnswerRow.gone).is_(False)),
        "tiles_agreed": count(ConsensusRow, ConsensusRow.state == "agreed"),
        "tiles_disputed": count(ConsensusRow, ConsensusRow.state == "disputed"),
        "animals": count(AnimalRow),
        "individuals": len(set(session.exec(select(SightingRow.individual)))),
        "serving": {row.kind: {"version": row.version, "exam": row.exam} for row in serving},
    }
