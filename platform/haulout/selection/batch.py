"""What people were asked so far, and how a new batch is written down."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

from sqlmodel import Session, col, select

from active_learning.selection import Chosen
from haulout.answers import HELD, find_task
from haulout.candidates import Candidate, read_candidates
from haulout.config import Settings
from haulout.services import Services
from haulout.tables import BatchRow, ChosenRow, ConsensusRow, TaskRow, TileRow
from labeling_configs.vocabulary import COLD, ModelVersion, Question


@dataclass(frozen=True)
class Asked:
    """All tiles as the serving detector sees them, and the state of each tile's task.

    Tiles that an imported file answers were not asked about: those that it has `settled` teach nothing more, and only
    chance still draws them; on the `begun` ones it takes so many times less of people's work than on others.
    """

    model: ModelVersion
    candidates: Sequence[Candidate]
    asked: Mapping[str, str]
    batches: int
    settled: Collection[str] = ()
    begun: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, session: Session, model: ModelVersion, settings: Settings) -> "Asked":
        """Read the season as it stands."""
        questions = select(TaskRow.subject, TaskRow.state).where(TaskRow.question == Question.BOXES.value)
        asked = dict(session.exec(questions.where(TaskRow.gold == 0, TaskRow.state != HELD)).all())
        batches = len(session.exec(select(BatchRow.id)).all())
        held = select(ConsensusRow).join(TaskRow, col(TaskRow.subject) == ConsensusRow.tile)
        answered = session.exec(held.where(TaskRow.state == HELD)).all()
        settled = {row.tile for row in answered if row.state != "open"}
        begun = {row.tile: settings.least_votes / _left(row, settings) for row in answered if row.state == "open"}
        return cls(model, read_candidates(session, model, settings), asked, batches, settled, begun)

    def room(self, size: int) -> int:
        """Return how many more tiles the queue takes."""
        return size - list(self.asked.values()).count("open")

    def known(self, *, answered: bool = False) -> list[Candidate]:
        """Return the tiles that were asked about or are settled, or only those that wait for nobody any more."""
        return [
            one
            for one in self.candidates
            if (one.tile.id in self.asked or one.tile.id in self.settled) and not (answered and self.is_open(one))
        ]

    def is_open(self, one: Candidate) -> bool:
        """Say whether the tile waits for people."""
        return self.asked.get(one.tile.id) == "open"

    def unasked(self) -> list[Candidate]:
        """Return the tiles nobody was asked about: the random share is drawn from all of them."""
        return [one for one in self.candidates if one.tile.id not in self.asked]

    def fresh(self, size: int, aside: Collection[str] = ()) -> list[Candidate]:
        """Leave out photos set aside, and bursts that were asked about before, as long as others are left.

        Bursts show the same animals again. Other tiles of a photo that was begun stay: only all of them together count
        its animals. While one tile of a burst waits for people, no other joins it.
        """
        known = self.known()
        bursts, photos = {one.photo.burst for one in known}, {one.photo.id for one in known}
        waiting = {one.photo.burst for one in known if self.is_open(one)}
        new = [one for one in self.unasked() if one.tile.id not in self.settled]
        unasked = [one for one in new if one.photo.burst not in waiting and one.photo.id not in aside]
        fresh = [one for one in unasked if one.photo.burst not in bursts or one.photo.id in photos]
        return fresh if len({one.photo.burst for one in fresh}) >= size else unasked


def store_batch(
    services: Services, session: Session, run: int | None, season: Asked, chosen: Sequence[Chosen], goal: str
) -> int:
    """Write down the batch, why each tile is in it, and the tasks; return the batch's number."""
    batch = BatchRow(
        run=run,
        created_at=services.now(),
        seed=services.settings.seed,
        model=season.model,
        code=version("haulout"),
        goal=goal,
    )
    session.add(batch)
    session.flush()
    if batch.id is None:
        raise LookupError("the database gave the new batch no number")
    by_tile = {one.tile.id: one for one in season.candidates}
    photos = {by_tile[one.tile].photo.id for one in chosen}
    for candidate in season.candidates:
        if candidate.photo.id in photos:
            session.merge(TileRow.of(candidate.tile))
    session.flush()
    for place, one in enumerate(chosen):
        session.add(_reason(batch.id, one, by_tile[one.tile]))
        task = _task(services, batch.id, season.model, one, 1 - place / len(chosen))
        task.blind = task.blind or not (by_tile[one.tile].looked or season.model == COLD)
        session.add(_taken(session, task, services.settings))
    return batch.id


def _left(row: ConsensusRow, settings: Settings) -> int:
    """Return how many people a tile still wants that an imported file has answered."""
    return max(1, settings.least_votes - row.voters)


def _taken(session: Session, task: TaskRow, settings: Settings) -> TaskRow:
    """Return the task to store: that of a tile which a file answers exists, and may want nobody any more."""
    held = find_task(session, Question.BOXES, task.subject)
    if held is None:
        return task
    known = session.get(ConsensusRow, task.subject)
    if known is not None and known.state != "open":
        held.state, held.batch, held.pushed = "retired", task.batch, ""
        return held
    task.overlap = _left(known, settings) if known else task.overlap
    for name in ("state", "batch", "priority", "overlap", "blind", "model", "created_at"):
        setattr(held, name, getattr(task, name))
    return held


def _reason(batch: int, one: Chosen, candidate: Candidate) -> ChosenRow:
    return ChosenRow(
        batch=batch,
        tile=one.tile,
        reason=one.reason.value,
        value=one.value,
        minutes=one.minutes,
        novelty=one.novelty,
        doubts={kind.value: round(doubt, 3) for kind, doubt in candidate.doubts.items()},
        probability=one.probability,
        blind=one.blind,
    )


def _task(services: Services, batch: int, model: str, one: Chosen, priority: float) -> TaskRow:
    return TaskRow(
        question=Question.BOXES.value,
        subject=one.tile,
        batch=batch,
        # Sealed, because it can be read in Label Studio: gold asks about the same tile and must not be told apart.
        key=f"{Question.BOXES.value}:{services.sealed(one.tile)}",
        priority=priority,
        overlap=services.settings.least_votes,
        blind=one.blind,
        model=model,
        created_at=services.now(),
    )
