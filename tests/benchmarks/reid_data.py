"""Reads labelled crops for reid.py: who is on them, in which burst and on which day they were taken."""

import csv
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Labelled:
    """Crops and, row by row, what is known of them; a date or split is empty where there is none."""

    crops: list[np.ndarray]
    names: np.ndarray
    bursts: np.ndarray
    dates: np.ndarray
    splits: np.ndarray

    def rows(self, wanted: np.ndarray) -> "Labelled":
        chosen = np.flatnonzero(wanted) if wanted.dtype == bool else wanted
        return Labelled(
            [self.crops[row] for row in chosen],
            self.names[chosen],
            self.bursts[chosen],
            self.dates[chosen],
            self.splits[chosen],
        )

    def elsewhere(self, other: "Labelled", bursts_too: bool) -> np.ndarray:
        """Which pairs (n, m) may be compared: never a photo with itself, its date or, unless wanted, its burst."""
        same_date = (self.dates[:, None] == other.dates[None]) & (self.dates[:, None] != "")
        same_burst = self.bursts[:, None] == other.bursts[None]
        itself = np.array([[id(one) == id(two) for two in other.crops] for one in self.crops])
        return ~(itself | same_date | (same_burst & (not bursts_too)))


def read(labels: Path, images: Path, date_column: str | None) -> Labelled:
    """Frames of consecutive numbers of one individual are one burst; without frames each photo is its own."""
    with labels.open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: (row["individual"], int(row.get("frame") or 0)))
    bursts = [0]
    for before, after in pairwise(rows):
        goes_on = before["individual"] == after["individual"] and _follows(before, after)
        bursts.append(bursts[-1] + (not goes_on))
    dates = [_day(row.get(date_column or "", "")) for row in rows]
    return Labelled(
        [np.asarray(Image.open(images / row["file"]).convert("RGB")) for row in rows],
        np.array([row["individual"] for row in rows]),
        np.array(bursts),
        np.array(dates),
        np.array([row.get("split", "") for row in rows]),
    )


def _follows(before: dict[str, str], after: dict[str, str]) -> bool:
    return "frame" in before and int(after["frame"]) - int(before["frame"]) <= 1


def _day(text: str) -> str:
    """Accept ISO dates and those of cameras, which write 2026:11:30 12:00:00."""
    written = text.replace(":", "-", 2) if text[4:5] == ":" else text
    return datetime.fromisoformat(written).date().isoformat() if written else ""
