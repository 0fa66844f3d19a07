"""Step 9 of the loop: the figures of a season, all read from the database."""

from haulout.report.catalogue import Catalogue
from haulout.report.effort import Effort
from haulout.report.estimates import Figures, estimate_figures
from haulout.report.exams import Exam, Figure, exams
from haulout.report.occupancy import Day, shown_detector
from haulout.report.people import (
    FEWEST,
    Given,
    Measured,
    PersonLine,
    Week,
    measured,
    read_crowd,
    read_given,
    read_people,
    read_truths,
    weeks,
)
from haulout.report.retirement import Alarm, AlarmKind, Retirement, read_retirement
from haulout.report.season import Material, Report, season_report, sites

__all__ = [
    "FEWEST",
    "Alarm",
    "AlarmKind",
    "Catalogue",
    "Day",
    "Effort",
    "Exam",
    "Figure",
    "Figures",
    "Given",
    "Material",
    "Measured",
    "PersonLine",
    "Report",
    "Retirement",
    "Week",
    "estimate_figures",
    "exams",
    "measured",
    "read_crowd",
    "read_given",
    "read_people",
    "read_retirement",
    "read_truths",
    "season_report",
    "shown_detector",
    "sites",
    "weeks",
]
