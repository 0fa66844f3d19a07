"""One tile: who drew what on it, what the votes say together, and what happens to it next.

Only the tile's own task is shown. The same tile may be asked again as gold, and nothing here may tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlmodel import Session

from active_learning.ballots import latest
from haulout.answers import excluded_people, find_task, machine_boxes, read_votes
from haulout.report import shown_detector
from haulout.tables import ConsensusRow, PhotoRow, TaskRow, TileRow
from haulout.web.drawn import Drawn, drawn
from labeling_configs.vocabulary import Origin, Question, Vote

COLOURS = 12
"""Ways in which the style sheet can draw a person; whoever comes after shares the last one."""
WEIGHTS = (("sure", 0.95), ("likely", 0.8), ("doubtful", 0.5), ("rejected", 0.0))
"""How heavily a box of the consensus is drawn, by the probability above which it is."""


class Next(StrEnum):
    """What happens to a tile next."""

    NOT_ASKED = "not_asked"
    MERGE = "merge"
    ASK_MORE = "ask_more"
    EXPERT = "expert"
    DONE = "done"
    DONE_BY_EXPERT = "done_by_expert"
    LEFT_OUT = "left_out"


@dataclass(frozen=True)
class Voter:
    """One person's newest vote on the tile; `colour` is the number of their way of being drawn."""

    colour: int
    vote: Vote
    boxes: tuple[Drawn, ...]
    excluded: bool

    def count(self, origin: str) -> int:
        """Return how many boxes came about this way: prediction, prediction-changed or manual."""
        return self.vote.origins.count(Origin(origin))


@dataclass(frozen=True)
class Believed:
    """One box of the consensus; `misplaced` is the probability that it lies badly on its animal."""

    box: Drawn
    weight: str
    drawn_by: tuple[str, ...]
    misplaced: float


@dataclass(frozen=True)
class TilePage:
    """A tile with everything drawn on it."""

    tile: TileRow
    photo: PhotoRow
    model: str | None
    machine: tuple[Drawn, ...]
    voters: tuple[Voter, ...]
    settled: ConsensusRow | None
    believed: tuple[Believed, ...]
    next: Next
    wanted_more: int
    """People still wanted while the tile is open."""

    @property
    def state(self) -> str:
        """How far the tile is."""
        return self.settled.state if self.settled else "open"

    @property
    def accepted(self) -> int:
        """How many animals the consensus holds."""
        return sum(one.weight != "rejected" for one in self.believed)

    def colours(self) -> list[tuple[int, list[Voter]]]:
        """Return the people by their colour, for the legend."""
        used = sorted({voter.colour for voter in self.voters})
        return [(colour, [voter for voter in self.voters if voter.colour == colour]) for colour in used]


def tile_page(session: Session, tile: TileRow, photo: PhotoRow) -> TilePage:
    """Read all that is known of the tile."""
    task, settled = find_task(session, Question.BOXES, tile.id), session.get(ConsensusRow, tile.id)
    votes = latest(vote for vote, _, _ in read_votes(session, Question.BOXES, tile.word(), gold=False))
    model = (task.model if task else "") or shown_detector(session)
    excluded = excluded_people(session)
    return TilePage(
        tile=tile,
        photo=photo,
        model=model,
        machine=drawn(*machine_boxes(session, tile.word(), model or "", task.created_at if task else None)),
        voters=tuple(
            Voter(min(number, COLOURS - 1), vote, drawn(vote.boxes), vote.person in excluded)
            for number, vote in enumerate(votes)
        ),
        settled=settled,
        believed=_believed(settled),
        next=_next(task, settled, len(votes)),
        wanted_more=max(task.overlap - len(votes), 0) if task else 0,
    )


def weight(probability: float) -> str:
    """Return how heavily a box of this probability is drawn."""
    return next((name for name, above in WEIGHTS if probability > above), "rejected")


def _believed(settled: ConsensusRow | None) -> tuple[Believed, ...]:
    """Return the boxes of the consensus, the most doubtful first."""
    rows: Sequence[list[object]] = settled.boxes if settled else []
    shapes = drawn(settled.accepted(-1.0), settled.probabilities()) if settled else ()
    found = [
        Believed(box, weight(box.share or 0.0), tuple(row[5]), float(row[6]) if len(row) > 6 else 0.0)  # type: ignore[arg-type]
        for box, row in zip(shapes, rows, strict=True)
    ]
    return tuple(sorted(found, key=lambda one: abs((one.box.share or 0.0) - 0.5)))


def _next(task: TaskRow | None, settled: ConsensusRow | None, votes: int) -> Next:
    if settled is None or settled.state == "open":
        if task is None:
            return Next.NOT_ASKED
        return Next.ASK_MORE if task.overlap > votes else Next.MERGE
    if settled.state == "agreed":
        return Next.DONE_BY_EXPERT if settled.by_expert else Next.DONE
    return Next.EXPERT if settled.state == "disputed" else Next.LEFT_OUT
