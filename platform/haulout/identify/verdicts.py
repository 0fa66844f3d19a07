"""What experts said of pairs, in whatever question."""

from collections.abc import Mapping

from sqlmodel import Session

from haulout.answers import crop_rectangles, live_answers, read_verdicts
from labeling_configs.vocabulary import Broken, Question, Verdict


def read_all_verdicts(session: Session) -> tuple[list[Verdict], Mapping[int, tuple[Broken, ...]]]:
    """Return all verdicts, and of each answer what of it could not be read."""
    crops = crop_rectangles(session)
    verdicts: list[Verdict] = []
    broken: dict[int, tuple[Broken, ...]] = {}
    for question in (Question.PAIR, Question.GALLERY):
        for answer, task in live_answers(session, question):
            read, broken[answer.id or 0] = read_verdicts(answer, task, crops)
            verdicts.extend(read)
    return verdicts, broken
