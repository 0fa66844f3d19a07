"""Labelled tiles from a CSV of boxes, and an exam on them that is also scored by species."""

import csv
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from haulout_models.data import LabelledTile
from haulout_models.evaluation import average_precision, count_error, counting_threshold
from haulout_models.tiling import Found


@dataclass(frozen=True)
class Exam:
    """Tiles, and of which species each is."""

    tiles: list[LabelledTile]
    species: list[str]

    def score(self, found: list[Found], level: float) -> dict[str, object]:
        """All tiles together, then each species by itself; boxes of at least the level are counted."""
        groups = sorted(set(self.species)) if len(set(self.species)) > 1 else []
        parts = {name: [i for i, one in enumerate(self.species) if one == name] for name in groups}
        together = self._figures(range(len(self.tiles)), found, level)
        return together | {name: self._figures(chosen, found, level) for name, chosen in parts.items()}

    def counting_level(self, found: list[Found], held_out: list[LabelledTile]) -> float:
        """The score above which a peer's boxes are as many as animals, on tiles that the exam does not hold."""
        return counting_threshold([tile.boxes for tile in held_out], found)

    def _figures(self, chosen, found: list[Found], level: float) -> dict[str, float]:
        truths, seen = [self.tiles[i].boxes for i in chosen], [found[i] for i in chosen]
        levels = [average_precision(truths, seen, iou) for iou in np.arange(0.5, 0.96, 0.05)]
        counts, animals = count_error(truths, seen, level), sum(map(len, truths))
        return {
            "ap50": levels[0],
            "ap": float(np.mean(levels)),
            "count_mae": counts.mean_absolute,
            "count_relative_error": counts.relative_total,
            "expected_relative_error": float(sum(s.sum() for _, s in seen) / max(animals, 1) - 1),
            "tiles": len(truths),
            "animals": animals,
        }


def read_splits(boxes: Path, images: Path) -> dict[str, list[LabelledTile]]:
    """Group the boxes by image, and the images by split, in the file's order."""
    rows: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for row in _rows(boxes):
        rows[row["split"], row["file"]].append([float(row[side]) for side in ("x1", "y1", "x2", "y2")])
    splits: dict[str, list[LabelledTile]] = defaultdict(list)
    for (split, name), found in rows.items():
        splits[split].append(LabelledTile(images / name, None, np.array(found), np.ones(len(found))))
    return splits


def read_exam(boxes: Path, images: Path, split: str, limit: int | None) -> Exam:
    """Take the tiles of one split, or only so many of them, evenly spread."""
    species = {row["file"]: row.get("species", "") for row in _rows(boxes)}
    tiles = read_splits(boxes, images)[split]
    chosen = tiles if limit is None else tiles[:: max(1, len(tiles) // limit)][:limit]
    return Exam(chosen, [species[tile.image.name] for tile in chosen])


def pick(tiles: list[LabelledTile], count: int | None, seed: int) -> list[LabelledTile]:
    """Draw so many tiles at random; None takes all."""
    order = np.random.default_rng(seed).permutation(len(tiles))
    return [tiles[i] for i in order[:count]]


def published_detections(files: list[Path], exam: Exam) -> list[Found]:
    """Read what the files hold for each tile of the exam: nothing for those that they do not name."""
    stored = {_stem(name): rows for file in files for name, rows in json.loads(file.read_text()).items()}
    by_tile = [stored.get(tile.image.stem.split("_test_")[-1], []) for tile in exam.tiles]
    return [_found(rows) for rows in by_tile]


def _stem(name: str) -> str:
    return Path(name).name.split("_png.rf")[0]


def _found(rows: list[dict[str, object]]) -> Found:
    boxes = np.array([row["box"] for row in rows], dtype=np.float64).reshape(-1, 4)
    return boxes, np.array([row["score"] for row in rows], dtype=np.float64)


def _rows(boxes: Path) -> list[dict[str, str]]:
    with boxes.open(newline="") as file:
        return list(csv.DictReader(file))
