"""Which of the open tasks somebody may be given now, and the one that they are given."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from zlib import crc32

from sqlmodel import Session, col, func, or_, select

from active_learning.gold import GoldKind, GoldTile
from active_learning.serving_order import Offer, Standing, choose
from haulout import withheld
from haulout.services import Services
from haulout.tables import (
    AccountRow,
    AnimalRow,
    AnswerRow,
    ChosenRow,
    PersonRow,
    PhotoRow,
    ServedRow,
    SpoolRow,
    SuspicionRow,
    TaskRow,
    TileRow,
)
from labeling_configs.vocabulary import ABOUT_TILES, Question, TileId

PURPOSE = 23
LEAST_TRUST = 0.5
"""Who is trusted less gives no deciding vote; the same bar below which votes do not count, see `settle.people`."""


@dataclass(frozen=True)
class Candidate:
    """An open task that Label Studio knows."""

    id: int
    subject: str
    gold: int
    priority: float
    ordered: float | None
    overlap: int
    minutes: float


def pick(
    services: Services,
    session: Session,
    account: AccountRow,
    question: Question,
    now: datetime,
    *,
    taken: Mapping[int, int] = MappingProxyType({}),
    avoid: Collection[int] = (),
    orderly: bool = True,
) -> int | None:
    """Return the task to give to somebody now, None when there is none for them.

    `taken` counts what others were given that the database does not know, and `avoid` are not to be given. Without
    `orderly` the order is the one that Label Studio was told last.
    """
    known = subjects_of(session, account, question)
    held = places_taken(session, question, now)
    left = [
        one
        for one in _open(session, question)
        if one.subject not in known and one.id not in avoid and held[one.id] + taken.get(one.id, 0) < one.overlap
    ]
    hidden = hidden_tasks(session, question, [one.id for one in left])
    left = [one for one in left if one.id not in hidden]
    kinds = _kinds(session, [one.subject for one in left if one.gold]) if question is Question.BOXES else {}
    least = services.settings.least_votes
    offers = [
        Offer(
            task=one.id,
            priority=one.priority if orderly or one.ordered is None else one.ordered,
            minutes=one.minutes,
            gold=kinds[one.subject] if one.gold else None,
            deciding=question is Question.BOXES and one.overlap > least,
        )
        for one in left
        if not one.gold or one.subject in kinds
    ]
    answers = len(known)
    rng = services.rng(PURPOSE, crc32(account.id.encode()), answers)
    chosen = choose(offers, _standing(services, session, account, answers), services.settings.gold_share, rng)
    return chosen.task if chosen else None


def subjects_of(session: Session, account: AccountRow, question: Question) -> set[str]:
    """Return what the person has answered or skipped to this question, whether it was asked as gold or not."""
    # Which question it was is asked here: a database that begins with that reads all tasks for one person's answers.
    spooled = select(TaskRow.question, TaskRow.subject).join(SpoolRow, col(SpoolRow.task) == TaskRow.id)
    told = set(session.exec(spooled.where(SpoolRow.account == account.id)))
    if account.label_studio_user is not None:
        told |= _stored(session, person_of(session, account.label_studio_user))
    return {subject for asked, subject in told if asked == question.value}


def _stored(session: Session, person: str) -> set[tuple[str, str]]:
    """Return question and subject of all answers of a person that stand."""
    query = (
        select(AnswerRow.label_studio_annotation, AnswerRow.gone, TaskRow.question, TaskRow.subject)
        .join(TaskRow, col(TaskRow.id) == AnswerRow.task)
        .where(AnswerRow.person == person)
        .order_by(col(AnswerRow.id))
    )
    newest = {annotation: (gone, question, subject) for annotation, gone, question, subject in session.exec(query)}
    return {(question, subject) for gone, question, subject in newest.values() if not gone}


def person_of(session: Session, user: int) -> str:
    """Return the pseudonym under which a user's answers are stored."""
    found = session.exec(select(PersonRow.id).where(PersonRow.label_studio_user == user)).first()
    return found or f"person-{user}"


