"""What the votes on one tile say together, given what is known of the people who gave them."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from active_learning.ballots import EXPERT, MACHINE, Ballots, answers, latest
from active_learning.belief import Belief, believe
from active_learning.crowd import Crowd
from active_learning.grouping import SAME_ANIMAL, cluster
from active_learning.placement import Placement, place, sizes
from labeling_configs.vocabulary import Consensus, ConsensusBox, Person, TileId, Vote

__all__ = ["SAME_ANIMAL", "NoVotes", "agree", "agree_all", "answers", "cluster", "latest"]


class NoVotes(ValueError):
    """Nobody has answered: no votes at all, or every one skipped or called unusable."""


def agree(
    votes: Sequence[Vote],
    crowd: Crowd | None = None,
    trust: Mapping[Person, float] | None = None,
    smallest: float = 0.0,
) -> Consensus:
    """Return the animals the votes on one tile show, whatever their order; raise NoVotes when no vote has an answer.

    `trust` is how much of a say each person has, from 0 to 1 and 1 when not named. One tile alone gets the same answer
    as among others, so a new vote settles its tile without touching the rest. `smallest`, pixels of the shorter side,
    is the size from which an animal that nobody drew counts as missed.
    """
    found = agree_all(votes, crowd, trust, smallest)
    if not found:
        raise NoVotes(f"agree() got {len(votes)} votes and none has an answer; ask one more person first")
    if len(found) > 1:
        raise ValueError(f"agree() settles one tile and got votes on {len(found)}; use agree_all()")
    return next(iter(found.values()))


def agree_all(
    votes: Iterable[Vote],
    crowd: Crowd | None = None,
    trust: Mapping[Person, float] | None = None,
    smallest: float = 0.0,
) -> dict[TileId, Consensus]:
    """Return the consensus of every tile that has an answer, by tile."""
    known = crowd or Crowd()
    ballots = Ballots.of(votes, trust)
    placed = place(ballots, known.columns(ballots)[2], known.inward)
    belief = believe(ballots, known, sizes(placed.boxes))
    return _written(ballots, belief, placed, belief.missed(known, smallest).tolist())


def _written(ballots: Ballots, belief: Belief, placed: Placement, missed: Sequence[float]) -> dict[TileId, Consensus]:
    drawers = _drawers(ballots)
    probability, voters = belief.probability.tolist(), ballots.voters_of.tolist()
    found: list[list[ConsensusBox]] = [[] for _ in ballots.tiles]
    rows = zip(ballots.place_tile.tolist(), placed.boxes.tolist(), placed.misplaced.tolist(), strict=True)
    for number, (tile, (x1, y1, x2, y2), misplaced) in enumerate(rows):
        found[tile].append(ConsensusBox((x1, y1, x2, y2), probability[number], drawers[number], misplaced))
    return {
        tile: Consensus(tile, tuple(found[row]), voters[row], _agreement(found[row], voters[row]), missed[row])
        for row, tile in enumerate(ballots.tiles)
    }


def _drawers(ballots: Ballots) -> list[tuple[Person, ...]]:
    people: list[list[Person]] = [[] for _ in ballots.place_tile]
    drew = np.flatnonzero(ballots.chance_drew)
    person = ballots.voter_person[ballots.chance_voter[drew]]
    for number, row in zip(ballots.chance_place[drew].tolist(), person.tolist(), strict=True):
        people[number].append(ballots.people[row])
    return [tuple(person for person in sorted(names) if person not in (MACHINE, EXPERT)) for names in people]


def _agreement(found: Sequence[ConsensusBox], voters: int) -> float:
    if not found or not voters:
        return 1.0
    return float(np.mean([max(len(box.drawn_by), voters - len(box.drawn_by)) / voters for box in found]))
