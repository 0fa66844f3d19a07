"""A drawn season with a known truth: people who overlook, imagine and draw as it is told, and a machine to see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest

from labeling_configs.vocabulary import Boxes, Origin, Person, TileId, Vote

BEGAN = datetime(2026, 7, 1, tzinfo=UTC)
WIDTH, HEIGHT = 1200, 900


@dataclass(frozen=True)
class Drawer:
    """How somebody draws: chances, false boxes per tile, and edges' errors in square roots of pixels."""

    plain: float = 0.95
    hidden: float = 0.65
    strays: float = 0.1
    spread: float = 0.8
    keeps: float = 0.6
    """The chance to keep a false box that the machine shows."""
    blinkered: float = 1.0
    """What is left of the chance to find an animal when the machine shows boxes, but not that one."""


@dataclass(frozen=True)
class Season:
    """Votes, and on each tile the animals and the machine's false boxes."""

    votes: Sequence[Vote]
    animals: Mapping[TileId, Boxes]
    false: Mapping[TileId, Boxes]


def rectangles(count: int, rng: np.random.Generator) -> Boxes:
    corner = rng.uniform(0, [WIDTH - 200, HEIGHT - 150], (count, 2))
    return np.hstack([corner, corner + rng.uniform([60, 45], [200, 150], (count, 2))])


def outlined(boxes: Boxes, spread: float, rng: np.random.Generator) -> Boxes:
    sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    return boxes + rng.normal(0, 1, boxes.shape) * spread * np.sqrt(sides)


@dataclass(frozen=True)
class _Scene:
    tile: TileId
    animals: Boxes
    hidden: np.ndarray
    found: np.ndarray
    """The machine's outline of each animal that it found; nan where it found none."""
    false: Boxes


def _scene(number: int, machine: float, rng: np.random.Generator) -> _Scene:
    animals = rectangles(rng.poisson(rng.gamma(1, 3)), rng)
    hidden = rng.random(len(animals)) < 0.1
    found = outlined(animals, 0.5, rng)
    found[rng.random(len(animals)) >= np.where(hidden, machine / 2, machine)] = np.nan
    return _Scene(TileId(f"t{number:04}"), animals, hidden, found, rectangles(rng.poisson(machine), rng))


def _answer(person: str, drawer: Drawer, scene: _Scene, assisted: bool, rng: np.random.Generator) -> Vote:
    shown = ~np.isnan(scene.found[:, 0])
    helped = shown & assisted
    finds = np.where(scene.hidden, drawer.hidden, drawer.plain)
    finds = np.where(helped, 1 - (1 - finds) / 3, finds * (drawer.blinkered if assisted else 1.0))
    seen = rng.random(len(finds)) < finds
    drawn = outlined(scene.animals[seen & ~helped], drawer.spread, rng)
    kept = scene.found[seen & helped]
    if assisted:
        kept = np.concatenate([kept, scene.false[rng.random(len(scene.false)) < drawer.keeps]])
    strays = rectangles(rng.poisson(drawer.strays), rng)
    origins = (Origin.KEPT,) * len(kept) + (Origin.DRAWN,) * (len(drawn) + len(strays))
    machine = np.concatenate([scene.found[shown], scene.false])
    boxes = np.concatenate([kept, drawn, strays])
    return Vote(Person(person), scene.tile, boxes, origins, BEGAN, 9.0, not assisted, machine=machine)


def drawn_season(
    people: Mapping[str, Drawer], tiles: int, each: int, seed: int, machine: float = 0.0, assisted: float = 0.0
) -> Season:
    """`each` people answer a tile, a share `assisted` of them shown what a machine drew that finds a share `machine`.

    It draws as many false boxes per tile as its share says; 0 is a season without any machine.
    """
    rng = np.random.default_rng(seed)
    scenes = [_scene(number, machine, rng) for number in range(tiles)]
    votes = [
        _answer(str(name), people[name], scene, bool(rng.random() < assisted), rng)
        for scene in scenes
        for name in rng.choice(sorted(people), each, replace=False)
    ]
    return Season(votes, {scene.tile: scene.animals for scene in scenes}, {scene.tile: scene.false for scene in scenes})


@pytest.fixture
def drawer() -> type[Drawer]:
    return Drawer


@pytest.fixture
def season():
    return drawn_season
