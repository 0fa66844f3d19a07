"""Makes one probability that two crops show one walrus out of likeness, local matches and what else is known."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

Column = NDArray[np.float64]

LEAST_OF_EACH = 40
"""Pairs judged same, and as many judged different, below which the shipped weights are kept."""
_LOOKS = ("likeness",)
_ALL = ("likeness", "inliers")
_CONTEXT = ("one_site", "gap", "one_side")
_SEEN = ("likeness", "inliers")
"""More of these never speaks against "same", whatever a few pairs say."""


class UnmatchedPairs(ValueError):
    """Columns about pairs are not of one length, or there are not as many answers."""


@dataclass(frozen=True)
class Pairs:
    """What is known of n pairs, a column each; NaN where nobody knows."""

    likeness: Column
    """Dot product of the embeddings."""
    local: Column
    """Score of the local match, NaN where nobody looked."""
    one_site: Column
    """1 of one site, 0 of two."""
    days: Column
    """Days between the photos."""
    one_side: Column
    """1 of one flank, 0 of two."""

    def __post_init__(self) -> None:
        lengths = {one.name: len(getattr(self, one.name)) for one in fields(self)}
        if len(set(lengths.values())) > 1:
            raise UnmatchedPairs(f"columns differ in length: {lengths}; give NaN where nothing is known")

    @classmethod
    def of(cls, likeness: Column, local: Column | None = None, **context: Column) -> "Pairs":
        """Fill what is not given with NaN."""
        unknown = np.full(len(likeness), np.nan)
        given = {"local": unknown if local is None else local} | context
        rest = {one.name: unknown for one in fields(cls) if one.name not in given and one.name != "likeness"}
        return cls(likeness=likeness, **given, **rest)

    def __len__(self) -> int:
        return len(self.likeness)

    def rows(self, wanted: NDArray[Any]) -> "Pairs":
        """Return some of the pairs."""
        return Pairs(**{one.name: getattr(self, one.name)[wanted] for one in fields(self)})

    def measures(self) -> dict[str, Column]:
        """Return the columns on the scales on which they are weighed: counts and days by their logarithm."""
        return {
            "likeness": self.likeness,
            "inliers": np.log1p(np.maximum(self.local, 0.0)),
            "one_site": self.one_site,
            "gap": np.log1p(np.maximum(self.days, 0.0)),
            "one_side": self.one_side,
        }


@dataclass(frozen=True)
class Weights:
    """Log odds as a weighted sum of the measures' distances from their usual values; an unknown one adds nothing."""

    usual: Mapping[str, float] = field(default_factory=dict)
    weight: Mapping[str, float] = field(default_factory=dict)
    start: float = 0.0

    def without(self, name: str) -> "Weights":
        """Return the weights with one measure always at its usual value."""
        return replace(self, weight={other: value for other, value in self.weight.items() if other != name})

    def __call__(self, pairs: Pairs) -> Column:
        measures = pairs.measures()
        parts = [self.weight[name] * np.nan_to_num(measures[name] - self.usual[name]) for name in self.weight]
        return self.start + np.sum(parts, axis=0) if parts else np.full(len(pairs), self.start)


@dataclass(frozen=True)
class Fusion:
    """Two weighings, for pairs with and without a local match, and how far they are to be believed."""

    looks: Weights
    both: Weights
    prior: float
    """Share of "same" among the pairs it was fitted on: what a pair of which nothing is known gets."""
    trust: float = 1.0
    """Factor of all evidence: below 1 where it was measured on other animals."""
    least: float = -8.0
    most: float = 8.0
    """Evidence (log likelihood ratios) beyond these is cut."""
    measured: str = ""
    """On what, for whoever reads the card."""
    pairs: int = 0

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Fusion":
        """Read what `stored` returned, from a model card."""
        rest = {name: value for name, value in stored.items() if name not in ("looks", "both")}
        return cls(looks=Weights(**stored["looks"]), both=Weights(**stored["both"]), **rest)

    def stored(self) -> dict[str, Any]:
        """Return plain values for a model card."""
        return asdict(self)

    def of_matches_only(self) -> "Fusion":
        """Return what is left for a network whose likeness nobody calibrated: the local matches and the context."""
        return replace(self, looks=self.looks.without("likeness"), both=self.both.without("likeness"))

    def evidence(self, pairs: Pairs) -> Column:
        """Return the log likelihood ratio of "same" for each pair, (n,): to be added to any log odds held before."""
        odds = np.where(np.isnan(pairs.local), self.looks(pairs), self.both(pairs))
        return np.clip(self.trust * (odds - _logit(self.prior)), self.least, self.most)

    def __call__(self, pairs: Pairs, prior: float | None = None) -> Column:
        """Return the probability of "same", (n,), for pairs of which a share of prior is expected to be so."""
        odds = self.evidence(pairs) + _logit(self.prior if prior is None else prior)
        return np.asarray(1.0 / (1.0 + np.exp(-odds)))


