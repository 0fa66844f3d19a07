"""Other ways to find out who is who, for identity.py: top-5 review, a threshold, and graph curation (LCA).

Each takes a Game, which says what experts answer and what the machine makes of any pair, and returns labels.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import identity_catalogues as catalogues
import numpy as np
from identity_catalogues import Calibrator, Catalogue
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.isotonic import IsotonicRegression

HUMAN = 100
"""Weight of a human decision in graph curation, and the bound of every weight."""
AT_ONCE = 40
TRIES = 3


@dataclass
class Game:
    """A catalogue, the machine, and experts who err: each pair is asked of each expert once, always with one answer."""

    catalogue: Catalogue
    calibrator: Calibrator
    error: float
    cannot_tell: float
    seed: int
    experts: int = 3
    decisions: int = 0
    asked: dict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(list))

    def ask(self, one: int, other: int, expert: int | None = None) -> int:
        """Return 1 for same, -1 for different, 0 for cannot tell; the next expert's if none is named."""
        pair = (min(one, other), max(one, other))
        who = len(self.asked[pair]) % self.experts if expert is None else expert
        self.asked[pair].append(who)
        self.decisions += 1
        unsure, wrong = np.random.default_rng([self.seed, *pair, who]).random(2)
        truth = 1 if self.catalogue.individual[one] == self.catalogue.individual[other] else -1
        return 0 if unsure < self.cannot_tell else -truth if wrong < self.error else truth


def joined(count: int, pairs: np.ndarray) -> np.ndarray:
    """Return the connected components."""
    links = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def top_five(game: Game, first_match: bool) -> np.ndarray:
    """Look at every animal's five most alike; with `first_match` an animal is done at its first match."""
    rows, _ = catalogues.nearest(game.catalogue, 5)
    same, answers = [], {}
    for animal, others in enumerate(rows.tolist()):
        for other in others:
            pair = (min(animal, other), max(animal, other))
            if pair not in answers:
                answers[pair] = game.ask(*pair)
                if answers[pair] > 0:
                    same.append(pair)
            if first_match and answers[pair] > 0:
                break
    return joined(len(rows), same)


def threshold(game: Game, known: Catalogue, score: Callable[[np.ndarray, np.ndarray], float]) -> np.ndarray:
    """Join everything above the likeness that was best for the known half."""
    pairs, cosine = catalogues.listed(known)
    candidates = np.quantile(cosine, np.linspace(0, 1, 101))
    found = [score(joined(len(known.individual), pairs[cosine >= cut]), known.individual) for cut in candidates]
    pairs, cosine = catalogues.listed(game.catalogue)
    return joined(len(game.catalogue.individual), pairs[cosine >= candidates[int(np.argmax(found))]])


def curation(game: Game, known: Catalogue, multiplier: float, most: int) -> np.ndarray:
    """Local Clusterings and their Alternatives (Stewart et al. 2021), written anew: weights are integers within 100.

    A machine's weight is the log-likelihood ratio among listed pairs, scaled so that a human decision is 100. Clusters
    are changed while an alternative (two joined, one split) scores higher; where the best alternative is less than
    2 x multiplier x 100 worse, pairs without a score get one, then a human decides the least certain pair.
    """
    weigh = _weights(known, 1 - game.error)
    pairs, cosine = catalogues.listed(game.catalogue)
    graph = _Curated(game, weigh, pairs, weigh(cosine))
    margin = multiplier * HUMAN
    while game.decisions < most:
        graph.settle()
        if not graph.ask_where_close(margin):
            break
    graph.settle()
    return np.array(graph.label)


def _weights(known: Catalogue, right: float) -> Callable[[np.ndarray], np.ndarray]:
    pairs, cosine = catalogues.listed(known)
    same = known.individual[pairs[:, 0]] == known.individual[pairs[:, 1]]
    fit = IsotonicRegression(out_of_bounds="clip").fit(cosine, same)
    share = np.log(same.mean() / (1 - same.mean()))
    scale = np.log(right / (1 - right))

    def weigh(values: np.ndarray) -> np.ndarray:
        chance = np.clip(fit.predict(values), 1e-4, 1 - 1e-4)
        raw = np.log(chance / (1 - chance)) - share
        return np.round(np.clip(raw / scale, -1, 1) * HUMAN)

    return weigh


