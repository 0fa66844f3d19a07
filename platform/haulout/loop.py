"""The weekly pass through the loop, and the short one that follows people's answers; both may run twice."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from sqlmodel import Session, col, func, select

from haulout.collect import collect
from haulout.db import writing
from haulout.dispatch import dispatch
from haulout.errors import BrokenModel
from haulout.gold import ask_gold
from haulout.identify import identify
from haulout.lease import SEASON, Patience, lease
from haulout.propose import propose
from haulout.report import estimate_figures, tell_occupancy
from haulout.retrain import measure_choice, retrain_detector, retrain_reidentifier
from haulout.selection import select_batch
from haulout.services import Services, Tell, silently
from haulout.settle import learn_people, settle
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

STAGES: tuple[tuple[str, Stage], ...] = (
    ("collect", lambda services, _, tell: collect(services, tell, sweep=True)),
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


def run_week(services: Services, tell: Tell = silently) -> int:
    """Pass once through the loop and return the run's number; LeaseTaken while another pass goes on and on.

    A run that was killed is marked interrupted and its stages are done again: each does only what is still to do.
    BrokenModel, once everything else is done, when a network that serves cannot be loaded.
    """
    # Taking in answers holds the lease for seconds: a weekly run that gave up at once would be lost for a week.
    patience = Patience(tries=120, seconds=5, sleep=services.sleep)
    with lease(services.database, LEASE, services.now, patience) as alive:
        run = _begin(services)
        broken: BrokenModel | None = None
        try:
            for name, stage in STAGES:
                told = _noted(services, run, name, tell, alive)
                broken = _unless_broken(partial(stage, services, run, told), told) or broken
            if broken:
                raise broken
        except BaseException as error:
            _finish(services, run, "interrupted" if isinstance(error, KeyboardInterrupt) else "failed", str(error))
            raise
        _finish(services, run, "done", "")
    return run


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
    with lease(services.database, LEASE, services.now) as alive:

        def told(message: str, done: int, total: int) -> None:
            alive()
            tell(message, done, total)

        answers = collect(services, told)
        learned = learn_people(services, told)
        broken = None
        if settle(services, told, everything=learned) or answers:
            broken = _unless_broken(partial(identify, services, told), told)
        dispatch(services, told)
        if broken:
            raise broken
    return answers


def _begin(services: Services) -> int:
    with writing(services.database) as session:
        for orphan in session.exec(select(RunRow).where(RunRow.state == "running")):
            orphan.state, orphan.finished_at = "interrupted", services.now()
            session.add(orphan)
        run = RunRow(started_at=services.now(), heard_at=services.now())
        session.add(run)
        session.flush()
        if run.id is None:
            raise LookupError("the database gave the new run no number")
    return run.id


def _noted(services: Services, run: int, stage: str, tell: Tell, alive: Callable[[], None]) -> Tell:
    """Write down where the run is, for the pages, and tell whoever watches."""
    heard = None

    def told(message: str, done: int, total: int) -> None:
        nonlocal heard
        tell(message, done, total)
        now = services.now()
        if heard is None or now - heard >= REPORT_EVERY:
            heard = now
            alive()
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
