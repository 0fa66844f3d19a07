"""Who answers, by pseudonym, and what each person said of a photo."""

from datetime import datetime

from sqlmodel import col, select

from haulout.answers import excluded_people, live_answers, read_vote
from haulout.report import PersonLine, read_people
from haulout.tables import PhotoRow, TileRow
from haulout.web.api.endpoint import Asked
from haulout.web.api.paging import Listed, all_of
from haulout.web.api.parameters import Nothing
from haulout.web.api.problems import absent
from haulout.web.api.values import Corners, Interval, Value, corners, utc
from labeling_configs.vocabulary import Question, Vote


class Person(Value):
    """Somebody who answers, known by a pseudonym."""

    id: str
    role: str
    """volunteer, expert or operator."""
    joined_at: datetime
    answers: int
    """Answers of all kinds that stand, skips included."""
    tiles: int
    found: Interval | None
    """The share of plain animals that the person draws without a machine's help; null before it was learned."""
    excluded: bool
    """Whether the votes are left out."""


class VoteBox(Value):
    """A box of one vote."""

    box: Corners
    origin: str
    """prediction: the machine's, kept; prediction-changed: the machine's, moved; manual: drawn by hand."""


class PhotoVote(Value):
    """All that one person answered about one tile."""

    person: str
    tile: str
    given_at: datetime
    seconds: float
    blind: bool
    """Whether the machine's boxes were hidden."""
    skipped: bool
    unusable: bool
    """Whether the person said that nobody can judge the picture."""
    excluded: bool
    """Whether the person's votes are left out."""
    disturbances: tuple[str, ...]
    boxes: tuple[VoteBox, ...]


def people(asked: Asked[Nothing]) -> Listed[Person]:
    """Tell everybody."""
    return all_of(_person(line) for line in sorted(read_people(asked.session), key=lambda line: line.row.id))


def _person(line: PersonLine) -> Person:
    found = line.found()
    return Person.of(
        line.row,
        joined_at=utc(line.row.joined_at),
        answers=line.answers,
        tiles=line.tiles,
        found=Interval.of(found) if found else None,
        excluded=line.excluded,
    )


def votes(asked: Asked[Nothing]) -> Listed[PhotoVote]:
    """Tell the votes on a photo; those that measure people are no votes on it, and are never told."""
    session = asked.session
    photo = session.get(PhotoRow, asked.names["photo"]) or absent(f"photo {asked.names['photo']!r}")
    tiles = session.exec(select(TileRow).where(TileRow.photo == photo.id).order_by(col(TileRow.id))).all()
    excluded = excluded_people(session)
    read = [
        read_vote(answer, task, tile.word())[0]
        for tile in tiles
        for answer, task in live_answers(session, Question.BOXES, tile.id, gold=False)
    ]
    return all_of(_vote(vote, excluded=vote.person in excluded) for vote in read)


def _vote(vote: Vote, *, excluded: bool) -> PhotoVote:
    drawn = zip(vote.boxes.tolist(), vote.origins, strict=True)
    return PhotoVote.of(
        vote,
        given_at=utc(vote.given_at),
        excluded=excluded,
        disturbances=tuple(one.value for one in vote.disturbances),
        boxes=tuple(VoteBox(box=corners(box), origin=origin.value) for box, origin in drawn),
    )
