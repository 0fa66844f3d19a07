"""One tile's consensus from its raw answers, and what Label Studio should make of its task."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlmodel import Session, col, delete, or_, select

from active_learning.ballots import answers, latest
from active_learning.consensus import NoVotes, agree
from active_learning.retirement import Step, Stopping, next_step
from active_learning.usability import unusable
from haulout.answers import FOR_GOLD, HELD, find_task, is_imported, newest_crowd, read_votes
from haulout.config import Settings
from haulout.db import reading, writing
from haulout.services import Services, Tell, silently
from haulout.settle.animals import name_animals
from haulout.settle.people import Knowledge, knowledge
from haulout.tables import AnswerRow, BrokenRow, ConsensusRow, ExclusionRow, TaskRow, TileRow
from labeling_configs.vocabulary import ABOUT_TILES, Consensus, ConsensusBox, Disturbance, Question, Tile, Vote

EXPERT_WORD = 0.95
"""The probability of a box an expert drew or left standing: published observers err on one capture in eight."""


def settle(services: Services, tell: Tell = silently, *, everything: bool = False) -> int:
    """Settle every tile whose answers changed since its consensus was made; return how many were settled.

    With `everything` all consensus is rebuilt from the raw answers. Each tile is one transaction, and needs only what
    was learned of people before: one new vote settles one tile.
    """
    _close_gold(services)
    with reading(services.database) as session:
        waiting, known = _waiting(session, everything), knowledge(session)
    for done, tile in enumerate(waiting):
        tell("Merging the votes", done, len(waiting))
        with writing(services.database) as session:
            _settle(services, session, tile, known)
    return len(waiting)


def _close_gold(services: Services) -> None:
    """Gold is asked of one person each time; its answers are learned from and never settle the tile."""
    with writing(services.database) as session:
        answered = select(TaskRow).join(AnswerRow, col(AnswerRow.task) == TaskRow.id)
        for task in session.exec(answered.where(TaskRow.gold > 0, TaskRow.state == "open")):
            task.state = "retired"
            session.add(task)


def _waiting(session: Session, everything: bool) -> list[str]:
    """Tiles with answers that came, or whose people were excluded, taken back or learned anew since they were settled.

    Whoever learned about people may have been killed before anything was settled with it.
    """
    query = (
        select(TaskRow.subject)
        .join(AnswerRow, col(AnswerRow.task) == TaskRow.id)
        .outerjoin(ConsensusRow, col(ConsensusRow.tile) == TaskRow.subject)
        .outerjoin(ExclusionRow, col(ExclusionRow.person) == AnswerRow.person)
        .where(col(TaskRow.question).in_(ABOUT_TILES), TaskRow.gold == 0)
    )
    if not everything:
        settled = col(ConsensusRow.settled_at)
        fresh = or_(col(AnswerRow.received_at) >= settled, col(ExclusionRow.at) >= settled)
        if newest := newest_crowd(session):
            fresh = or_(fresh, settled < newest.at)
        query = query.where(or_(col(ConsensusRow.tile).is_(None), fresh))
    return sorted(set(session.exec(query)))


def _settle(services: Services, session: Session, tile_id: str, known: Knowledge) -> None:
    row = session.get(TileRow, tile_id)
    task = find_task(session, Question.BOXES, tile_id)
    if row is None or task is None:
        return
    tile = row.word()
    everybody = _votes(session, Question.BOXES, tile)
    votes = [vote for vote in everybody if known.counts(vote.person)]
    brought = sum(is_imported(vote.person) for vote in latest(votes))
    asked = sum(not is_imported(vote.person) for vote in latest(everybody))
    unheard = asked - (len(latest(votes)) - brought)
    expert = [vote for vote in _votes(session, Question.BOX_DISPUTE, tile) if not vote.skipped]
    consensus = _agreed(votes, known, services.settings)
    doubt = unusable(votes, known.usability)
    rules = stopping(services.settings)
    decision = next_step(consensus, votes, doubt, replace(rules, most=max(1, rules.most - unheard)))
    if expert:
        consensus, state = _as_expert_says(expert[-1]), "unusable" if expert[-1].unusable else "agreed"
    else:
        state = _state(decision.step, doubt)
    if task.state == HELD:
        # Files that contradict each other wait for people: an expert is asked when those disagree.
        state = "open" if state == "disputed" else state
    else:
        task.state = "retired" if state != "open" else "open"
    if task.state == "open":
        # Label Studio counts everybody who opened the task, also those whose word does not count, and no file.
        task.overlap = max(task.overlap, decision.overlap + unheard - brought)
    session.add(task)
    _ask_expert(services, session, task, wanted=state == "disputed", answered=bool(expert))
    found = consensus or Consensus(tile.id, (), voters=0, agreement=0.0)
    stored = ConsensusRow(
        tile=tile.id,
        state=state,
        voters=found.voters,
        agreement=found.agreement,
        boxes=_rows_of(found),
        missed=found.missed,
        risk=1 - EXPERT_WORD if expert else decision.risk,
        unusable=doubt,
        by_expert=bool(expert) and state == "agreed",
        disturbed=_disturbed(expert[-1:] or votes),
        settled_at=services.now(),
    )
    session.merge(stored)
    session.flush()
    name_animals(services, session, tile.photo)


def unlike_votes(services: Services) -> Iterator[str]:
    """Yield the settled tiles whose boxes are not what their votes lead to now, those that wait to be settled apart."""
    with reading(services.database) as session:
        waiting, known = set(_waiting(session, everything=False)), knowledge(session)
        for row in session.exec(select(ConsensusRow).order_by(ConsensusRow.tile)):
            tile = session.get(TileRow, row.tile)
            if tile is not None and row.tile not in waiting:
                found = _now(services, session, tile.word(), known)
                if (_rows_of(found), found.voters) != (row.boxes, row.voters):
                    yield row.tile


def _now(services: Services, session: Session, tile: Tile, known: Knowledge) -> Consensus:
    read = [vote for vote, _, _ in read_votes(session, Question.BOXES, tile, gold=False)]
    spoken = [vote for vote, _, _ in read_votes(session, Question.BOX_DISPUTE, tile, gold=False) if not vote.skipped]
    if spoken:
        return _as_expert_says(spoken[-1])
    votes = [vote for vote in read if known.counts(vote.person)]
    return _agreed(votes, known, services.settings) or Consensus(tile.id, (), voters=0, agreement=0.0)


def _rows_of(consensus: Consensus) -> list[list[Any]]:
    return [[*box.box, box.probability, list(box.drawn_by), box.misplaced] for box in consensus.boxes]


def stopping(settings: Settings) -> Stopping:
    """Return when to stop asking, as configured."""
    return Stopping(
        risk=settings.wanted_risk,
        missed=settings.cost_missed,
        false=settings.cost_false,
        misplaced=settings.cost_misplaced,
        worthwhile=settings.worthwhile,
        least=settings.least_votes,
        most=settings.most_votes,
        smallest=settings.smallest_animal,
    )


def _votes(session: Session, question: Question, tile: Tile) -> list[Vote]:
    """Read the tile's votes, and write down which parts of them could not be read."""
    votes = []
    for vote, answer, broken in read_votes(session, question, tile, gold=False):
        votes.append(vote)
        session.exec(delete(BrokenRow).where(col(BrokenRow.answer) == answer.id))
        session.add_all(BrokenRow(answer=answer.id or 0, what=part.what, reason=part.reason) for part in broken)
    return votes


