"""The desk: gives people the next question, takes their answers, and delivers these to Label Studio."""

from haulout.desk.answering import submit
from haulout.desk.delivery import deliver
from haulout.desk.giving import Desk, Given
from haulout.desk.refusals import AnsweredAlready, BadAnswer, NotForYou, NotYourLease
from haulout.desk.wishing import Hindrance, NotFree

__all__ = [
    "AnsweredAlready",
    "BadAnswer",
    "Desk",
    "Given",
    "Hindrance",
    "NotForYou",
    "NotFree",
    "NotYourLease",
    "deliver",
    "submit",
]
