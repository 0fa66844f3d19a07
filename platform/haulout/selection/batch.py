"""What people were asked so far, and how a new batch is written down."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from sqlmodel import Session, select

from active_learning.selection import Chosen
from haulout.candidates import Candidate, read_candidates
from haulout.config import Settings
from haulout.services import Services
from haulout.tables import BatchRow, ChosenRow, TaskRow, TileRow
from labeling_configs.vocabulary import ModelVersion, Question


@dataclass(frozen=True)
class Asked:
    """All tiles as the serving detector sees them, and the state of each tile's task."""

    model: ModelVersion
    candidates: Sequence[Candidate]
    asked: Mapping[str, str]
    batches: int

    @classmethod
    def read(cls, session: Session, model: ModelVersion, settings: Settings) -> "Asked":
        """Read the season as it stands."""
        questions = select(TaskRow.subject, TaskRow.state).where(TaskRow.question == Question.BOXES.value)
        asked = dict(session.exec(questions.where(TaskRow.gold == 0)).all())
        batches = len(session.exec(select(BatchRow.id)).all())
        return cls(model, read_candidates(session, model, settings), asked, batches)

    def room(self, size: int) -> int:
        """Return how many more tiles the queue takes."""
        return size - list(self.asked.values()).count("open")

    def known(self, *, answered: bool = False) -> list[Candidate]:
        """Return the tiles that were asked about, or only those that wait for nobody any more."""
        return [
            one
            for one in self.candidates
            if one.tile.id in self.asked and not (answered and self.asked[one.tile.id] == "open")
        ]

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
        waiting = {one.photo.burst for one in known if self.asked[one.tile.id] == "open"}
        unasked = [one for one in self.unasked() if one.photo.burst not in waiting and one.photo.id not in aside]
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
        session.add(_task(services, batch.id, season.model, one, 1 - place / len(chosen)))
    return batch.id


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
