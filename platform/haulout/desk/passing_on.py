"""Why somebody passes a question on: a picture with a person in it is held back for that at once."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, func, select

from haulout.tables import AnimalRow, ServedRow, TaskRow, TileRow
from labeling_configs import boxes
from labeling_configs.results import Json
from labeling_configs.vocabulary import ABOUT_TILES, Disturbance, no_boxes

SKIPPED = "skipped"
"""How a lease ended that was passed on, see `ServedRow.ended`; a reason stands behind it."""


class Why(StrEnum):
    """The reasons on offer."""

    NONE = ""
    BLURRED = "blurred"
    PERSON = "person"
    NOT_LOADING = "not loading"
    UNSURE = "not sure"


def reason(told: object) -> Why:
    """Return the reason that a page told; a strange one is none, for passing on matters more."""
    return Why(told) if isinstance(told, str) and told in list(Why) else Why.NONE


def ended(why: Why) -> str:
    """Return what is stored of a lease that was passed on."""
    return f"{SKIPPED}: {why}" if why else SKIPPED


@dataclass(frozen=True)
class PassedOn:
    """A question that people passed on, how many gave which reason, and when the last of them was asked it."""

    question: str
    subject: str
    last: datetime
    reasons: Mapping[Why, int]


def passed_on(session: Session, limit: int) -> list[PassedOn]:
    """Return the questions that were passed on with a reason, the newest first; no person is named.

    A tile stands here once, whatever copies of it were asked: two lines would tell that it is gold.
    """
    named = {ended(why): why for why in Why if why}
    asked, last = (TaskRow.question, TaskRow.subject), func.max(ServedRow.at)
    newest = select(*asked, last).join(ServedRow, col(ServedRow.task) == TaskRow.id)
    newest = newest.where(col(ServedRow.ended).in_(named)).group_by(*asked).order_by(last.desc(), *asked).limit(limit)
    found = {(question, subject): at for question, subject, at in session.exec(newest)}
    counts: dict[tuple[str, str], Counter[Why]] = {one: Counter() for one in found}
    # Nobody is asked the same twice, so leases are people.
    ends = select(*asked, ServedRow.ended).join(ServedRow, col(ServedRow.task) == TaskRow.id)
    subjects = col(TaskRow.subject).in_({subject for _, subject in found})
    for question, subject, end in session.exec(ends.where(col(ServedRow.ended).in_(named), subjects)):
        if (question, subject) in counts:
            counts[question, subject][named[end]] += 1
    return [PassedOn(*one, at, dict(counts[one].most_common())) for one, at in found.items()]


def result_of(session: Session, task: TaskRow, why: Why) -> list[Json]:
    """Return what Label Studio and the log are told beside that nobody answered: that people are in the picture."""
    tile = session.get(TileRow, task.subject) if task.question in ABOUT_TILES else None
    if why is not Why.PERSON or tile is None:
        return []
    return boxes.write(no_boxes(), None, tile.word(), disturbances=[Disturbance.PEOPLE])


def photos_of(session: Session, task: TaskRow) -> set[str]:
    """Return the photos that a question is about, without those that are offered as its answers."""
    photo = TileRow.photo if task.question in ABOUT_TILES else AnimalRow.photo
    name = TileRow.id if task.question in ABOUT_TILES else AnimalRow.id
    return set(session.exec(select(photo).where(col(name).in_(task.subject.split("|")))))
