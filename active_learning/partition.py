"""Who is who: the partition of animals into individuals that all evidence together makes most likely.

Clusters are joined while the log-odds across their boundary are positive, the surest first; then animals that belong
better elsewhere move and clusters that hold together too little are cut, until nothing changes. Only animals linked by
anchors can end up together, so that what anchors do not link is settled apart, and only there where evidence is new.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from active_learning.clusters import NOTHING, Clusters, wire
from active_learning.cuts import WHOLE, Cut, weakest_cut
from active_learning.evidence import Evidence
from active_learning.tempering import Rows
from labeling_configs.vocabulary import AnimalId

ANCHOR = -3.0
"""Log-odds that at least one pair across a boundary must have by itself before the boundary can be joined."""
PASSES = 12
BETTER = 1e-6


@dataclass(frozen=True)
class Settled:
    """The most likely partition: a label per animal (the row of its cluster's first), each cluster's weakest cut."""

    evidence: Evidence
    label: Rows
    cuts: Mapping[int, Cut]
    redone: int
    """How many animals had to be settled anew."""
    anchor: float = ANCHOR

    @property
    def members(self) -> dict[int, list[int]]:
        """Each cluster's rows by its label, in order."""
        order = np.argsort(self.label, kind="stable")
        labels, starts = np.unique(self.label[order], return_index=True)
        parts = np.split(order, starts)[1:]
        return {int(label): part.tolist() for label, part in zip(labels, parts, strict=True)}

    @property
    def components(self) -> tuple[tuple[AnimalId, ...], ...]:
        """The individuals' animals, sorted by name."""
        names = self.evidence.animals
        return tuple(tuple(names[row] for row in rows) for rows in self.members.values())


def settle(evidence: Evidence, before: Settled | None = None, anchor: float = ANCHOR) -> Settled:
    """Return the partition; what is linked to nothing new since `before` is taken over, with the same result."""
    block = blocks(evidence, anchor)
    old = old_rows(evidence, before, anchor)
    fresh = np.isin(block, block[old < 0])
    inside = (block[evidence.first] == block[evidence.second]) & fresh[evidence.first]
    clusters = Clusters.alone(wire(evidence, anchor, inside), np.flatnonzero(fresh).tolist())
    _join_all(clusters, sorted(clusters.members))
    cuts = _improve(clusters)
    label = np.array(clusters.label, dtype=np.int64)
    found = {members[0]: cuts[name] for name, members in clusters.members.items()}
    for members in clusters.members.values():
        label[members] = members[0]
    if before is not None:
        found |= _take_over(label, before, np.where(fresh, -1, old))
    return Settled(evidence, label, dict(sorted(found.items())), int(fresh.sum()), anchor)


def as_decided(evidence: Evidence, groups: Iterable[Collection[AnimalId]], anchor: float = ANCHOR) -> Settled:
    """Return the partition that somebody decided on, with each individual's weakest cut by the evidence.

    Animals in no group are alone, and those that the evidence does not know are passed over.
    """
    row, label = evidence.row, np.arange(len(evidence.animals), dtype=np.int64)
    for group in groups:
        rows = sorted(row[animal] for animal in group if animal in row)
        label[rows] = rows[0] if rows else 0
    wiring = wire(evidence, anchor, label[evidence.first] == label[evidence.second])
    decided = Settled(evidence, label, {}, 0, anchor)
    return replace(decided, cuts={name: weakest_cut(wiring, rows) for name, rows in decided.members.items()})


def _take_over(label: Rows, before: Settled, old: Rows) -> dict[int, Cut]:
    """Give each animal that stays (its old row; -1 for others) its old cluster, in new rows; return the cuts."""
    stay = np.flatnonzero(old >= 0)
    new = np.full(len(before.label), -1, dtype=np.int64)
    new[old[stay]] = stay
    label[stay] = new[before.label[old[stay]]]
    kept = [name for name in np.unique(before.label[old[stay]]).tolist()]
    cuts = ((int(new[name]), before.cuts[name]) for name in kept)
    return {name: Cut(cut.strength, tuple(new[list(cut.side)].tolist())) for name, cut in cuts}


def blocks(evidence: Evidence, anchor: float = ANCHOR) -> Rows:
    """Number the groups of animals that anchors link; no individual reaches across two."""
    links = evidence.alone() >= anchor
    size = len(evidence.animals)
    pairs = (evidence.first[links], evidence.second[links])
    graph = coo_array((np.ones(int(links.sum())), pairs), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _join_all(clusters: Clusters, labels: Iterable[int]) -> set[int]:
    """Join the surest boundary again and again while any is more likely than not; return the labels that changed."""
    heap = [
        entry
        for one in labels
        for other in clusters.around[one]
        for entry in _wish(clusters, min(one, other), max(one, other))
    ]
    heapify(heap)
    touched: set[int] = set()
    while heap:
        wish, one, other = heappop(heap)
        if one not in clusters.members or other not in clusters.around[one]:
            continue
        now = _wish(clusters, one, other)
        if now and now[0][0] > wish:
            heappush(heap, now[0])  # the clusters have grown since, and with them the pairs that could have matched
        elif now:
            kept, changed = clusters.join(one, other)
            touched.discard(other if kept == one else one)
            touched.add(kept)
            for third in changed:
                for entry in _wish(clusters, min(kept, third), max(kept, third)):
                    heappush(heap, entry)
    return touched


def _wish(clusters: Clusters, one: int, other: int) -> list[tuple[float, int, int]]:
    if not clusters.around[one][other][5]:
        return []
    strength = clusters.strength(one, other)
    return [(-strength, one, other)] if strength > 0 and clusters.may_join(one, other) else []


def _improve(clusters: Clusters) -> dict[int, Cut]:
    """Move, cut and join again, a given number of times at most; return every cluster's weakest cut."""
    cuts: dict[int, Cut] = {}
    dirty = set(clusters.members)
    for turn in range(PASSES):
        moved = _move(clusters, dirty)
        for label in sorted((dirty | moved) & clusters.members.keys()):
            cuts[label] = _cut(clusters, label)
        weak = [label for label in sorted(clusters.members) if cuts[label].strength < -BETTER]
        parts = _split(clusters, {label: cuts[label] for label in weak}) if turn < PASSES - 1 else set()
        dirty = (parts | _join_all(clusters, sorted(parts | moved))) & clusters.members.keys()
        if not dirty:
            break
    cuts |= {label: _cut(clusters, label) for label in sorted(dirty)}
    return {label: cuts[label] for label in clusters.members}


def _move(clusters: Clusters, labels: Iterable[int]) -> set[int]:
    """Move animals that belong better to another cluster than to the rest of their own; return the labels changed."""
    changed: set[int] = set()
    for label in sorted(labels):
        for row in clusters.members.get(label, [])[:]:
            there = _better_place(clusters, row)
            if there is not None:
                here = clusters.label[row]
                rest = [other for other in clusters.members[here] if other != row]
                changed |= set(clusters.regroup([here, there], [rest, [*clusters.members[there], row]]))
    return changed & clusters.members.keys()


def _better_place(clusters: Clusters, row: int) -> int | None:
    here = clusters.label[row]
    if len(clusters.members[here]) < 2 or not any(across[5] for across in clusters.around[here].values()):
        return None
    seen = clusters.seen_by(row)
    strength, crowd = clusters.wiring.strength, clusters.wiring.crowd[row]
    rest = len(clusters.members[here]) - 1
    best = max(strength(seen.pop(here, NOTHING), rest), 0.0) + BETTER
    place = None
    for there, across in sorted(seen.items()):
        if across[5] and crowd not in clusters.photos[there]:
            wish = strength(across, len(clusters.members[there]))
            if wish > best:
                best, place = wish, there
    return place


def _split(clusters: Clusters, weak: Mapping[int, Cut]) -> set[int]:
    parts: set[int] = set()
    for label, cut in weak.items():
        rest = sorted(set(clusters.members[label]) - set(cut.side))
        parts |= set(clusters.regroup([label], [list(cut.side), rest]))
    return parts


def old_rows(evidence: Evidence, before: Settled | None, anchor: float) -> Rows:
    """Return where each animal was before; -1 for one that is new or of which any evidence has changed."""
    rows: Rows = np.full(len(evidence.animals), -1, dtype=np.int64)
    if before is None or before.anchor != anchor:
        return rows
    past = before.evidence
    if (past.prior, past.tempering) != (evidence.prior, evidence.tempering):
        return rows
    place = past.row
    rows = np.array([place.get(name, -1) for name in evidence.animals], dtype=np.int64)
    new = np.full(len(past.animals), -1, dtype=np.int64)
    new[rows[rows >= 0]] = np.flatnonzero(rows >= 0)
    size = len(evidence.animals)
    was = np.where((new[past.first] < 0) | (new[past.second] < 0), -1, new[past.first] * size + new[past.second])
    now = evidence.first * size + evidence.second
    same_then, same_now = _alike(past, was, evidence, now)
    rows[evidence.first[~same_now]] = rows[evidence.second[~same_now]] = -1
    lost = new[np.concatenate([past.first[~same_then], past.second[~same_then]])]
    rows[lost[lost >= 0]] = -1
    return rows


def _alike(past: Evidence, was: Rows, evidence: Evidence, now: Rows) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which pairs, by their keys, say the same in both."""
    _, then, here = np.intersect1d(was, now, assume_unique=False, return_indices=True)
    same = np.ones(len(then), dtype=bool)
    for column in ("machine", "scored", "experts", "barred"):
        same &= getattr(past, column)[then] == getattr(evidence, column)[here]
    same_then, same_now = np.zeros(len(was), dtype=bool), np.zeros(len(now), dtype=bool)
    same_then[then[same]] = same_now[here[same]] = True
    return same_then, same_now


def _cut(clusters: Clusters, label: int) -> Cut:
    members = clusters.members[label]
    return weakest_cut(clusters.wiring, members) if len(members) > 1 else WHOLE
