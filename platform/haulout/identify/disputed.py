"""What a dispute rests on: the chain of answers that leads to the contradiction, and what each expert said on it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from sqlmodel import Session, col, func, select

from active_learning.decisions import overruling
from active_learning.identity import Contradiction, Dispute, Pair, settle_identities
from haulout.answers import crop_rectangles, live_answers, read_verdicts
from haulout.identify.decided import read_decisions
from haulout.tables import AnimalRow, DisputeRow, PhotoRow, SightingRow, TaskRow
from labeling_configs.vocabulary import AnimalId, Person, Question, Same, Verdict


@dataclass(frozen=True)
class Said:
    """What each expert said last of one pair."""

    pair: Pair
    verdicts: tuple[Verdict, ...]

    def experts(self, answer: Same) -> tuple[Person, ...]:
        """Return those who gave this answer."""
        return tuple(one.expert for one in self.verdicts if one.answer is answer)


@dataclass(frozen=True)
class Disputed:
    """A dispute with its chain of animals, each called the same as the next, and all that was said of them."""

    dispute: Dispute
    verdicts: tuple[Verdict, ...]
    decided: bool
    """Whether the ends of the chain are held apart by a decision."""

    @property
    def pair(self) -> Pair:
        """The link that was not merged, sorted."""
        return _sorted(*self.dispute.refused)

    @property
    def ends(self) -> Pair:
        """The two animals that cannot be one."""
        return self.dispute.chain[0], self.dispute.chain[-1]

    @cached_property
    def links(self) -> tuple[Said, ...]:
        """What was said of each two neighbours of the chain."""
        chain = self.dispute.chain
        return tuple(self.said(first, second) for first, second in pairwise(chain))

    def said(self, first: str, second: str) -> Said:
        """Return what experts said last of two animals, the oldest answer first."""
        pair = _sorted(AnimalId(first), AnimalId(second))
        return Said(pair, tuple(one for one in self.verdicts if _sorted(one.first, one.second) == pair))


def count_disputes(session: Session) -> int:
    """Return how many disputes are open."""
    return session.exec(select(func.count()).select_from(DisputeRow)).one()


def read_disputed(session: Session, row: DisputeRow, merge_experts: int) -> Disputed:
    """Find the chain again as settling did, from what was said of the individuals of both animals alone.

    Whatever was merged on the way to the contradiction is one individual now, so nothing else bears on it. Where the
    catalogue has gone on since, the pair stands alone.
    """
    ends = AnimalId(row.first), AnimalId(row.second)
    near = _of_their_individuals(session, ends)
    animals = [one.word() for one in _oldest_first(session, near)]
    verdicts = latest_verdicts(session, near)
    apart, together = overruling(read_decisions(session))
    found = settle_identities(animals, verdicts, apart, together, merge_experts).disputes
    same = [one for one in found if set(one.refused) == set(ends)]
    dispute = same[0] if same else Dispute(ends, ends, Contradiction(row.reason))
    return Disputed(dispute, tuple(verdicts), _sorted(dispute.chain[0], dispute.chain[-1]) in apart)


def latest_verdicts(session: Session, animals: Collection[str]) -> list[Verdict]:
    """Return each expert's last answer on each two of these animals, the oldest first."""
    crops = crop_rectangles(session, list(animals))
    latest: dict[tuple[Pair, Person], Verdict] = {}
    for question in (Question.PAIR, Question.GALLERY):
        for answer, task in live_answers(session, question, _subjects(session, question, set(animals))):
            for verdict in read_verdicts(answer, task, crops)[0]:
                pair = _sorted(verdict.first, verdict.second)
                known = latest.get((pair, verdict.expert))
                if pair[0] != pair[1] and (known is None or known.given_at <= verdict.given_at):
                    latest[pair, verdict.expert] = verdict
    inside = [verdict for (pair, _), verdict in latest.items() if set(pair) <= set(animals)]
    return sorted(inside, key=lambda one: (one.given_at, one.expert))


def _of_their_individuals(session: Session, ends: Sequence[str]) -> set[str]:
    named = select(SightingRow.individual).where(col(SightingRow.animal).in_(ends))
    return {*ends, *session.exec(select(SightingRow.animal).where(col(SightingRow.individual).in_(named)))}


def _oldest_first(session: Session, animals: Collection[str]) -> list[AnimalRow]:
    query = select(AnimalRow).join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo)
    order = (col(PhotoRow.taken_at).is_(None), col(PhotoRow.taken_at), col(AnimalRow.id))
    return list(session.exec(query.where(col(AnimalRow.id).in_(list(animals))).order_by(*order)))


def _subjects(session: Session, question: Question, animals: set[str]) -> list[str]:
    """Return what was asked of these animals; a gallery may offer others beside them."""
    asked = session.exec(select(TaskRow.subject).where(TaskRow.question == question.value))
    return sorted({subject for subject in asked if set(subject.split("|")) <= animals})


def _sorted(first: AnimalId, second: AnimalId) -> Pair:
    return (first, second) if first < second else (second, first)
