"""The desk: gives people the next question, takes their answers, and delivers these to Label Studio."""

from haulout.desk.answering import submit
from haulout.desk.delivery import deliver
from haulout.desk.giving import Desk, Given
from haulout.desk.refusals import AnsweredAlready, BadAnswer, NotForYou, NotYourLease

__all__ = [
    "AnsweredAlready",
    "BadAnswer",
    "Desk",
    "Given",
    "NotForYou",
    "NotYourLease",
    "deliver",
    "submit",
]
