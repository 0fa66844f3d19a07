"""Which identity questions experts are asked next: those whose answers put most animals under the right name."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import partial

import numpy as np
from sqlmodel import Session, col, select

from active_learning.doubts import Cost, deciding_gain, is_enough
from active_learning.expertise import USUAL, Pair, Reliability
from active_learning.inquiry import Inquiry, audit, plan
from haulout.answers import find_task, live_answers
from haulout.db import writing
from haulout.identify.known import AUDIT, Known, pairs_asked, read_known
from haulout.services import Services
from haulout.tables import AnimalRow, TaskRow
from labeling_configs.vocabulary import AnimalId, IndividualId, Person, Question

IDENTITY = (Question.PAIR.value, Question.GALLERY.value)
ANYBODY = Person("")
"""Questions are planned for all experts together; who answers them is the desk's to say."""
AT_ONCE = 5
"""Questions about one animal or individual that may wait at once: experts answer when they can, not when it is best."""
DRAWN = 0.05
"""Share of all questions so far that chance chooses: what they say of the machine and of experts is not biased."""
NOT_MEASURED_YET = Cost(reliability=Reliability(same=USUAL.right, different=1.0))
"""While nobody knows what the machine's word is worth here, the most alike are asked about, however unlikely."""
PURPOSE = 24


def plan_questions(services: Services, model: str) -> int:
    """Write down the galleries and pairs to ask next, until as many wait as one run may ask; return how many."""
    with writing(services.database) as session:
        _close_answered(session)
        tasks = list(session.exec(select(TaskRow).where(col(TaskRow.question).in_(IDENTITY))))
        room = services.settings.pairs_per_run - sum(task.state == "open" for task in tasks)
        if room <= 0:
            return 0
        known = read_known(services, session, model)
        found = _inquiries(services, known, tasks, room)
        most = max((one.gain / one.seconds for one in found), default=0.0) or 1.0
        codes = {animal: code for code, animals in known.individuals.items() for animal in animals}
        planned = [_task(services, one, most, codes) for one in found if _is_new(session, one)]
        session.add_all(planned)
        return len(planned)


def enough(services: Services, known: Known) -> bool:
    """Tell whether so few animals are expected to bear a wrong name that chance alone goes on asking.

    Never while the machine's probabilities were measured on other animals.
    """
    animals = len(known.evidence.animals)
    return known.judged > 0 and is_enough(known.settled, services.settings.wrong_names * animals)


def _inquiries(services: Services, known: Known, tasks: list[TaskRow], room: int) -> list[Inquiry]:
    cost = Cost() if known.judged else NOT_MEASURED_YET
    asked = {pair: {ANYBODY} for pair in pairs_asked(tasks)}
    wanted = [] if enough(services, known) else _wanted(services, known, asked, room, cost)
    drawn_before = sum(task.details.get("reason") == AUDIT for task in tasks)
    due = round(DRAWN * (len(tasks) + len(wanted))) - drawn_before
    asked |= {pair: {ANYBODY} for one in wanted for pair in one.pairs}
    rng = services.rng(PURPOSE, len(tasks))
    drawn = audit(known.settled, ANYBODY, asked, min(max(due, 0), room), cost, rng)
    return [*wanted[: room - len(drawn)], *drawn]


def _wanted(
    services: Services, known: Known, before: Mapping[Pair, Collection[Person]], room: int, cost: Cost
) -> list[Inquiry]:
    """Return what would put most animals under the right name, a few questions about each at most."""
    worth = partial(deciding_gain, agreeing=services.settings.merge_experts)
    # Of a walrus seen once nobody knows yet that it is not one of the others.
    distinct = {animal for animals in known.individuals.values() if len(animals) > 1 for animal in animals}
    asked, wanted = dict(before), list[Inquiry]()
    for _ in range(AT_ONCE):
        left = room - len(wanted)
        more = plan(known.settled, ANYBODY, asked, left, cost, worth=worth, distinct=distinct) if left > 0 else ()
        asked |= {pair: {ANYBODY} for one in more for pair in one.pairs}
        wanted += [one for one in more if not _is_second_gallery(one, wanted)]
    return wanted


def _is_second_gallery(inquiry: Inquiry, planned: list[Inquiry]) -> bool:
    """Tell whether the animal has a gallery already: there is one for each."""
    return len(inquiry.candidates) > 1 and any(
        one.animal == inquiry.animal and len(one.candidates) > 1 for one in planned
    )


def _task(services: Services, inquiry: Inquiry, most: float, codes: dict[AnimalId, IndividualId]) -> TaskRow:
    details: dict[str, object] = {"reason": inquiry.reason.value}
    if inquiry.chance is not None:
        details["chance"] = inquiry.chance
    question, subject = Question.PAIR, "|".join(inquiry.pairs[0])
    if len(inquiry.candidates) > 1:
        question, subject = Question.GALLERY, str(inquiry.animal)
        details["candidates"] = {animal: codes[animal] for animal in inquiry.candidates}
    return TaskRow(
        question=question.value,
        subject=subject,
        key=f"{question.value}:{subject}",
        details=details,
        priority=float(np.clip(inquiry.gain / inquiry.seconds / most, 0, 1)),
        overlap=services.settings.pair_experts,
        created_at=services.now(),
    )


def _is_new(session: Session, inquiry: Inquiry) -> bool:
    """Tell whether the task can be added: there is one gallery for an animal."""
    return len(inquiry.candidates) == 1 or find_task(session, Question.GALLERY, inquiry.animal) is None


def _close_answered(session: Session) -> None:
    """Retire each identity question that as many experts answered as were wanted, or whose animals are gone."""
    known = set(session.exec(select(AnimalRow.id)))
    for question in (Question.PAIR, Question.GALLERY):
        experts = Counter(
            task for task, _ in {(task.id, answer.person) for answer, task in live_answers(session, question)}
        )
        for task in session.exec(select(TaskRow).where(TaskRow.question == question.value)):
            askable = known.issuperset(_shown(task))
            task.state = "open" if askable and experts[task.id] < task.overlap else "retired"
            session.add(task)


def _shown(task: TaskRow) -> Iterable[str]:
    """Return the animals whose pictures the task shows; a new consensus may no longer hold them."""
    return {*task.subject.split("|"), *task.details.get("candidates", ())}
