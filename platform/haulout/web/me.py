"""Somebody's own page: what their answers did, how well they draw, what they can learn from, what they wrote."""

from dataclasses import dataclass

from flask import Blueprint, Response, abort, render_template
from sqlmodel import Session, select

from active_learning.crowd import Skill
from haulout.comments import Comment, newest
from haulout.db import reading
from haulout.report import (
    FEWEST,
    Figure,
    Learned,
    Progress,
    Week,
    read_crowd,
    read_given,
    read_progress,
    read_skills,
    read_truths,
    weeks,
)
from haulout.tables import AccountRow, PersonRow, PhotoRow, TileRow
from haulout.thanks import Thanks, thank
from haulout.web.asking import asker
from haulout.web.here import here
from haulout.web.people import Lesson, lessons
from haulout.web.pictures import given, refuse_withheld
from haulout.withheld import photos as withheld_photos
from labeling_configs.vocabulary import Person

COMMENTS = 20
VOTES, GOLD = 600, 200
"""The newest answers that the page is made from: all, and those on tiles whose answer is known."""

blueprint = Blueprint("me", __name__, url_prefix="/me")


@dataclass(frozen=True)
class Drawing:
    """How somebody draws; `skill` is None before it was learned from enough tiles."""

    skill: Skill | None = None
    usual: float | None = None
    """The share of animals that people find on average."""
    skills: tuple[Learned, ...] = ()
    weeks: tuple[Week, ...] = ()
    lessons: tuple[Lesson, ...] = ()

    def found(self) -> Figure | None:
        """Return the share of plain animals that they find without a machine's help."""
        return Figure(*self.skill.detection()) if self.skill else None


@dataclass(frozen=True)
class MyPage:
    """Everything on somebody's own page."""

    thanks: Thanks
    drawing: Drawing
    progress: Progress
    comments: list[Comment]


@blueprint.get("")
def page() -> str:
    """Show the page of whoever asks; there is no address for anybody else's."""
    services, account = here().services, asker().account
    with reading(services.database) as session:
        person = _person(session, account)
        mine = MyPage(
            thanks=thank(session, account, services.now()),
            drawing=_drawing(session, person) if person else Drawing(),
            progress=read_progress(session),
            comments=newest(session, COMMENTS, account=account),
        )
    return render_template("me.html", page=mine, fewest=FEWEST)


@blueprint.get("/pictures/<tile>.jpg")
def picture(tile: str) -> Response:
    """Give the picture of a tile that taught whoever asks, and of no other."""
    services = here().services
    with reading(services.database) as session:
        person = _person(session, asker().account) or abort(404)
        if tile not in {lesson.tile.id for lesson in _lessons(session, person)}:
            abort(404)
        row = session.get_one(TileRow, tile)
        refuse_withheld(session, row.photo)
        suffix = session.get_one(PhotoRow, row.photo).suffix
    return given(lambda: services.storage.make_tile(row.word(), suffix))


def _person(session: Session, account: str) -> str | None:
    """Return the pseudonym under which the account's answers are stored, None before the first one is."""
    query = select(PersonRow.id).join(AccountRow, AccountRow.label_studio_user == PersonRow.label_studio_user)  # type: ignore[arg-type]
    return session.exec(query.where(AccountRow.id == account)).first()


def _drawing(session: Session, person: str) -> Drawing:
    crowd, votes = read_crowd(session), read_given(session, person, most=VOTES)
    skill = crowd.skills.get(Person(person)) if crowd else None
    return Drawing(
        skill=skill if skill and skill.tiles >= FEWEST else None,
        usual=float(crowd.finds[0, 0]) if crowd and crowd.rounds else None,
        skills=read_skills(session, person),
        weeks=weeks(votes, read_truths(session, votes)),
        lessons=_lessons(session, person),
    )


def _lessons(session: Session, person: str) -> tuple[Lesson, ...]:
    votes, hidden = read_given(session, person, most=GOLD, gold=True), withheld_photos(session)
    found = lessons(votes, read_truths(session, votes))
    return tuple(one for one in found if one.tile.photo not in hidden)
