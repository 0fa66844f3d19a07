"""What is known of the volunteers: learned from all votes each night, and whose votes do not count."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlmodel import Session, col, delete, func, select

from active_learning import anchoring as anchored
from active_learning import crowd as crowds
from active_learning import usability as usabilities
from active_learning.ballots import EXPERT
from active_learning.crowd import Crowd
from active_learning.effort import learn_effort
from active_learning.learning import learn_crowd
from active_learning.suspicion import Suspicion, suspicions, trust
from active_learning.usability import Usability, learn_usability
from haulout.answers import excluded_people, is_imported, newest_crowd, read_votes
from haulout.db import reading, writing
from haulout.errors import UnknownPerson
from haulout.services import Services, Tell, silently
from haulout.tables import AnswerRow, ConsensusRow, CrowdRow, ExclusionRow, PersonRow, SuspicionRow, TaskRow, TileRow
from labeling_configs.vocabulary import Origin, Person, Question, TileId, Vote

AFTER = timedelta(hours=24)
"""How old what is known of people may grow before it is learned anew."""
GROWN = 1.5
"""By what factor the answers may grow before that; on the first evening people are strangers."""
LEAST_TRUST = 0.25
"""Below this much trust a vote is kept and learned from, but does not count as one of the people asked."""
GOLD = "#gold"
"""Ends the name under which an answer on gold is learned from: it says something of the person, not of the tile."""


@dataclass(frozen=True)
class Knowledge:
    """What settling a tile needs to know of people."""

    crowd: Crowd
    usability: Usability
    trust: Mapping[Person, float]
    excluded: frozenset[Person]

    def counts(self, person: Person) -> bool:
        """Say whether the person's votes count towards a tile's consensus; suspects keep a part of their say."""
        return person not in self.excluded and self.trust.get(person, 1.0) >= LEAST_TRUST


def knowledge(session: Session) -> Knowledge:
    """Read what was learned last; before the first night everybody is a newcomer."""
    row = newest_crowd(session)
    suspects = session.exec(select(SuspicionRow.person, func.min(SuspicionRow.trust)).group_by(SuspicionRow.person))
    return Knowledge(
        crowd=crowds.from_json(row.learned) if row else Crowd(),
        usability=usabilities.from_json(row.usability) if row else Usability(),
        trust={Person(person): least for person, least in suspects},
        excluded=frozenset(excluded_people(session)),
    )


def learn_people(services: Services, tell: Tell = silently, *, force: bool = False) -> bool:
    """Learn everybody's skill anew and look for spam; say whether that was done.

    It is done once a night, when there are half as many answers again, or now by `force`.
    """
    tell("Learning how well people draw", 0, 0)
    with reading(services.database) as session:
        newest, excluded = newest_crowd(session), excluded_people(session)
        asked = select(func.count()).join(TaskRow, col(TaskRow.id) == AnswerRow.task).select_from(AnswerRow)
        answered = session.exec(asked.where(TaskRow.question == Question.BOXES.value)).one()
        fresh = newest is not None and services.now() - newest.at < AFTER and answered < GROWN * newest.answers
        if not force and (fresh or not answered):
            return False
        votes = [vote for vote in _all_votes(session) if vote.person not in excluded]
    # From scratch: what was learned before must not decide what is learned now.
    crowd = learn_crowd(votes, smallest=services.settings.smallest_animal)
    humans = [vote for vote in votes if vote.person != EXPERT and not vote.tile.endswith(GOLD)]
    # A file cannot call a picture unusable, and its boxes were drawn elsewhere, with who knows what before their eyes.
    askable = [vote for vote in humans if not is_imported(vote.person)]
    usability, suspects = learn_usability(askable), suspicions(humans)
    with writing(services.database) as session:
        row = CrowdRow(answers=answered, learned=crowds.to_json(crowd), at=services.now())
        row.usability = usabilities.to_json(usability)
        believed = trust(suspects)
        honest = [vote for vote in askable if believed.get(vote.person, 1.0) >= LEAST_TRUST]
        row.effort = learn_effort(honest).to_json()
        row.anchoring = anchored.to_json(anchored.anchoring(honest, crowd))
        session.add(row)
        _note_suspects(session, suspects, services)
    return True


def exclude_person(services: Services, person: str, *, excluded: bool, reason: str, by: str = "operator") -> None:
    """Leave a person's votes out from now on, or count them again; all tiles they touched are settled anew next."""
    with writing(services.database) as session:
        if session.get(PersonRow, person) is None:
            known = ", ".join(session.exec(select(PersonRow.id).order_by(PersonRow.id))) or "nobody yet"
            raise UnknownPerson(f"There is no person {person!r}. The people page lists them; known: {known}.")
        session.add(ExclusionRow(person=person, excluded=excluded, reason=reason, by=by, at=services.now()))


def _note_suspects(session: Session, suspects: tuple[Suspicion, ...], services: Services) -> None:
    session.exec(delete(SuspicionRow))
    for suspect in suspects:
        row = SuspicionRow(
            person=suspect.person,
            kind=suspect.kind.value,
            evidence=suspect.evidence,
            trust=trust((suspect,))[suspect.person],
            tiles=list(suspect.tiles),
            reason=suspect.reason,
            at=services.now(),
        )
        session.add(row)


def _all_votes(session: Session) -> list[Vote]:
    """Return all votes; where an expert settled a tile, the expert's word stands beside them as one more voice."""
    asked = select(TaskRow.subject).join(AnswerRow, col(AnswerRow.task) == TaskRow.id).distinct()
    subjects = sorted(session.exec(asked.where(TaskRow.question == Question.BOXES.value)))
    settled = {row.tile: row for row in session.exec(select(ConsensusRow).where(col(ConsensusRow.by_expert)))}
    votes = []
    for subject in subjects:
        tile = session.get_one(TileRow, subject).word()
        plain = [vote for vote, _, _ in read_votes(session, Question.BOXES, tile, gold=False)]
        gold = [_elsewhere(vote) for vote, _, _ in read_votes(session, Question.BOXES, tile, gold=True)]
        votes += [*plain, *gold]
        if subject in settled and (plain or gold):
            word = _expert_vote(settled[subject], (plain or gold)[0])
            votes += [word] * bool(plain) + [_elsewhere(word)] * bool(gold)
    return votes


def _elsewhere(vote: Vote) -> Vote:
    return replace(vote, tile=TileId(vote.tile + GOLD))


def _expert_vote(row: ConsensusRow, beside: Vote) -> Vote:
    boxes = row.accepted()
    tile = TileId(row.tile)
    return Vote(EXPERT, tile, boxes, (Origin.DRAWN,) * len(boxes), beside.given_at, 0.0, blind=True)
