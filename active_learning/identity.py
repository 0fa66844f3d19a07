"""Who is who: the union of what experts agreed on, with every contradiction named instead of merged."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from labeling_configs.vocabulary import Animal, AnimalId, Person, PhotoId, Same, Verdict

Pair = tuple[AnimalId, AnimalId]


class Contradiction(StrEnum):
    """Why animals were not merged although somebody called them the same."""

    EXPERTS_DISAGREE = "experts_disagree"
    ONE_PHOTO = "one_photo"
    CALLED_DIFFERENT = "called_different"


@dataclass(frozen=True)
class Dispute:
    """A chain of animals called the same one after the other whose ends cannot be; `refused` is the link not merged."""

    chain: tuple[AnimalId, ...]
    refused: Pair
    why: Contradiction


@dataclass(frozen=True)
class Identities:
    """The components, a partition of all animals, each oldest first, ordered by its oldest; and what is disputed.

    `wanting` are the pairs that more experts called the same than different, but not enough more to merge them.
    """

    components: tuple[tuple[AnimalId, ...], ...]
    disputes: tuple[Dispute, ...]
    wanting: tuple[Pair, ...] = ()


@dataclass(frozen=True)
class Opinion:
    """Experts' answers on one pair: how many said same and different, and how confident the former were, summed."""

    same: int = 0
    different: int = 0
    confidence: int = 0

    @property
    def balance(self) -> int:
        """How many more experts said same than different."""
        return self.same - self.different


def settle_identities(
    animals: Sequence[Animal],
    verdicts: Iterable[Verdict],
    cannot_link: Iterable[Pair] = (),
    together: Iterable[Sequence[AnimalId]] = (),
    least: int = 1,
) -> Identities:
    """Merge what at least so many more experts called the same than different, best supported first.

    Animals come oldest first. Groups that were decided to be `together` are merged before all others, and pairs that
    cannot link never, whatever was said of them. A merge that would join two animals of one photo, or two called
    different, becomes a dispute and the link that would have closed the contradiction, the least supported one of its
    chain, stays unmerged. Verdicts on animals not given are passed over. The order of verdicts does not matter.
    """
    known = {animal.id: animal.photo for animal in animals}
    said = opinions(verdict for verdict in verdicts if verdict.first in known and verdict.second in known)
    links = [pair for group in together for pair in pairwise(animal for animal in group if animal in known)]
    overruled = _merged(known, links).holds
    barred = set(cannot_link)
    pairs = {pair: seen for pair, seen in said.items() if pair not in barred and not overruled(pair)}
    graph = _merged(known, links, [*barred, *(pair for pair, seen in pairs.items() if seen.balance < 0)])
    ties = [pair for pair, seen in sorted(pairs.items()) if seen.same == seen.different > 0]
    disputes = [Dispute(pair, pair, Contradiction.EXPERTS_DISAGREE) for pair in ties]
    for pair in _best_supported_first(pairs, least):
        dispute = graph.contradiction(pair)
        if dispute:
            disputes.append(dispute)
        else:
            graph.merge(pair)
    wanting = [pair for pair in sorted(pairs) if 0 < pairs[pair].balance < least and not graph.holds(pair)]
    return Identities(graph.components(), tuple(disputes), tuple(wanting))


def opinions(verdicts: Iterable[Verdict]) -> dict[Pair, Opinion]:
    """Count each expert's latest answer on each pair of two animals, (first, second) sorted."""
    latest: dict[tuple[Pair, Person], Verdict] = {}
    for verdict in sorted(verdicts, key=lambda v: (v.given_at, v.answer)):
        first, second = sorted((verdict.first, verdict.second))
        if first != second:
            latest[(first, second), verdict.expert] = verdict
    counted: dict[Pair, Opinion] = defaultdict(Opinion)
    for (pair, _), verdict in latest.items():
        counted[pair] = _counted(counted[pair], verdict)
    return dict(counted)


def _counted(seen: Opinion, verdict: Verdict) -> Opinion:
    if verdict.answer is Same.SAME:
        return Opinion(seen.same + 1, seen.different, seen.confidence + (verdict.confidence or 0))
    return Opinion(seen.same, seen.different + (verdict.answer is Same.DIFFERENT), seen.confidence)


def _best_supported_first(pairs: Mapping[Pair, Opinion], least: int) -> list[Pair]:
    agreed = [(-seen.balance, -seen.confidence, pair) for pair, seen in pairs.items() if seen.balance >= least]
    return [pair for _, _, pair in sorted(agreed)]


def _merged(photos: Mapping[AnimalId, PhotoId], links: Iterable[Pair], apart: Iterable[Pair] = ()) -> "_Graph":
    graph = _Graph(photos, apart)
    for link in links:
        graph.merge(link)
    return graph


class _Graph:
    """A forest of merged links that can say why a further link would contradict it."""

    def __init__(self, photos: Mapping[AnimalId, PhotoId], apart: Iterable[Pair]) -> None:
        self._photos = photos
        self._order = {animal: place for place, animal in enumerate(photos)}
        self._members = {animal: [animal] for animal in photos}
        self._links: dict[AnimalId, list[AnimalId]] = defaultdict(list)
        self._apart: dict[AnimalId, set[AnimalId]] = defaultdict(set)
        for first, second in apart:
            self._apart[first].add(second)
            self._apart[second].add(first)

    def merge(self, pair: Pair) -> None:
        first, second = pair
        self._links[first].append(second)
        self._links[second].append(first)
        kept, absorbed = sorted((self._members[first], self._members[second]), key=len, reverse=True)
        if kept is not absorbed:
            kept.extend(absorbed)
            for animal in absorbed:
                self._members[animal] = kept

    def holds(self, pair: Pair) -> bool:
        """Say whether two animals are one individual already."""
        return self._members[pair[0]] is self._members[pair[1]]

    def contradiction(self, pair: Pair) -> Dispute | None:
        clash = None if self.holds(pair) else self._clash(self._members[pair[0]], self._members[pair[1]])
        if clash is None:
            return None
        start, end, why = clash
        return Dispute((*self._path(start, pair[0]), *self._path(pair[1], end)), pair, why)

    def components(self) -> tuple[tuple[AnimalId, ...], ...]:
        distinct = {id(members): members for members in self._members.values()}.values()
        ordered = [tuple(sorted(members, key=self._order.__getitem__)) for members in distinct]
        return tuple(sorted(ordered, key=lambda members: self._order[members[0]]))

    def _clash(
        self, left: Sequence[AnimalId], right: Sequence[AnimalId]
    ) -> tuple[AnimalId, AnimalId, Contradiction] | None:
        by_photo = {self._photos[animal]: animal for animal in sorted(right, reverse=True)}
        others = set(right)
        for animal in sorted(left):
            if self._photos[animal] in by_photo:
                return animal, by_photo[self._photos[animal]], Contradiction.ONE_PHOTO
            if foes := self._apart[animal] & others:
                return animal, min(foes), Contradiction.CALLED_DIFFERENT
        return None

    def _path(self, start: AnimalId, end: AnimalId) -> tuple[AnimalId, ...]:
        """Return the shortest chain of merged links from start to end."""
        came: dict[AnimalId, AnimalId] = {start: start}
        queue = deque([start])
        while queue and end not in came:
            here = queue.popleft()
            for there in self._links[here]:
                if there not in came:
                    came[there] = here
                    queue.append(there)
        path = [end]
        while path[-1] != start:
            path.append(came[path[-1]])
        return tuple(reversed(path))
