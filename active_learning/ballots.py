"""The votes on many tiles as flat arrays: who could have drawn which animal, and who did."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from active_learning.grouping import group_boxes
from active_learning.overlap import Indices
from labeling_configs.vocabulary import Boxes, Origin, Person, TileId, Vote, no_boxes

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

MACHINE = Person("the machine")
"""The voice of the detector whose boxes were on the tile: one more voter, with a skill of its own."""

EXPERT = Person("an expert")
"""The voice of whoever settled a tile; people are measured by it where it speaks."""


class Sight(IntEnum):
    """What a voter had before their eyes at the place of an animal."""

    BLIND = 0
    """No machine boxes anywhere on the tile."""
    SHOWN = 1
    """A machine box right there."""
    UNSHOWN = 2
    """Machine boxes on the tile, but none there."""


@dataclass(frozen=True)
class Ballots:
    """Votes on `tiles` by `people`; voters, boxes, places and chances are rows that point at each other by number.

    A *voter* is one person's vote on one tile, a *place* is where one animal may be, a *chance* is one voter at one
    place of the same tile. All rows follow the order of tiles, so that nothing depends on who answered first.
    """

    tiles: tuple[TileId, ...]
    people: tuple[Person, ...]
    voter_tile: Indices
    voter_person: Indices
    voter_weight: Numbers
    """How much of a say the voter has, from 0 to 1."""
    voter_blind: Flags
    box: Boxes
    box_voter: Indices
    box_place: Indices
    box_own: Flags
    """False for a machine's box that was kept: its outline is the machine's, not the person's."""
    place_tile: Indices
    chance_place: Indices
    chance_voter: Indices
    chance_drew: Flags
    chance_sight: Indices

    @classmethod
    def of(cls, votes: Iterable[Vote], trust: Mapping[Person, float] | None = None) -> "Ballots":
        """Lay out each person's latest answers; those skipped or called unusable say nothing about animals."""
        answered = {tile: answers(of_tile) for tile, of_tile in latest_by_tile(votes).items()}
        return _laid_out([(tile, ballot) for tile, ballot in answered.items() if ballot], trust or {})

    @cached_property
    def said(self) -> Any:
        """Who said what of each place, sparse (places, 2 * people * 3): drew or not, whose voice, with which sight.

        Entries are the voters' say. Sums over a place are products with this, and so are sums over a person.
        """
        person = self.voter_person[self.chance_voter]
        cell = (self.chance_drew * len(self.people) + person) * len(Sight) + self.chance_sight
        shape = (len(self.place_tile), 2 * len(self.people) * len(Sight))
        return sparse.coo_array((self.voter_weight[self.chance_voter], (self.chance_place, cell)), shape).tocsr()

    @cached_property
    def looked(self) -> Any:
        """Who looked at each tile, sparse (tiles, people * 3), with the sight that animals not drawn had."""
        sight = np.where(self.voter_blind, Sight.BLIND, Sight.UNSHOWN)
        cell = self.voter_person * len(Sight) + sight
        shape = (len(self.tiles), len(self.people) * len(Sight))
        return sparse.coo_array((self.voter_weight, (self.voter_tile, cell)), shape).tocsr()

    def portions(self, voters: int) -> "list[tuple[Ballots, slice]]":
        """Cut into ballots of the same people on about so many voters each, with the slice of places each one holds.

        What is summed up portion by portion stays in the processor's cache, so that time grows with the votes alone.
        """
        ends = np.searchsorted(self.voter_tile, np.arange(len(self.tiles)), side="right")
        marks = np.arange(voters, len(self.voter_tile) + voters, voters)
        cuts = np.unique(np.append(0, np.minimum(np.searchsorted(ends, marks) + 1, len(self.tiles))))
        return [self._between(int(first), int(last)) for first, last in pairwise(cuts)]

    def _between(self, first: int, last: int) -> "tuple[Ballots, slice]":
        tiles = np.array([first, last])
        voters = slice(*np.searchsorted(self.voter_tile, tiles).tolist())
        places = slice(*np.searchsorted(self.place_tile, tiles).tolist())
        chances = slice(*np.searchsorted(self.chance_place, [places.start, places.stop]).tolist())
        boxes = slice(*np.searchsorted(self.box_voter_tile, tiles).tolist())
        part = Ballots(
            tiles=self.tiles[first:last],
            people=self.people,
            voter_tile=self.voter_tile[voters] - first,
            voter_person=self.voter_person[voters],
            voter_weight=self.voter_weight[voters],
            voter_blind=self.voter_blind[voters],
            box=self.box[boxes],
            box_voter=self.box_voter[boxes] - voters.start,
            box_place=self.box_place[boxes] - places.start,
            box_own=self.box_own[boxes],
            place_tile=self.place_tile[places] - first,
            chance_place=self.chance_place[chances] - places.start,
            chance_voter=self.chance_voter[chances] - voters.start,
            chance_drew=self.chance_drew[chances],
            chance_sight=self.chance_sight[chances],
        )
        return part, places

    @property
    def box_voter_tile(self) -> Indices:
        """The tile of each box, shape (boxes,), rising."""
        return self.voter_tile[self.box_voter]

    @property
    def voters_of(self) -> Indices:
        """How many volunteers voted on each tile, neither machine nor expert counted, shape (tiles,)."""
        human = self._human[self.voter_person]
        return np.bincount(self.voter_tile, human, len(self.tiles)).astype(np.intp)

    @property
    def _human(self) -> Numbers:
        return np.array([person not in (MACHINE, EXPERT) for person in self.people], dtype=np.float64)