class _Curated:
    """Clusters and summed integer weights between them."""

    def __init__(self, game: Game, weigh: Callable, pairs: np.ndarray, weights: np.ndarray) -> None:
        self.game, self.weigh = game, weigh
        self.label = list(range(len(game.catalogue.individual)))
        self.weight: list[dict[int, float]] = [{} for _ in self.label]
        for (one, other), weight in zip(pairs.tolist(), weights.tolist(), strict=True):
            self.weight[one][other] = self.weight[other][one] = weight
        self.members = {row: [row] for row in self.label}
        self.around = {row: dict(near) for row, near in enumerate(self.weight)}
        self.cuts: dict[int, tuple[float, list[int]]] = {}
        self.futile: set[tuple[int, int]] = set()
        self.following = len(self.label)

    def settle(self) -> None:
        for _ in range(20):
            self._join()
            weak = []
            for label in self.members:
                if label not in self.cuts:
                    self.cuts[label] = self._cut(self.members[label])
                if self.cuts[label][0] < 0:
                    weak.append(label)
            for label in weak:
                self._split(label)
            if not weak:
                return

    def ask_where_close(self, margin: float) -> int:
        """Ask a human at the closest places; return how many were asked or scored."""
        places = [(-weight, a, b) for a, near in self.around.items() for b, weight in near.items() if a < b]
        close = [place for place in places if place[0] < margin and (place[1], place[2]) not in self.futile]
        close += [(cut[0], a, -1) for a, cut in self.cuts.items() if cut[0] < margin and (a, -1) not in self.futile]
        done, used = 0, set()
        for _, one, other in heapq.nsmallest(AT_ONCE * 20, close):
            if done >= AT_ONCE or {one, other} & used or one not in self.members:
                continue
            left = self.cuts[one][1] if other < 0 else self.members[one]
            right = [row for row in self.members[one] if row not in left] if other < 0 else self.members[other]
            asked = self._strengthen(left, right)
            if asked:
                used |= {one, other} - {-1}
                done += 1
            else:
                self.futile.add((one, other))
        return done

    def _strengthen(self, left: list[int], right: list[int]) -> bool:
        missing = [(a, b) for a in left for b in right if b not in self.weight[a]][:2]
        photo = self.game.catalogue.photo
        if missing:
            found = self.weigh(catalogues.cosines(self.game.catalogue, np.array(missing)))
            for (a, b), weight in zip(missing, found.tolist(), strict=True):
                self._add(a, b, -HUMAN if photo[a] == photo[b] else weight)
            return True
        open_pairs = [
            (len(self.game.asked.get((min(a, b), max(a, b)), ())), abs(self.weight[a][b]), a, b)
            for a in left
            for b in right
            if photo[a] != photo[b] and len(self.game.asked.get((min(a, b), max(a, b)), ())) < TRIES
        ]
        if not open_pairs:
            return False
        *_, a, b = min(open_pairs)
        self._add(a, b, HUMAN * self.game.ask(a, b))
        return True

    def _add(self, a: int, b: int, weight: float) -> None:
        self.weight[a][b] = self.weight[b][a] = self.weight[a].get(b, 0) + weight
        one, other = self.label[a], self.label[b]
        if one == other:
            self.cuts.pop(one, None)
        else:
            self.around[one][other] = self.around[other][one] = self.around[one].get(other, 0) + weight

    def _join(self) -> None:
        heap = [(-w, a, b) for a, near in self.around.items() for b, w in near.items() if a < b and w > 0]
        heapq.heapify(heap)
        while heap:
            weight, a, b = heapq.heappop(heap)
            if a not in self.members or self.around[a].get(b) != -weight:
                continue
            fresh = self._found([*self.members[a], *self.members[b]], (a, b))
            for third, w in self.around[fresh].items():
                if w > 0:
                    heapq.heappush(heap, (-w, third, fresh))

    def _split(self, label: int) -> None:
        side = set(self.cuts[label][1])
        rest = [row for row in self.members[label] if row not in side]
        self._found(sorted(side), (label,))
        self._found(rest, ())

    def _found(self, rows: list[int], gone: tuple[int, ...]) -> int:
        for old in gone:
            for third in self.around.pop(old):
                self.around.get(third, {}).pop(old, None)
            self.members.pop(old)
            self.cuts.pop(old, None)
        label, self.following = self.following, self.following + 1
        self.members[label] = rows
        for row in rows:
            self.label[row] = label
        near: dict[int, float] = defaultdict(float)
        for row in rows:
            for other, weight in self.weight[row].items():
                there = self.label[other]
                if there != label and there in self.around:
                    near[there] += weight
        self.around[label] = dict(near)
        for third, weight in near.items():
            self.around[third][label] = weight
        return label

    def _cut(self, rows: list[int]) -> tuple[float, list[int]]:
        if len(rows) < 2:
            return np.inf, []
        place = {row: at for at, row in enumerate(rows)}
        inside = np.zeros((len(rows), len(rows)))
        for row, at in place.items():
            for other, weight in self.weight[row].items():
                if other in place:
                    inside[at, place[other]] = weight
        best, side = np.inf, []
        degree = inside.sum(axis=1)
        for seed in np.argsort(degree)[:24]:
            held, cut, out, grown = inside[seed].copy(), degree[seed], {int(seed)}, [int(seed)]
            for step in range(len(rows) - 1):
                if cut < best:
                    best, side = cut, grown[:]
                if step == len(rows) - 2:
                    break
                held[grown] = -np.inf
                chosen = int(held.argmax())
                cut += degree[chosen] - 2 * held[chosen]
                held = held + inside[chosen]
                out.add(chosen)
                grown.append(chosen)
        return float(best), [rows[at] for at in side]
