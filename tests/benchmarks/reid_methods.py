"""The methods that reid.py compares: tables of scores between crops, and probabilities made of them."""

from dataclasses import dataclass, replace

import numpy as np

from haulout_models.fusion import Fusion, Pairs, fit_fusion
from haulout_models.local_matching import describe_locally, match_locally

SHORTLIST = 50
"""So many candidates, the most alike by embedding, are matched locally."""


class LocalTable:
    """Local scores of pairs of crops, each computed once, when first asked for."""

    def __init__(self, crops: list[np.ndarray]) -> None:
        self._features = [describe_locally(crop) for crop in crops]
        self._known: dict[tuple[int, int], float] = {}

    def __call__(self, one: int, other: int) -> float:
        pair = (min(one, other), max(one, other))
        if pair not in self._known:
            self._known[pair] = match_locally(self._features[pair[0]], self._features[pair[1]]).score
        return self._known[pair]


@dataclass(frozen=True)
class Method:
    """Likeness by one network, and local scores of each crop's shortlist where the method uses them."""

    name: str
    likeness: np.ndarray
    local: np.ndarray | None
    """(n, n), NaN where nobody looked."""

    @classmethod
    def of(
        cls, name: str, vectors: np.ndarray, table: LocalTable | None, allowed: np.ndarray, most: int = SHORTLIST
    ) -> "Method":
        likeness = (vectors @ vectors.T).astype(np.float64)
        return cls(name, likeness, _shortlisted(likeness, table, allowed, most) if table else None)

    def rows(self, wanted: np.ndarray) -> "Method":
        picked = np.ix_(wanted, wanted)
        return Method(self.name, self.likeness[picked], self.local[picked] if self.local is not None else None)

    def pairs(self, where: np.ndarray) -> Pairs:
        return Pairs.of(self.likeness[where], self.local[where] if self.local is not None else None)

    def fitted(self, names: np.ndarray, where: np.ndarray) -> Fusion:
        return fit_fusion(self.pairs(where), (names[:, None] == names[None])[where])

    def odds(self, fusion: Fusion) -> np.ndarray:
        everywhere = np.ones(self.likeness.shape, dtype=bool)
        return fusion.evidence(self.pairs(everywhere)).reshape(self.likeness.shape)

    def ranked(self, fusion: Fusion) -> np.ndarray:
        """Scores to rank by: those locally matched come first, by their evidence; the others by likeness."""
        if self.local is None:
            return self.likeness
        uncut = replace(fusion, least=-np.inf, most=np.inf)
        return np.where(np.isnan(self.local), self.likeness, 100.0 + self.odds(uncut) + 1e-3 * self.likeness)


def _shortlisted(likeness: np.ndarray, table: LocalTable, allowed: np.ndarray, most: int) -> np.ndarray:
    local = np.full(likeness.shape, np.nan)
    for row in range(len(likeness)):
        others = np.flatnonzero(allowed[row])
        for column in others[np.argsort(-likeness[row, others], kind="stable")][:most]:
            local[row, column] = local[column, row] = table(row, int(column))
    return local
