"""What an exam measures: average precision, counts, re-identification, and whether a gain is real."""

from haulout_models.evaluation.comparison import Comparison, compare, paired_bootstrap_not_worse, resample
from haulout_models.evaluation.conditions import Condition, by_condition, crowd
from haulout_models.evaluation.counts import CountError, count_error, counting_threshold
from haulout_models.evaluation.exams import (
    CERTAIN,
    COUNTED,
    DetectorExam,
    Exam,
    ReidentifierExam,
    examine_detector,
    examine_reidentifier,
    not_worse,
)
from haulout_models.evaluation.gate import Margins, admit
from haulout_models.evaluation.measures import Measures, calibration_error, intervals, measure
from haulout_models.evaluation.precision import (
    Graded,
    ResampledPrecision,
    average_precision,
    grade,
    graded_precision,
    overlap,
)
from haulout_models.evaluation.ranking import mean_average_precision, rank1
from haulout_models.evaluation.recognition import OpenSet, Ranks, best_threshold, open_set, probability_error, ranks
from haulout_models.evaluation.sheets import DOUBTED, FALSE, Sheet

__all__ = [
    "CERTAIN",
    "COUNTED",
    "DOUBTED",
    "FALSE",
    "Comparison",
    "Condition",
    "CountError",
    "DetectorExam",
    "Exam",
    "Graded",
    "Margins",
    "Measures",
    "OpenSet",
    "Ranks",
    "ReidentifierExam",
    "ResampledPrecision",
    "Sheet",
    "admit",
    "average_precision",
    "best_threshold",
    "by_condition",
    "calibration_error",
    "compare",
    "count_error",
    "counting_threshold",
    "crowd",
    "examine_detector",
    "examine_reidentifier",
    "grade",
    "graded_precision",
    "intervals",
    "mean_average_precision",
    "measure",
    "not_worse",
    "open_set",
    "overlap",
    "paired_bootstrap_not_worse",
    "probability_error",
    "rank1",
    "ranks",
    "resample",
]
