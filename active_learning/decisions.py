"""The catalogue as what was decided, one decision after the other: nothing is overwritten, everything can be undone."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from active_learning.naming import name_individuals, number
from labeling_configs.vocabulary import AnimalId, IndividualId

Pair = tuple[AnimalId, AnimalId]
Catalogue = dict[AnimalId, IndividualId]
"""Which individual each animal is, of those that were ever named."""


class BrokenLedger(ValueError):
    """Decisions that do not follow from each other."""


class NotUndone(ValueError):
    """A decision that cannot be undone, or not any more."""


class Change(StrEnum):
    """What a decision did to the catalogue."""

    NAMED = "named"
    JOINED = "joined"
    MERGED = "merged"
    SPLIT = "split"
    UNDONE = "undone"


@dataclass(frozen=True)
class Move:
    """One animal that went from one individual to another; None before it had a name."""

    animal: AnimalId
    before: IndividualId | None
    after: IndividualId | None


@dataclass(frozen=True)
class Decision:
    """Moves that are made together; what they hold apart or together stands until the decision is undone."""

    change: Change
    moves: tuple[Move, ...]
    undoes: int | None = None
    apart: tuple[tuple[AnimalId, ...], tuple[AnimalId, ...]] = ((), ())
    """Two groups that are not one individual, whatever was answered before."""
    together: tuple[AnimalId, ...] = ()
    """Animals that are one individual, whatever was answered before."""
    number: int = 0
    """Its place in the ledger, from 1; 0 while it is not written down."""


def replay(decisions: Iterable[Decision]) -> Catalogue:
    """Return the catalogue that the decisions lead to, in the order of their numbers; BrokenLedger when none does."""
    catalogue: Catalogue = {}
    for decision in sorted(decisions, key=lambda one: one.number):
        for move in decision.moves:
            if catalogue.get(move.animal) != move.before:
                raise BrokenLedger(
                    f"decision {decision.number} takes {move.animal} from {move.before}, but it was "
                    f"{catalogue.get(move.animal)}: a decision is missing or was changed, restore the latest backup"
                )
            if move.after is None:
                del catalogue[move.animal]
            else:
                catalogue[move.animal] = move.after
    return catalogue


def in_force(decisions: Sequence[Decision]) -> list[Decision]:
    """Return the decisions that were not undone, or whose undoing was, oldest first."""
    undone: set[int] = set()
    standing = []
    for decision in sorted(decisions, key=lambda one: -one.number):
        if decision.number not in undone:
            standing.append(decision)
            if decision.undoes is not None:
                undone.add(decision.undoes)
    return standing[::-1]


def overruling(decisions: Sequence[Decision]) -> tuple[set[Pair], list[tuple[AnimalId, ...]]]:
    """Return the pairs, sorted, that decisions in force hold apart, and the groups that they hold together."""
    apart: set[Pair] = set()
    together: list[tuple[AnimalId, ...]] = []
    for decision in in_force(decisions):
        left, right = decision.apart
        apart |= {(min(pair), max(pair)) for pair in product(left, right)}
        together += [decision.together] * bool(decision.together)
    return apart, together


def follow(
    catalogue: Catalogue, components: Sequence[Sequence[AnimalId]], used: Collection[IndividualId]
) -> list[Decision]:
    """Return the decisions that make the catalogue say what the components say, each on its own individuals.

    `used` are all codes ever given, none of which is given again.
    """
    highest = max(map(number, used), default=0)
    named = name_individuals(components, catalogue, highest)
    after = {animal: one.id for one in named for animal in one.sightings}
    moves = [
        Move(animal, catalogue.get(animal), code) for animal, code in after.items() if catalogue.get(animal) != code
    ]
    return [Decision(_change(catalogue, group), tuple(group)) for group in _entangled(moves)]


def undo(decisions: Sequence[Decision], which: int) -> Decision:
    """Return the decision that takes one back; animals that moved on since stay where they are.

    What it merged is held apart from then on, what it split together; NotUndone says why one cannot be undone.
    """
    found = {decision.number: decision for decision in decisions}.get(which)
    if found is None:
        raise NotUndone(f"there is no decision {which}: see the history of the individual for its number")
    if found.change is Change.NAMED:
        raise NotUndone(f"decision {which} gave a name, and a name once given stays: split the individual instead")
    if found not in in_force(decisions):
        raise NotUndone(f"decision {which} was undone before: undo that one instead")
    now = replay(decisions)
    back = _way_back(found, now)
    if not back:
        raise NotUndone(f"later decisions moved all animals of decision {which} on: undo those first, the latest first")
    if found.change is Change.UNDONE:
        return Decision(Change.UNDONE, back, which)
    if found.change is Change.SPLIT:
        parted = {move.before for move in found.moves}
        whole = {move.animal for move in back} | {animal for animal, code in now.items() if code in parted}
        return Decision(Change.UNDONE, back, which, together=tuple(sorted(whole)))
    moved, into = {move.animal for move in back}, {move.after for move in found.moves}
    stayed = sorted(animal for animal, code in now.items() if code in into and animal not in moved)
    return Decision(Change.UNDONE, back, which, apart=(tuple(sorted(moved)), tuple(stayed)))


def undoable(decisions: Sequence[Decision]) -> set[int]:
    """Return the numbers of the decisions that `undo` would take back."""
    now = replay(decisions)
    standing = [decision for decision in in_force(decisions) if decision.change is not Change.NAMED]
    return {decision.number for decision in standing if _way_back(decision, now)}


def _way_back(decision: Decision, now: Catalogue) -> tuple[Move, ...]:
    there = (move for move in decision.moves if now.get(move.animal) == move.after)
    return tuple(Move(move.animal, move.after, move.before) for move in there)


def split(
    catalogue: Catalogue, individual: IndividualId, parting: Collection[AnimalId], used: Collection[IndividualId]
) -> Decision:
    """Return the decision that some sightings of an individual are another one, which gets a code of its own."""
    members = {animal for animal, code in catalogue.items() if code == individual}
    going = members & set(parting)
    if len(going) != len(set(parting)):
        strangers = ", ".join(sorted(set(parting) - members))
        raise NotUndone(f"{strangers} is no sighting of {individual} now: look at its page again")
    if not going or going == members:
        raise NotUndone(f"choose some of the {len(members)} sightings of {individual}, not none and not all")
    fresh = IndividualId(f"W{max(map(number, used), default=0) + 1:04d}")
    moves = tuple(Move(animal, individual, fresh) for animal in sorted(going))
    return Decision(Change.SPLIT, moves, apart=(tuple(sorted(going)), tuple(sorted(members - going))))


def _change(catalogue: Mapping[AnimalId, IndividualId], moves: Sequence[Move]) -> Change:
    gone = {move.animal for move in moves}
    emptied = (
        {move.before for move in moves if move.before}
        - {code for animal, code in catalogue.items() if animal not in gone}
        - {move.after for move in moves}
    )
    if emptied:
        return Change.MERGED
    if any(move.before for move in moves):
        return Change.SPLIT
    known = set(catalogue.values())
    return Change.JOINED if any(move.after in known for move in moves) else Change.NAMED


def _entangled(moves: Sequence[Move]) -> list[list[Move]]:
    """Group the moves that share a code, so that each group can be undone alone."""
    leader: dict[IndividualId, IndividualId] = {}

    def find(code: IndividualId) -> IndividualId:
        while leader.setdefault(code, code) != code:
            code = leader[code]
        return code

    for move in moves:
        codes = [code for code in (move.before, move.after) if code]
        for code in codes[1:]:
            first, second = sorted((find(codes[0]), find(code)))
            leader[second] = first
    groups: dict[IndividualId, list[Move]] = defaultdict(list)
    for move in moves:
        groups[find(move.after or move.before or IndividualId(""))].append(move)
    return [sorted(group, key=lambda move: move.animal) for _, group in sorted(groups.items())]
