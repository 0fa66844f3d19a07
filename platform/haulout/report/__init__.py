"""Step 9 of the loop: the figures of a season, all read from the database."""

from haulout.report.catalogue import Catalogue
from haulout.report.effort import Effort
from haulout.report.exams import Exam, Figure, exams
from haulout.report.occupancy import Day, shown_detector
from haulout.report.season import Material, Report, season_report, sites

__all__ = [
    "Catalogue",
    "Day",
    "Effort",
    "Exam",
    "Figure",
    "Material",
    "Report",
    "exams",
    "season_report",
    "shown_detector",
    "sites",
]
