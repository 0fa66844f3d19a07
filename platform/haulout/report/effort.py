"""What people gave, and how much they agreed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlmodel import Session, col, select

from active_learning.anchoring import Anchoring, from_json
from haulout.answers import live_answers, newest_crowd
from haulout.tables import AnswerRow, ConsensusRow, PersonRow, PhotoRow, TileRow
from labeling_configs.vocabulary import Question, Role


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
    """Work at all sites, and what came of it at one."""

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


def read_effort(session: Session, site: str) -> Effort:
    """Sum up the answers that stand, and the consensus on the site's tiles."""
    roles = dict(session.exec(select(PersonRow.id, PersonRow.role)).all())
    answers = [answer for question in Question for answer, _ in live_answers(session, question)]
    consensus = session.exec(
        select(ConsensusRow)
        .join(TileRow, col(TileRow.id) == ConsensusRow.tile)
        .join(PhotoRow, col(PhotoRow.id) == TileRow.photo)
        .where(PhotoRow.site == site)
    ).all()
    agreement = [row.agreement for row in consensus if row.state == "agreed"]
    return Effort(
        volunteers=_work([answer for answer in answers if roles[answer.person] == Role.VOLUNTEER.value]),
        experts=_work([answer for answer in answers if roles[answer.person] != Role.VOLUNTEER.value]),
        agreed=len(agreement),
        disputed=sum(row.state == "disputed" for row in consensus),
        unusable=sum(row.state == "unusable" for row in consensus),
        agreement=float(np.mean(agreement)) if agreement else None,
        anchoring=_anchoring(session),
    )


def _anchoring(session: Session) -> Anchoring | None:
    newest = newest_crowd(session)
    return from_json(newest.anchoring) if newest and newest.anchoring else None


def _work(answers: Sequence[AnswerRow]) -> Work:
    return Work(
        people=len({answer.person for answer in answers}),
        answers=sum(not answer.skipped for answer in answers),
        skipped=sum(answer.skipped for answer in answers),
        minutes=sum(answer.seconds for answer in answers) / 60,
    )