def _open(session: Session, question: Question) -> list[Candidate]:
    query = (
        select(  # type: ignore[call-overload]  # it knows of four columns at most
            TaskRow.id,
            TaskRow.subject,
            TaskRow.gold,
            TaskRow.priority,
            TaskRow.ordered,
            TaskRow.overlap,
            func.coalesce(ChosenRow.minutes, 0.0),
        )
        .outerjoin(ChosenRow, (col(ChosenRow.batch) == TaskRow.batch) & (col(ChosenRow.tile) == TaskRow.subject))
        .where(TaskRow.question == question.value, TaskRow.state == "open", col(TaskRow.label_studio_task).is_not(None))
    )
    return [Candidate(*row) for row in session.exec(query)]


def places_taken(session: Session, question: Question, now: datetime) -> Counter[int]:
    """Count for each open task the people who have answered it or are about to.

    Whoever answers while this is read is counted twice rather than not at all: leases become spooled answers, and these
    become stored ones, so they are read in this order.
    """
    about = (TaskRow.question == question.value, TaskRow.state == "open")
    leased = select(ServedRow.task, func.count()).join(TaskRow, col(TaskRow.id) == ServedRow.task)
    leased = leased.where(*about, ServedRow.ended == "", ServedRow.until > now).group_by(col(ServedRow.task))
    stored = select(AnswerRow.id).where(
        AnswerRow.task == SpoolRow.task, AnswerRow.label_studio_annotation == SpoolRow.label_studio_annotation
    )
    spooled = select(SpoolRow.task, func.count()).join(TaskRow, col(TaskRow.id) == SpoolRow.task)
    unread = or_(col(SpoolRow.label_studio_annotation).is_(None), ~stored.exists())
    spooled = spooled.where(*about, unread).group_by(col(SpoolRow.task))
    newest = select(func.max(AnswerRow.id)).join(TaskRow, col(TaskRow.id) == AnswerRow.task).where(*about)
    newest = newest.group_by(col(AnswerRow.label_studio_annotation))
    given = select(AnswerRow.task, func.count()).where(
        col(AnswerRow.id).in_(newest), col(AnswerRow.gone).is_(False), AnswerRow.label_studio_annotation > 0
    )
    given = given.group_by(col(AnswerRow.task))
    counted: Counter[int] = Counter()
    for query in (leased, spooled, given):
        counted.update(dict(session.exec(query).all()))
    return counted


def hidden_tasks(session: Session, question: Question, tasks: Collection[int]) -> set[int]:
    """Return those of the tasks that show a photo which is withheld."""
    photos = withheld.photos(session)
    if not photos or not tasks:
        return set()
    row = TileRow if question in ABOUT_TILES else AnimalRow
    hidden = set(session.exec(select(row.id).where(col(row.photo).in_(photos))))
    shown = select(TaskRow.id, TaskRow.subject, TaskRow.details).where(col(TaskRow.id).in_(tasks))
    return {task or 0 for task, subject, details in session.exec(shown) if hidden & shown_in(subject, details)}


def shown_in(subject: str, details: Mapping[str, object]) -> set[str]:
    """Return the tile or the animals that a task shows."""
    offered = details.get("candidates")
    return {*subject.split("|"), *(offered if isinstance(offered, dict) else ())}


def _kinds(session: Session, tiles: Collection[str]) -> dict[str, GoldKind]:
    """Say of tiles with a known answer whether they teach or measure."""
    query = select(TileRow.id, PhotoRow.split).join(PhotoRow, col(PhotoRow.id) == TileRow.photo)
    rows = session.exec(query.where(col(TileRow.id).in_(tiles))) if tiles else ()
    return {tile: GoldTile(TileId(tile), 0, split == "exam").kind for tile, split in rows}


def _standing(services: Services, session: Session, account: AccountRow, answers: int) -> Standing:
    user = account.label_studio_user
    trust = None
    if user is not None:
        person = person_of(session, user)
        trust = session.exec(select(func.min(SuspicionRow.trust)).where(SuspicionRow.person == person)).one()
    newcomer = account.role == "volunteer" and answers < services.settings.newcomer_tiles
    return Standing(newcomer=newcomer, trusted=trust is None or trust >= LEAST_TRUST)
