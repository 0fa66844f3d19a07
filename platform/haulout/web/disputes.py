"""Disputes on who is who: which are open, what each rests on, and the vote that may settle it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from flask import Blueprint, abort, redirect, render_template, request, url_for
from sqlmodel import Session, col, func, or_, select
from werkzeug.wrappers import Response

from haulout.answers import find_task, live_answers
from haulout.db import reading
from haulout.desk import Hindrance, NotFree
from haulout.desk.choosing import subjects_of
from haulout.desk.wishing import free_task
from haulout.identify.catalogue import MOST_EXPERTS
from haulout.identify.disputed import Disputed, read_disputed
from haulout.serving import FROZEN, serving_version
from haulout.tables import (
    AccountRow,
    AnimalRow,
    CommentRow,
    DisputeRow,
    EmbeddingRow,
    LikenessRow,
    MarkRow,
    PhotoRow,
    SightingRow,
)
from haulout.web.asking import asker
from haulout.web.decisions import Decided, history, seal
from haulout.web.desk import desk
from haulout.web.here import here
from labeling_configs.vocabulary import Question, Verdict

SHOWN = 24
"""Disputes on one page."""
HISTORY = 6
"""Decisions on one dispute's page, for each individual."""
MOST_SPLIT = 60
"""Sightings among which a part can be chosen here; of more the individual's own page asks."""
ONE_MARK = 0.05
"""Two marks of one kind that lie nearer than this share of the crop are one mark, pointed at twice."""

blueprint = Blueprint("disputes", __name__, url_prefix="/individuals/disputes")


@dataclass(frozen=True)
class Line:
    """One dispute in the list: the individuals of both animals now, and how many sightings it is about."""

    row: DisputeRow
    individuals: tuple[str, str]
    """Empty where an animal has none."""
    stake: int
    answered: bool
    """Whether the expert who reads has answered it."""


@dataclass(frozen=True)
class Pointed:
    """One mark as the page shows it, by a number that it shares with the same mark on the other animal."""

    number: int
    kind: str
    x: float
    y: float
    experts: int


@dataclass(frozen=True)
class Side:
    """One animal of a dispute, with its photo, its individual and all sightings of that."""

    animal: AnimalRow
    photo: PhotoRow
    individual: str
    sightings: tuple[str, ...]
    marks: tuple[Pointed, ...]


@dataclass(frozen=True)
class Together:
    """What is known of both photos."""

    one_photo: bool
    one_site: bool
    one_camera: bool
    apart: timedelta | None


@dataclass(frozen=True)
class Likeness:
    """How alike the network finds two animals, and how many keypoints agree; None where nobody looked."""

    cosine: float | None
    local: float | None


@dataclass(frozen=True)
class Page:
    """One dispute as its page tells it."""

    row: DisputeRow
    open: bool
    disputed: Disputed
    sides: tuple[Side, Side]
    names: dict[str, str]
    """The individual of each animal of the chain."""
    together: Together
    answered: bool
    passed_on: tuple[str, ...]
    """Experts who could not say."""
    hindrance: Hindrance | None
    heard: int
    """Experts who have answered just this pair."""
    likeness: Likeness | None
    """None until the expert who reads has answered."""
    remarks: tuple[CommentRow, ...]
    history: tuple[Decided, ...]

    @property
    def votes(self) -> tuple[Verdict, ...]:
        """What was said of just these two."""
        return self.disputed.said(self.row.first, self.row.second).verdicts

    @property
    def chained(self) -> bool:
        """Whether others lie between the animals that cannot be one."""
        return len(self.disputed.dispute.chain) > 2

    @property
    def kinds(self) -> dict[str, tuple[list[int], list[int], list[int]]]:
        """The numbers of the marks of each kind: on both animals, on the first alone, on the second alone."""
        here, there = ({mark.number: mark.kind for mark in side.marks} for side in self.sides)
        found: dict[str, tuple[list[int], list[int], list[int]]] = {}
        for number, kind in sorted((here | there).items()):
            place = 0 if number in here and number in there else 1 if number in here else 2
            found.setdefault(kind, ([], [], []))[place].append(number)
        return found

    @property
    def parts(self) -> list[Side]:
        """The individuals that could be split, each once."""
        of = {side.individual: side for side in self.sides if side.individual and len(side.sightings) > 1}
        return list(of.values())


