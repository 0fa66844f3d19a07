"""All evidence on who is who, with the catalogue as decided: what questions and the census are made from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlmodel import Session, col, select

from active_learning.decisions import overruling
from active_learning.evidence import Evidence, Scores, expit, gather, logit
from active_learning.expertise import Answers, Pair, latest_answers, learn_reliability
from active_learning.partition import Settled, as_decided
from haulout.comparing import in_columns
from haulout.identify.decided import read_decisions
from haulout.identify.likeness import recognisable
from haulout.identify.verdicts import read_all_verdicts
from haulout.services import Services
from haulout.serving import FROZEN, ON_THIS_CATALOGUE, serving_fusion
from haulout.tables import LikenessRow, SightingRow, TaskRow
from haulout_models.fusion import Fusion, Pairs, fit_fusion
from labeling_configs.vocabulary import AnimalId, IndividualId, Question, Same

AUDIT = "audit"
"""The reason of a pair that was drawn at random."""
USUAL_SHARE, WORTH = 0.01, 100.0
"""The share of compared pairs that are one walrus before any was drawn; as good as so many drawn pairs."""

SLIGHTLY = 1e-4
"""Log odds per likeness that order those for which the evidence was cut at the same value."""


@dataclass(frozen=True)
class Known:
    """The evidence, the catalogue as the ledger has it, and what the machine's part of the evidence rests on."""

    settled: Settled
    individuals: Mapping[IndividualId, tuple[AnimalId, ...]]
    answers: Answers
    judged: int
    """Pairs of this catalogue that the machine's probabilities rest on; 0 while they were measured on other animals."""

    @property
    def evidence(self) -> Evidence:
        """What speaks for and against."""
        return self.settled.evidence


def read_known(services: Services, session: Session, model: str) -> Known:
    """Put together what the machine compared, what experts said and what was decided."""
    seen = recognisable(session, model)
    answers = latest_answers(read_all_verdicts(session)[0])
    rows = list(session.exec(select(LikenessRow).order_by(LikenessRow.first, LikenessRow.second)))
    pairs: list[Pair] = [(AnimalId(row.first), AnimalId(row.second)) for row in rows]
    photo = dict(zip(seen.names, seen.photos, strict=True))
    ends = [(photo[first], photo[second]) for first, second in pairs]
    columns = in_columns([row.cosine for row in rows], [row.local for row in rows], ends)
    fusion = serving_fusion(services, model)
    if model == FROZEN:
        fusion = _fitted(columns, [_agreed(answers, pair) for pair in pairs], fusion)
    prior = _share_of_same(session, answers)
    ratio = fusion.evidence(columns) + SLIGHTLY * columns.likeness
    odds = dict(zip(pairs, (ratio + float(logit(prior))).tolist(), strict=True))
    individuals = _individuals(session)
    evidence = gather(
        [animal.word() for animal in seen.animals],
        Scores(pairs, expit(ratio + float(logit(prior))), prior),
        answers,
        learn_reliability(answers, odds),
        cannot_link=overruling(read_decisions(session))[0],
    )
    judged = fusion.pairs if fusion.measured == ON_THIS_CATALOGUE else 0
    return Known(as_decided(evidence, individuals.values()), individuals, answers, judged)


def pairs_asked(tasks: Iterable[TaskRow]) -> set[Pair]:
    """Return the pairs that pair and gallery tasks ask about, answered or not."""
    pairs: set[Pair] = set()
    for task in tasks:
        if task.question == Question.PAIR.value:
            first, second = task.subject.split("|")
            pairs.add((AnimalId(first), AnimalId(second)))
        else:
            ends = ((task.subject, other) for other in task.details["candidates"])
            pairs |= {(AnimalId(min(one)), AnimalId(max(one))) for one in ends}
    return pairs


def _individuals(session: Session) -> dict[IndividualId, tuple[AnimalId, ...]]:
    found: dict[IndividualId, list[AnimalId]] = {}
    for row in session.exec(select(SightingRow).order_by(col(SightingRow.individual), col(SightingRow.animal))):
        found.setdefault(IndividualId(row.individual), []).append(AnimalId(row.animal))
    return {code: tuple(animals) for code, animals in found.items()}


def _share_of_same(session: Session, answers: Answers) -> float:
    """Return the chance that two compared animals are one, learned without bias from pairs that chance alone chose."""
    drawn = session.exec(select(TaskRow).where(TaskRow.question == Question.PAIR.value)).all()
    random = pairs_asked(task for task in drawn if task.details.get("reason") == AUDIT)
    said = [given for pair in sorted(random) if (given := _agreed(answers, pair)) is not None]
    return (USUAL_SHARE * WORTH + sum(said)) / (WORTH + len(said))


def _agreed(answers: Answers, pair: Pair) -> bool | None:
    """Return what more experts said of a pair than the contrary, None where nobody did or they are equal."""
    given = list(answers.get(pair, {}).values())
    balance = given.count(Same.SAME) - given.count(Same.DIFFERENT)
    return None if balance == 0 else balance > 0


def _fitted(pairs: Pairs, told: Sequence[bool | None], otherwise: Fusion) -> Fusion:
    """Weigh the evidence on pairs that experts agree on, if there are enough.

    Experts see the pairs that look alike, so this holds among such pairs, which are those that it is asked of.
    """
    judged = np.array([row for row, same in enumerate(told) if same is not None], dtype=np.int64)
    same = np.array([told[row] for row in judged.tolist()], dtype=bool)
    return fit_fusion(pairs.rows(judged), same, otherwise, ON_THIS_CATALOGUE)