def fit_fusion(pairs: Pairs, same: NDArray[np.bool_], otherwise: Fusion | None = None, measured: str = "") -> Fusion:
    """Weigh the evidence on judged pairs of individuals that the network never learned from.

    With too few of them the shipped weights, or those given as otherwise, are returned as they are.
    """
    if len(pairs) != len(same):
        raise UnmatchedPairs(f"{len(pairs)} pairs have {len(same)} answers: give one per pair")
    matched = ~np.isnan(pairs.local)
    if min(int(same.sum()), int((~same).sum())) < LEAST_OF_EACH:
        return otherwise or FIRST_DAY
    looks = _weigh(pairs, same, (*_LOOKS, *_CONTEXT))
    enough = min(int(same[matched].sum()), int((~same)[matched].sum())) >= LEAST_OF_EACH
    prior = float(np.mean(same))
    both = _weigh(pairs.rows(matched), same[matched], (*_ALL, *_CONTEXT), prior) if enough else looks
    return Fusion(looks, both, prior, measured=measured, pairs=len(same))


def _weigh(pairs: Pairs, same: NDArray[np.bool_], names: tuple[str, ...], prior: float | None = None) -> Weights:
    """Logistic regression on softened answers, so that few pairs never look certain, at the odds of the given prior."""
    measures = {name: pairs.measures()[name] for name in names}
    told = {name: column for name, column in measures.items() if _tells(column)}
    if not told:
        return Weights(start=_logit(float(np.mean(same)) if prior is None else prior))
    usual = {name: float(np.nanmean(column)) for name, column in told.items()}
    spread = {name: float(np.nanstd(column)) for name, column in told.items()}
    table = np.column_stack([np.nan_to_num((told[name] - usual[name]) / spread[name]) for name in told])
    model = _fit(table, same)
    weight = {name: float(value) / spread[name] for name, value in zip(told, model.coef_[0], strict=True)}
    if wrong := [name for name in _SEEN if weight.get(name, 0.0) < 0]:
        return _weigh(pairs, same, tuple(name for name in names if name not in wrong), prior)
    shift = 0.0 if prior is None else _logit(prior) - _logit(float(np.mean(same)))
    return Weights(usual, weight, float(model.intercept_[0]) + shift)


def _fit(table: NDArray[np.float64], same: NDArray[np.bool_]) -> LogisticRegression:
    """Platt 1999: an answer counts a little as its opposite, the less the more pairs there are."""
    counts = np.where(same, same.sum(), (~same).sum())
    doubt = 1.0 / (counts + 2.0)
    model = LogisticRegression(C=10.0, max_iter=1000)
    model.fit(np.vstack([table, table]), np.concatenate([same, ~same]), np.concatenate([1.0 - doubt, doubt]))
    return model


def _tells(column: Column) -> bool:
    """Whether a measure is known of some pairs, and differs between them."""
    known = column[~np.isnan(column)]
    return len(known) >= LEAST_OF_EACH and float(np.std(known)) > 1e-9


def _logit(chance: float) -> float:
    held = min(max(chance, 1e-6), 1.0 - 1e-6)
    return math.log(held / (1.0 - held))


FIRST_DAY = Fusion(
    looks=Weights({"likeness": 0.968}, {"likeness": 266.0}, -5.05),
    both=Weights({"likeness": 0.968, "inliers": 0.990}, {"likeness": 24.4, "inliers": 4.52}, -9.92),
    prior=0.0338,
    trust=0.5,
    least=-1.5,
    most=3.0,
    measured="362 crops of 35 plains zebras, frozen EfficientNet-Lite0 features and SIFT, mostly pairs within bursts; "
    "no walrus: evidence is halved and cut, so that it never decides alone",
    pairs=65341,
)
"""What serves with frozen features until enough pairs are judged; fitted by tests/benchmarks/reid.py."""
