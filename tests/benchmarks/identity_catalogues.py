"""Catalogues with a known truth for identity.py, drawn or of a folder, and what a machine says of their pairs.

A drawn animal's vector is the sum of independent Gaussian parts: the walrus, what its family shares, how the walrus
looks from this angle, how any walrus does, the light of the photo, and noise. Angles are uniform over 120 degrees and
enter as first and second harmonics. So scores of a walrus's pictures err together; opposite views hardly look alike.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.isotonic import IsotonicRegression

LENGTH = 64
FAMILY = 5
SEASONS = 5
NEAREST = 10
PARTS = {"walrus": 0.8, "family": 0.25, "seen": 0.8, "side": 0.4, "light": 0.45, "noise": 1.1}
"""Standard deviations of the parts."""


@dataclass(frozen=True)
class Catalogue:
    """Animals' vectors of unit length (n, d), true individuals, photos and seasons, each (n,)."""

    vectors: np.ndarray
    individual: np.ndarray
    photo: np.ndarray
    season: np.ndarray

    def only(self, rows: np.ndarray) -> "Catalogue":
        return Catalogue(self.vectors[rows], self.individual[rows], self.photo[rows], self.season[rows])


@dataclass(frozen=True)
class Calibrator:
    """Turns a cosine into the probability that two animals are one, where a share `prior` of all pairs are."""

    cosine: np.ndarray
    probability: np.ndarray
    prior: float

    def __call__(self, cosine: np.ndarray) -> np.ndarray:
        return np.interp(cosine, self.cosine, self.probability)

    def ratios(self, cosine: np.ndarray) -> np.ndarray:
        chance = self(cosine)
        return np.log(chance / (1 - chance)) - np.log(self.prior / (1 - self.prior))


