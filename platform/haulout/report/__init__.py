"""Step 9 of the loop: the figures of a season, all read from the database."""

from haulout.report.catalogue import Catalogue, Returned
from haulout.report.condition import ChangeKind, ConditionChange, Seen, conditions_of, read_condition_changes
from haulout.report.detectors import shown_detector
from haulout.report.disturbance import Disturbed, read_disturbances
from haulout.report.effort import Effort
from haulout.report.estimates import Figures, estimate_figures
from haulout.report.exams import Exam, Figure, exams
from haulout.report.fullest import Full, Pictures
from haulout.report.haulouts import Dated, Haulouts
from haulout.report.occupancy import tell_occupancy
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
from haulout.report.progress import Progress, read_progress
from haulout.report.retirement import Alarm, AlarmKind, Retirement, read_retirement
from haulout.report.savings import Savings
from haulout.report.season import Material, Report, season_report
from haulout.report.skills import Learned, read_skills
from haulout.report.span import Span, sites
from haulout.report.years import History, YearLine, Years, read_years

__all__ = [
    "FEWEST",
    "Alarm",
    "AlarmKind",
    "Catalogue",
    "ChangeKind",
    "ConditionChange",
    "Dated",
    "Disturbed",
    "Effort",
    "Exam",
    "Figure",
    "Figures",
    "Full",
    "Given",
    "Haulouts",
    "History",
    "Learned",
    "Material",
    "Measured",
    "PersonLine",
    "Pictures",
    "Progress",
    "Report",
    "Retirement",
    "Returned",
    "Savings",
    "Seen",
    "Span",
    "Week",
    "YearLine",
    "Years",
    "conditions_of",
    "estimate_figures",
    "exams",
    "measured",
    "read_condition_changes",
    "read_crowd",
    "read_disturbances",
    "read_given",
    "read_people",
    "read_progress",
    "read_retirement",
    "read_skills",
    "read_truths",
    "read_years",
    "season_report",
    "shown_detector",
    "sites",
    "tell_occupancy",
    "weeks",
]
