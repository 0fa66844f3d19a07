"""What tiles that were held out from training are for: to stop in time, and to turn scores into probabilities."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from haulout_models.calibration import calibrate
from haulout_models.data import LabelledTile
from haulout_models.detector import Detector
from haulout_models.evaluation.exams import examine_detector

LEAST_SCORE = 0.02
"""Boxes below it are too many and too poor to be worth a place on the curve."""
LEAST_FOUND = 0.2
"""A detector that finds less says too little to be scaled up."""


def held_out_score(detector: Detector, tiles: Sequence[LabelledTile]) -> float:
    """Return the average precision at half overlap on some tiles."""
    return examine_detector(detector, tiles).ap50


def calibrated(detector: Detector, tiles: Sequence[LabelledTile]) -> Detector:
    """Give a detector the curve that these tiles call for, instead of what it has; too few leave its scores raw.

    Animals that get no box are in no probability, so it also learns which share of all animals these add up to.
    """
    if not tiles:
        return detector
    wanted = detector.settings.uncalibrated()
    detector.settings = replace(wanted, threshold=LEAST_SCORE)
    photos = examine_detector(detector, tiles).photos
    scores = np.concatenate([photo.scores for photo in photos])
    hits = np.concatenate([photo.hits for photo in photos])
    curve, animals = calibrate(scores, hits), sum(photo.animals for photo in photos)
    told = curve(scores)[curve(scores) >= wanted.threshold].sum()
    found = float(np.clip(told / animals, LEAST_FOUND, 1.0)) if curve.score and animals else 1.0
    detector.settings = replace(wanted, calibration=curve, found=found)
    return detector