def _agreed(votes: Sequence[Vote], known: Knowledge, settings: Settings) -> Consensus | None:
    try:
        return agree(votes, known.crowd, known.trust, settings.smallest_animal)
    except NoVotes:
        return None


def _disturbed(votes: Sequence[Vote]) -> dict[str, int]:
    """Count who saw what among the people whose boxes count."""
    ticked = Counter(kind for vote in answers(votes) for kind in vote.disturbances)
    return {kind.value: ticked[kind] for kind in Disturbance if ticked[kind]}


def _as_expert_says(vote: Vote) -> Consensus:
    boxes = tuple(ConsensusBox((b[0], b[1], b[2], b[3]), EXPERT_WORD, (vote.person,)) for b in vote.boxes.tolist())
    return Consensus(vote.tile, boxes, voters=1, agreement=1.0)


def _state(step: Step, unusable: float) -> str:
    if step is Step.EXPERT:
        return "disputed"
    if step is Step.ASK_MORE:
        return "open"
    return "unusable" if unusable > 0.5 else "agreed"


def _ask_expert(services: Services, session: Session, task: TaskRow, *, wanted: bool, answered: bool) -> None:
    """Open a dispute when it is wanted; close it when an expert spoke, or when volunteers came to agree."""
    dispute = find_task(session, Question.BOX_DISPUTE, task.subject)
    if dispute is None and wanted:
        dispute = TaskRow(
            question=Question.BOX_DISPUTE.value,
            subject=task.subject,
            batch=task.batch,
            key=f"{Question.BOX_DISPUTE.value}:{task.subject}",
            priority=task.priority,
            created_at=services.now(),
        )
    if dispute is not None:
        wanted = wanted or dispute.details.get("why") == FOR_GOLD
        dispute.state = "open" if wanted and not answered else "retired"
        session.add(dispute)
