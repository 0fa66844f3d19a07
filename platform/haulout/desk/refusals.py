"""What the desk refuses."""

from haulout.errors import HauloutError
from labeling_configs.cleaning import Unacceptable


class NotForYou(HauloutError):
    """The question is for experts."""


class NotYourLease(HauloutError):
    """The task was given to somebody else, or never."""


class AnsweredAlready(HauloutError):
    """The person has answered this task before."""


class BadAnswer(HauloutError):
    """The answer cannot be stored; `cause` says what is wrong with it."""

    def __init__(self, cause: Unacceptable) -> None:
        self.cause = cause
        super().__init__(f"The answer was not stored: {cause}. Correct it and send it again.")