def answers(votes: Iterable[Vote]) -> list[Vote]:
    """Return each person's latest vote, by person, without those skipped or called unusable."""
    return [vote for vote in latest(votes) if not vote.skipped and not vote.unusable]


def latest(votes: Iterable[Vote]) -> list[Vote]:
    """Return each person's latest vote, by person: a corrected answer replaces the first one."""
    kept = {vote.person: vote for vote in sorted(votes, key=_age)}
    return [kept[person] for person in sorted(kept)]


def latest_by_tile(votes: Iterable[Vote]) -> dict[TileId, list[Vote]]:
    """Return each person's latest vote on each tile, by tile and person."""
    given: dict[TileId, list[Vote]] = {}
    for vote in votes:
        given.setdefault(vote.tile, []).append(vote)
    return {tile: latest(given[tile]) for tile in sorted(given)}


def _age(vote: Vote) -> tuple[datetime, float, bool, bool, bytes]:
    """Order votes of one moment too, or the answer would depend on who was read first."""
    return vote.given_at, vote.seconds, vote.skipped, vote.unusable, vote.boxes.tobytes()


def _laid_out(tiles: Sequence[tuple[TileId, list[Vote]]], trust: Mapping[Person, float]) -> Ballots:
    ballots = [(number, vote) for number, (_, votes) in enumerate(tiles) for vote in _with_machine(votes)]
    people = tuple(sorted({vote.person for _, vote in ballots}))
    number = {person: row for row, person in enumerate(people)}
    voter_tile = np.array([tile for tile, _ in ballots], dtype=np.intp)
    voter_blind = np.array([vote.blind for _, vote in ballots], dtype=np.bool_)
    box, box_voter, box_own = _boxes(ballots)
    seat = np.arange(len(ballots)) - np.searchsorted(voter_tile, voter_tile)
    box_place = group_boxes(box, seat[box_voter].astype(np.intp), voter_tile[box_voter])
    place_tile = np.zeros(box_place.max(initial=-1) + 1, dtype=np.intp)
    place_tile[box_place] = voter_tile[box_voter]
    place, voter = _chances(place_tile, voter_tile, len(tiles))
    voter_person = np.array([number[vote.person] for _, vote in ballots], dtype=np.intp)
    drew = np.isin(place * len(ballots) + voter, box_place * len(ballots) + box_voter)
    by_machine = np.array([person == MACHINE for person in people], dtype=np.bool_)[voter_person[voter]]
    seen = np.bincount(place, drew & by_machine, len(place_tile)).astype(np.bool_)
    sight = np.where(seen[place], Sight.SHOWN, Sight.UNSHOWN)
    return Ballots(
        tiles=tuple(tile for tile, _ in tiles),
        people=people,
        voter_tile=voter_tile,
        voter_person=voter_person,
        voter_weight=np.array([trust.get(vote.person, 1.0) for _, vote in ballots], dtype=np.float64),
        voter_blind=voter_blind,
        box=box,
        box_voter=box_voter,
        box_place=box_place,
        box_own=box_own,
        place_tile=place_tile,
        chance_place=place,
        chance_voter=voter,
        chance_drew=drew,
        chance_sight=np.where(voter_blind[voter], Sight.BLIND, sight).astype(np.intp),
    )


def _with_machine(votes: Sequence[Vote]) -> list[Vote]:
    """Add the machine's voice where it looked at the tile; of several detectors the one that drew most speaks."""
    looked = [vote for vote in votes if len(vote.machine) or not vote.blind]
    if not looked:
        return list(votes)
    drew = max(looked, key=lambda vote: (len(vote.machine), vote.person)).machine
    origins = (Origin.DRAWN,) * len(drew)
    return [*votes, Vote(MACHINE, votes[0].tile, drew, origins, votes[0].given_at, 0.0, blind=True)]


def _boxes(ballots: Sequence[tuple[int, Vote]]) -> tuple[Boxes, Indices, Flags]:
    """Sort the boxes of each tile by place, so that ties between overlaps never depend on names or time."""
    boxes = np.concatenate([no_boxes(), *(vote.boxes for _, vote in ballots)])
    voter = np.repeat(np.arange(len(ballots)), [len(vote.boxes) for _, vote in ballots]).astype(np.intp)
    tile = np.repeat([tile for tile, _ in ballots], [len(vote.boxes) for _, vote in ballots]).astype(np.intp)
    own = np.array([not _kept(vote, row) for _, vote in ballots for row in range(len(vote.boxes))], dtype=np.bool_)
    order = np.lexsort((voter, *boxes.T[::-1], tile))
    return boxes[order], voter[order], own[order]


def _kept(vote: Vote, row: int) -> bool:
    return not vote.blind and row < len(vote.origins) and vote.origins[row] is Origin.KEPT


def _chances(place_tile: Indices, voter_tile: Indices, tiles: int) -> tuple[Indices, Indices]:
    """Return each voter beside each place of the same tile."""
    voters = np.bincount(voter_tile, minlength=tiles)
    start = np.cumsum(voters) - voters
    many = voters[place_tile]
    place = np.repeat(np.arange(len(place_tile)), many)
    within = np.arange(len(place)) - np.repeat(np.cumsum(many) - many, many)
    return place.astype(np.intp), (start[place_tile][place] + within).astype(np.intp)