@blueprint.get("")
def page() -> str:
    """List the open disputes, those first on which most sightings depend."""
    with reading(here().services.database) as session:
        number = max(request.args.get("page", 1, type=int), 1)
        lines = _lines(session, session.get_one(AccountRow, asker().account))
        most = max(-(-len(lines) // SHOWN), 1)
        number = min(number, most)
        shown = lines[(number - 1) * SHOWN : number * SHOWN]
        return render_template("disputes.html", lines=shown, number=number, most=most, count=len(lines))


@blueprint.get("/<first>/<second>")
def dispute(first: str, second: str) -> str:
    """Show one dispute with all that is known of it."""
    with reading(here().services.database) as session:
        told = _page(session, first, second) or abort(404)
        return render_template("dispute.html", page=told, seal=seal(session), most=MOST_EXPERTS, most_split=MOST_SPLIT)


@blueprint.post("/<first>/<second>")
def answer(first: str, second: str) -> Response:
    """Give the expert just this pair to answer at the desk."""
    with reading(here().services.database) as session:
        row = _row(session, first, second) or abort(404)
    try:
        desk().wish(asker().account, Question.PAIR, _subject(row))
    except NotFree:
        return redirect(url_for("disputes.dispute", first=row.first, second=row.second, _anchor="vote"), 303)
    return redirect(url_for("desk.page", question=Question.PAIR.value), 303)


def _lines(session: Session, account: AccountRow) -> list[Line]:
    rows = session.exec(select(DisputeRow)).all()
    named = select(SightingRow.animal, SightingRow.individual)
    disputed = or_(
        col(SightingRow.animal).in_(select(DisputeRow.first)), col(SightingRow.animal).in_(select(DisputeRow.second))
    )
    individual = dict(session.exec(named.where(disputed)).all())
    counted = select(SightingRow.individual, func.count()).group_by(SightingRow.individual)
    size = dict(session.exec(counted).all())
    answered = subjects_of(session, account, Question.PAIR) if rows else set()
    lines = []
    for row in rows:
        both = individual.get(row.first, ""), individual.get(row.second, "")
        stake = min(size.get(one, 1) for one in both)
        lines.append(Line(row, both, stake, _subject(row) in answered))
    return sorted(lines, key=lambda one: (-one.stake, one.row.first, one.row.second))


def _page(session: Session, first: str, second: str) -> Page | None:
    row, services = _row(session, first, second), here().services
    is_open = row is not None
    row = row or _settled(session, first, second)
    if row is None:
        return None
    account = session.get_one(AccountRow, asker().account)
    disputed = read_disputed(session, row, services.settings.merge_experts)
    votes = disputed.said(row.first, row.second).verdicts
    names = _names(session, {*disputed.dispute.chain, row.first, row.second})
    subject = _subject(row)
    marks = _marks(session, row, votes)
    sides = _side(session, row.first, names, marks[0]), _side(session, row.second, names, marks[1])
    answered = subject in subjects_of(session, account, Question.PAIR)
    task = find_task(session, Question.PAIR, subject)
    comments = select(CommentRow).where(CommentRow.task == (task.id if task else None)).order_by(col(CommentRow.id))
    return Page(
        row=row,
        open=is_open,
        disputed=disputed,
        sides=sides,
        names=names,
        together=_together(sides),
        answered=answered,
        passed_on=_passed_on(session, subject),
        hindrance=_hindrance(session, account, subject),
        heard=len({one.person for one, _ in live_answers(session, Question.PAIR, subject)}),
        likeness=_likeness(session, row) if answered else None,
        remarks=tuple(session.exec(comments)),
        history=_history(session, sorted({name for name in names.values() if name})),
    )


def _row(session: Session, first: str, second: str) -> DisputeRow | None:
    return session.get(DisputeRow, (first, second)) or session.get(DisputeRow, (second, first))


def _settled(session: Session, first: str, second: str) -> DisputeRow | None:
    """Return what stands for a pair that experts were asked about and that is not disputed, for links from before."""
    task = find_task(session, Question.PAIR, "|".join(sorted((first, second))))
    there = session.exec(select(AnimalRow.id).where(col(AnimalRow.id).in_([first, second]))).all()
    if task is None or len(there) != 2:
        return None
    return DisputeRow(first=first, second=second, reason="experts_disagree")


def _subject(row: DisputeRow) -> str:
    return "|".join(sorted((row.first, row.second)))


def _names(session: Session, animals: Collection[str]) -> dict[str, str]:
    query = select(SightingRow.animal, SightingRow.individual).where(col(SightingRow.animal).in_(list(animals)))
    return dict.fromkeys(animals, "") | dict(session.exec(query).all())


def _side(session: Session, name: str, names: dict[str, str], marks: Sequence[Pointed]) -> Side:
    animal = session.get(AnimalRow, name) or abort(404)
    photo = session.get_one(PhotoRow, animal.photo)
    query = select(SightingRow.animal).join(AnimalRow, col(AnimalRow.id) == SightingRow.animal)
    query = query.join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo).where(SightingRow.individual == names[name])
    sightings = session.exec(query.order_by(col(PhotoRow.taken_at), col(AnimalRow.id))).all() if names[name] else ()
    return Side(animal, photo, names[name], tuple(sightings), tuple(marks))


def _together(sides: tuple[Side, Side]) -> Together:
    one, other = (side.photo for side in sides)
    apart = abs(one.taken_at - other.taken_at) if one.taken_at and other.taken_at else None
    one_site = one.site == other.site
    return Together(one.id == other.id, one_site, one_site and one.camera == other.camera, apart)


def _marks(session: Session, row: DisputeRow, votes: Sequence[Verdict]) -> tuple[list[Pointed], list[Pointed]]:
    """Number the marks of both animals: what experts joined has one number on both, all others one of their own."""
    found = {name: _distinct(session, name) for name in (row.first, row.second)}
    ends = [dict.fromkeys(range(len(found[name])), 0) for name in (row.first, row.second)]
    number = 0
    for vote in votes:
        for link in vote.links:
            marks = (link.left, link.right) if vote.first == row.first else (link.right, link.left)
            here, there = (
                _nearest(found[name], mark.kind.value, mark.x, mark.y)
                for name, mark in zip((row.first, row.second), marks, strict=True)
            )
            if here is None or there is None or ends[0][here] or ends[1][there]:
                continue
            number += 1
            ends[0][here] = ends[1][there] = number
    sides: tuple[list[Pointed], list[Pointed]] = ([], [])
    for side, name, given in zip(sides, (row.first, row.second), ends, strict=True):
        for place, (kind, x, y, experts) in enumerate(found[name]):
            if not given[place]:
                number += 1
                given[place] = number
            side.append(Pointed(given[place], kind, x, y, experts))
    return sides


def _distinct(session: Session, animal: str) -> list[tuple[str, float, float, int]]:
    """Return kind, place and experts of each mark of an animal; what several pointed at is one."""
    row = session.get(AnimalRow, animal) or abort(404)
    near = ONE_MARK * max(row.crop[2] - row.crop[0], row.crop[3] - row.crop[1])
    found: list[tuple[str, float, float, set[str]]] = []
    for mark in session.exec(select(MarkRow).where(MarkRow.animal == animal).order_by(col(MarkRow.id))):
        same = [one for one in found if one[0] == mark.kind and np.hypot(one[1] - mark.x, one[2] - mark.y) <= near]
        if same:
            same[0][3].add(mark.person)
        else:
            found.append((mark.kind, mark.x, mark.y, {mark.person}))
    return [(kind, x, y, len(experts)) for kind, x, y, experts in found]


def _nearest(marks: Sequence[tuple[str, float, float, int]], kind: str, x: float, y: float) -> int | None:
    alike = [(float(np.hypot(mark[1] - x, mark[2] - y)), place) for place, mark in enumerate(marks) if mark[0] == kind]
    return min(alike)[1] if alike else None


def _passed_on(session: Session, subject: str) -> tuple[str, ...]:
    return tuple(one.person for one, _ in live_answers(session, Question.PAIR, subject) if one.skipped)


def _hindrance(session: Session, account: AccountRow, subject: str) -> Hindrance | None:
    try:
        free_task(session, account, Question.PAIR, subject, here().services.now())
    except NotFree as error:
        return error.why
    return None


def _likeness(session: Session, row: DisputeRow) -> Likeness:
    first, second = sorted((row.first, row.second))
    model = serving_version(session, "reidentifier") or FROZEN
    compared = session.get(LikenessRow, (first, second))
    vectors = [session.get(EmbeddingRow, (name, model)) for name in (first, second)]
    looked = [np.frombuffer(one.packed, dtype=np.float16).astype(np.float64) for one in vectors if one]
    cosine = float(looked[0] @ looked[1]) if len(looked) == 2 else None
    return Likeness(cosine, compared.local if compared else None)


def _history(session: Session, individuals: Sequence[str]) -> tuple[Decided, ...]:
    found = {one.row.id: one for name in individuals for one in history(session, name, most=HISTORY)}
    return tuple(found[number] for number in sorted(found, key=lambda number: -(number or 0)))
