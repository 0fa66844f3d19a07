"""Why somebody passes a question on: a picture with a person in it is held back for that at once."""

from enum import StrEnum

from sqlmodel import Session, col, select

from haulout.tables import AnimalRow, TaskRow, TileRow
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
