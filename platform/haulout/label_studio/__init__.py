"""The only package that knows Label Studio's API, as observed in version 1.23.2."""

from haulout.label_studio.answers import Answers
from haulout.label_studio.labeler import Labeler
from haulout.label_studio.people import People
from haulout.label_studio.predictions import Predictions
from haulout.label_studio.projects import local_file_url
from haulout.label_studio.refusals import BrokenPrediction, LabelStudioRefused, PredictionsLost
from haulout.label_studio.tasks import Tasks
from haulout.label_studio.values import NewTask, Person, PersonAccess, RawAnswer, Result, ServedTask, SweptTask

__all__ = [
    "BrokenPrediction",
    "LabelStudio",
    "LabelStudioRefused",
    "Labeler",
    "NewTask",
    "Person",
    "PersonAccess",
    "PredictionsLost",
    "RawAnswer",
    "Result",
    "ServedTask",
    "SweptTask",
    "local_file_url",
]


class LabelStudio(Predictions, Tasks, Answers, People):
    """One Label Studio, used as its administrator."""