def drawn(animals: int, individuals: int, seed: int) -> Catalogue:
    """Draw a catalogue: sightings of an individual are spread by a gamma of shape 2, three animals to a photo."""
    rng = np.random.default_rng(seed)
    part = lambda name, count: PARTS[name] * rng.normal(size=(count, LENGTH)) / np.sqrt(LENGTH)  # noqa: E731
    share = rng.gamma(2, size=individuals)
    more = rng.choice(individuals, animals - individuals, p=share / share.sum())
    individual = rng.permutation(np.concatenate([np.arange(individuals), more]))
    angle = rng.uniform(-np.pi / 3, np.pi / 3, animals)
    waves = np.column_stack([np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)]) / np.sqrt(2)
    photo = _photos(individual, rng)
    vectors = part("walrus", individuals)[individual]
    vectors = vectors + part("family", individuals // FAMILY + 1)[individual // FAMILY]
    for wave in waves.T[:, :, None]:
        vectors += wave * (part("seen", individuals)[individual] + part("side", 1))
    vectors += part("light", photo.max() + 1)[photo] + part("noise", animals)
    season = rng.integers(0, SEASONS, photo.max() + 1)[photo]
    return Catalogue(_unit(vectors), individual, photo, season)


def _photos(individual: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put about three animals into each photo, never one individual twice."""
    photo = rng.integers(0, max(1, len(individual) // 3), len(individual))
    seen: set[tuple[int, int]] = set()
    following = int(photo.max()) + 1
    for row, key in enumerate(zip(photo.tolist(), individual.tolist(), strict=True)):
        if key in seen:
            photo[row], following = following, following + 1
        seen.add(key)
    return np.unique(photo, return_inverse=True)[1]


def read(labels: Path, images: Path) -> Catalogue:
    """Read a catalogue from labels.csv (file, individual) and look at its crops with the frozen network."""
    from PIL import Image

    from haulout_models.reidentifier import Reidentifier
    from labeling_configs.vocabulary import ModelVersion

    with labels.open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["file"])
    where = [
        images / row["file"] if (images / row["file"]).exists() else images / Path(row["file"]).name for row in rows
    ]
    vectors = Reidentifier.frozen(ModelVersion("frozen")).embed(
        [np.asarray(Image.open(p).convert("RGB")) for p in where]
    )
    individual = np.unique([row["individual"] for row in rows], return_inverse=True)[1]
    return Catalogue(_unit(vectors.astype(float)), individual, np.arange(len(rows)), np.zeros(len(rows), dtype=int))


def halves(catalogue: Catalogue, seed: int) -> tuple[Catalogue, Catalogue]:
    """Deal individuals to two halves."""
    names = np.random.default_rng(seed).permutation(np.unique(catalogue.individual))
    first = np.isin(catalogue.individual, names[: len(names) // 2])
    return catalogue.only(np.flatnonzero(first)), catalogue.only(np.flatnonzero(~first))


def calibrated(known: Catalogue) -> Calibrator:
    """Learn from all pairs of known animals, isotonic, halfway to Laplace's rule at both ends."""
    one, other = np.triu_indices(len(known.individual), 1)
    apart = known.photo[one] != known.photo[other]
    one, other = one[apart], other[apart]
    cosine = np.concatenate([np.einsum("nd,nd->n", known.vectors[a], known.vectors[b]) for a, b in _chunks(one, other)])
    same = known.individual[one] == known.individual[other]
    fit = IsotonicRegression(out_of_bounds="clip").fit(cosine, same)
    knots = np.quantile(cosine, 1 - np.geomspace(1, 1 / len(cosine), 200))
    smooth = 3.0 / len(cosine)
    return Calibrator(knots, np.clip(fit.predict(knots), smooth, 0.9999), float(same.mean()))


def _chunks(one: np.ndarray, other: np.ndarray, size: int = 200_000) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(one[i : i + size], other[i : i + size]) for i in range(0, len(one), size)]


def nearest(
    catalogue: Catalogue, count: int = NEAREST, label: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return each animal's nearest others, best first, and their cosines, both (n, count).

    None is of its own photo nor, where labels are given, of its own label.
    """
    vectors = catalogue.vectors.astype(np.float32)
    rows, cosines = [], []
    step = max(64, 2**24 // len(vectors))
    for start in range(0, len(vectors), step):
        here = slice(start, start + step)
        likeness = vectors[here] @ vectors.T
        likeness[catalogue.photo[here, None] == catalogue.photo] = -2
        if label is not None:
            likeness[label[here, None] == label] = -2
        best = np.argpartition(-likeness, count, axis=1)[:, :count]
        value = np.take_along_axis(likeness, best, axis=1)
        order = np.argsort(-value, axis=1, kind="stable")
        rows.append(np.take_along_axis(best, order, axis=1))
        cosines.append(np.take_along_axis(value, order, axis=1))
    return np.concatenate(rows), np.concatenate(cosines).astype(float)


def listed(
    catalogue: Catalogue, count: int = NEAREST, label: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs (m, 2) in which one is among the other's nearest, each once, and their cosines."""
    rows, _ = nearest(catalogue, count, label)
    pairs = np.column_stack([np.repeat(np.arange(len(rows)), count), rows.ravel()])
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    return pairs, cosines(catalogue, pairs)


def cosines(catalogue: Catalogue, pairs: np.ndarray) -> np.ndarray:
    one, other = pairs[:, 0], pairs[:, 1]
    parts = [np.einsum("nd,nd->n", catalogue.vectors[a], catalogue.vectors[b]) for a, b in _chunks(one, other)]
    return np.concatenate(parts) if parts else np.zeros(0)


def learned_prior(catalogue: Catalogue, calibrator: Calibrator, seed: int, pairs: int = 200_000) -> float:
    """Estimate which share of the catalogue's pairs are one, from the scores alone (Saerens et al. 2002)."""
    rng = np.random.default_rng(seed)
    some = rng.integers(0, len(catalogue.vectors), (pairs, 2))
    some = some[catalogue.photo[some[:, 0]] != catalogue.photo[some[:, 1]]]
    ratio = np.exp(calibrator.ratios(cosines(catalogue, some)))
    prior = calibrator.prior
    for _ in range(50):
        prior = float(np.mean(prior * ratio / (prior * ratio + 1 - prior)))
    return prior


def described(catalogue: Catalogue) -> dict[str, float]:
    """Say how hard the catalogue is."""
    rows, _ = nearest(catalogue, min(NEAREST, len(catalogue.vectors) - 1))
    same = catalogue.individual[rows] == catalogue.individual[:, None]
    several = np.bincount(catalogue.individual)[catalogue.individual] > 1
    return {
        "animals": len(catalogue.individual),
        "individuals": len(np.unique(catalogue.individual)),
        "rank1": float(same[several, 0].mean()),
        "rank5": float(same[several, :5].any(axis=1).mean()),
    }


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
