"""What tiles that were held out from training are for: to stop in time, and to turn scores into probabilities."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from haulout_models.calibration import Calibration, calibrate
from haulout_models.data import LabelledTile
from haulout_models.detector import Detector
from haulout_models.evaluation.exams import examine_detector

LEAST_SCORE = 0.02
"""Boxes below it are too many and too poor to be worth a place on the curve."""


def held_out_score(detector: Detector, tiles: Sequence[LabelledTile]) -> float:
    """Return the average precision at half overlap on some tiles."""
    return examine_detector(detector, tiles).ap50


def calibrated(detector: Detector, tiles: Sequence[LabelledTile]) -> Detector:
    """Give a detector the curve that these tiles call for, instead of what it has; too few leave its scores raw."""
    if not tiles:
        return detector
    wanted = replace(detector.settings, calibration=Calibration())
    detector.settings = replace(wanted, threshold=LEAST_SCORE)
    photos = examine_detector(detector, tiles).photos
    scores = np.concatenate([photo.scores for photo in photos])
    hits = np.concatenate([photo.hits for photo in photos])
    detector.settings = replace(wanted, calibration=calibrate(scores, hits))
    return detector
