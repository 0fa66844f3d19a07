"""What an exam measures: average precision, counts, re-identification, and whether a gain is real."""

from haulout_models.evaluation.comparison import Comparison, compare, paired_bootstrap_not_worse, resample
from haulout_models.evaluation.counts import CountError, count_error, counting_threshold
from haulout_models.evaluation.exams import (
    DetectorExam,
    Exam,
    ReidentifierExam,
    examine_detector,
    examine_reidentifier,
    not_worse,
)
from haulout_models.evaluation.precision import (
    Graded,
    ResampledPrecision,
    average_precision,
    grade,
    graded_precision,
    overlap,
)
from haulout_models.evaluation.ranking import mean_average_precision, rank1

__all__ = [
    "Comparison",
    "CountError",
    "DetectorExam",
    "Exam",
    "Graded",
    "ReidentifierExam",
    "ResampledPrecision",
    "average_precision",
    "compare",
    "count_error",
    "counting_threshold",
    "examine_detector",
    "examine_reidentifier",
    "grade",
    "graded_precision",
    "mean_average_precision",
    "not_worse",
    "overlap",
    "paired_bootstrap_not_worse",
    "rank1",
    "resample",
]
