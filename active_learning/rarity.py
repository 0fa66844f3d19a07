"""How little is known of tiles like this one: night, fog, a new camera, hardly any or very many animals."""

from collections.abc import Hashable, Mapping, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

DARK = 60.0
"""Mean brightness, of 255, below which it is night."""
VEILED = 25.0
"""Standard deviation of brightness, of 255, below which fog or a blind lens hides the beach."""
CROWDS = (0.5, 5.0, 25.0, 100.0)
"""Expected animals in the photo at which one kind of crowd ends and the next begins."""


class Light(StrEnum):
    """What can be seen."""

    CLEAR = "clear"
    VEILED = "veiled"
    NIGHT = "night"


def light(brightness: float, contrast: float) -> Light:
    """Name the conditions from mean and standard deviation of the photo's brightness, both from 0 to 255."""
    if brightness < DARK:
        return Light.NIGHT
    return Light.VEILED if contrast < VEILED else Light.CLEAR


def crowd(animals: float) -> int:
    """Return the kind of crowd, from 0 for none to 4 for hundreds."""
    return int(np.searchsorted(CROWDS, animals, side="right"))


def rarity(tiles: Mapping[str, Sequence[Hashable]], known: Mapping[str, Sequence[Hashable]]) -> NDArray[np.float64]:
    """Return one number in (0, 1] for each tile, 1 where nothing like it was ever labelled, shape (n,).

    Both map each trait (camera, light, crowd) to its value for every tile of the pool, and for every labelled one. A
    trait counts 1 / sqrt(1 + labelled tiles with the same value), as an error falls with the number of examples; the
    rarest trait of a tile decides.
    """
    each = [_rare(values, known.get(trait, ())) for trait, values in tiles.items()]
    return np.max(each, axis=0) if each else np.zeros(0)


def _rare(values: Sequence[Hashable], known: Sequence[Hashable]) -> NDArray[np.float64]:
    count: dict[Hashable, int] = {}
    for value in known:
        count[value] = count.get(value, 0) + 1
    return np.array([1 / np.sqrt(1 + count.get(value, 0)) for value in values], dtype=np.float64)
