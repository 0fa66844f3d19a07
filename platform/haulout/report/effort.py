"""What people gave, and how much they agreed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from active_learning.anchoring import Anchoring, from_json
from haulout.answers import newest_crowd
from haulout.report.span import Span
from haulout.tables import AnswerRow, ConsensusRow, PersonRow, PhotoRow, TileRow
from labeling_configs.vocabulary import Role


@dataclass(frozen=True)
class Work:
    """What people of one role did."""

    people: int
    answers: int
    """Answers that stand and were not skipped."""
    skipped: int
    minutes: float
    """Time on the questions, as their browsers measured it."""


@dataclass(frozen=True)
class Effort:
    """Work at all sites and in all years, and what came of it in one season."""

    volunteers: Work
    experts: Work
    agreed: int
    """Tiles on which the votes agree."""
    disputed: int
    unusable: int
    agreement: float | None
    """Mean share of voters on the majority's side over agreed tiles; None before the first one."""
    anchoring: Anchoring | None = None
    """How the machine's boxes sway people, at all sites, as measured the last night; None before the first one."""


def read_effort(session: Session, span: Span) -> Effort:
    """Sum up the answers that stand, and the consensus on the season's tiles."""
    consensus = session.exec(
        select(ConsensusRow.state, func.count(), func.avg(ConsensusRow.agreement))
        .join(TileRow, col(TileRow.id) == ConsensusRow.tile)
        .join(PhotoRow, col(PhotoRow.id) == TileRow.photo)
        .where(*span.photos())
        .group_by(ConsensusRow.state)
    ).all()
    tiles = {state: (count, agreement) for state, count, agreement in consensus}
    agreed, agreement = tiles.get("agreed", (0, None))
    given = _given(session)
    return Effort(
        volunteers=_work([one for one in given if one.role == Role.VOLUNTEER.value]),
        experts=_work([one for one in given if one.role in (Role.EXPERT.value, Role.OPERATOR.value)]),
        agreed=agreed,
        disputed=tiles.get("disputed", (0, None))[0],
        unusable=tiles.get("unusable", (0, None))[0],
        agreement=None if agreement is None else float(agreement),
        anchoring=_anchoring(session),
    )


def _given(session: Session) -> list[Any]:
    """Return role, person, skipped and seconds of each answer that stands; the answers themselves may be large.

    Boxes that a file brought are not work that anybody did here.
    """
    return list(
        session.exec(
            select(PersonRow.role, AnswerRow.person, AnswerRow.skipped, AnswerRow.seconds)
            .join(PersonRow, col(PersonRow.id) == AnswerRow.person)
            .where(col(AnswerRow.id).in_(standing()), PersonRow.role != Role.IMPORT.value)
        )
    )


def standing() -> SelectOfScalar[Any]:
    """Return a query for the newest revision of each answer that was not deleted."""
    newest = select(func.max(AnswerRow.id)).group_by(col(AnswerRow.label_studio_annotation))
    return select(col(AnswerRow.id)).where(col(AnswerRow.id).in_(newest), col(AnswerRow.gone).is_(False))


def _anchoring(session: Session) -> Anchoring | None:
    newest = newest_crowd(session)
    return from_json(newest.anchoring) if newest and newest.anchoring else None


def _work(given: Sequence[Any]) -> Work:
    return Work(
        people=len({one.person for one in given}),
        answers=sum(not one.skipped for one in given),
        skipped=sum(one.skipped for one in given),
        minutes=sum(one.seconds for one in given) / 60,
    )
