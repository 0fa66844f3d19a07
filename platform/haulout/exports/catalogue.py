"""The catalogue of individuals as tables: who is known, where each was seen, in what condition, and who said so."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from sqlmodel import col, func, select

from haulout.answers import crop_rectangles, excluded_people, read_verdicts
from haulout.exports.contents import Cell, Column, Table
from haulout.exports.source import Source, utc
from haulout.tables import (
    AnimalRow,
    AnswerRow,
    ConditionRow,
    IndividualRow,
    PhotoRow,
    SightingRow,
    TaskRow,
)
from labeling_configs.vocabulary import Question

SPECIES = "Odobenus rosmarus"
ANSWERS_AT_ONCE = 500

INDIVIDUALS = (
    Column("individualID", "string", "The individual; as in the observations or sightings"),
    Column("scientificName", "string", "Its species"),
    Column("firstSeen", "datetime", "When the first dated photo of it was taken, local time with its offset"),
    Column("lastSeen", "datetime", "When the last dated photo of it was taken, local time with its offset"),
    Column("sightings", "integer", "Boxes in photos that experts said are this individual", "sightings"),
    Column("days", "integer", "Different days of them", "days"),
    Column("sites", "string", "The haulouts where it was seen, separated by |"),
    Column("conditions", "string", "What experts saw of its condition, with how often, separated by |"),
    Column("namedAt", "datetime", "When it entered the catalogue"),
)
SIGHTINGS = (
    Column("individualID", "string", "The individual"),
    Column("animal", "string", "Its box, see animals"),
    Column("photo", "string", "SHA-256 of the photo's file"),
    Column("site", "string", "The haulout"),
    Column("camera", "string", "The camera"),
    Column("takenAt", "datetime", "When the photo was taken, local time with its offset; empty when unknown"),
)
DECISIONS = (
    Column("decisionID", "string", "This decision"),
    Column("question", "string", "pair: two animals side by side; gallery: one animal beside several"),
    Column("firstAnimal", "string", "One animal; the observation or box of this name"),
    Column("secondAnimal", "string", "The other animal"),
    Column("verdict", "string", "same, different or cannot_tell"),
    Column("expert", "string", "A pseudonym"),
    Column("decidedAt", "datetime", "When the answer was given"),
    Column("seconds", "number", "How long it took; a gallery's time is shared among its animals", "s"),
    Column("confidence", "integer", "How sure the expert was, as asked; empty when not told"),
    Column("excluded", "boolean", "Whether the operator has excluded this person"),
)


def individuals(source: Source, name: str) -> Table:
    """Return the individuals that were seen at the sites."""
    return Table(name, INDIVIDUALS, _individuals(source))


def sightings(source: Source, name: str) -> Table:
    """Return every box that experts gave a name."""
    rows = (
        (individual, animal, photo.id, photo.site, photo.camera, source.moment(photo.site, photo.taken_at))
        for individual, animal, photo in read_sightings(source)
    )
    return Table(name, SIGHTINGS, rows)


def decisions(source: Source, name: str) -> Table:
    """Return what experts said of two animals each, those left out that are no longer in the consensus."""
    return Table(name, DECISIONS, _decisions(source))


def read_sightings(source: Source) -> Iterator[tuple[str, str, PhotoRow]]:
    """Give individual, animal and photo of every sighting: by individual and time, those without a time last."""
    query = (
        select(SightingRow.individual, SightingRow.animal, PhotoRow)
        .join(AnimalRow, col(AnimalRow.id) == SightingRow.animal)
        .join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo)
        .where(col(PhotoRow.site).in_(source.sites))
        .order_by(SightingRow.individual, col(PhotoRow.taken_at).is_(None), col(PhotoRow.taken_at), SightingRow.animal)
    )
    yield from source.session.exec(query.execution_options(yield_per=1000))


def _individuals(source: Source) -> Iterator[Sequence[Cell]]:
    conditions = _conditions(source)
    named = {row.id: row.named_at for row in source.session.exec(select(IndividualRow))}
    for individual, group in groupby(read_sightings(source), key=lambda sighting: sighting[0]):
        photos = [photo for _, _, photo in group]
        dated = [source.moment(photo.site, photo.taken_at) for photo in photos if photo.taken_at]
        yield (
            individual,
            SPECIES,
            dated[0] if dated else None,
            dated[-1] if dated else None,
            len(photos),
            len({photo.taken_at.date() for photo in photos if photo.taken_at}),
            "|".join(sorted({photo.site for photo in photos})),
            "|".join(f"{sign}:{seen}" for sign, seen in sorted(conditions[individual].items())),
            utc(named.get(individual)),
        )


def _conditions(source: Source) -> Mapping[str, Counter[str]]:
    query = (
        select(SightingRow.individual, ConditionRow.sign, func.count())
        .join(ConditionRow, col(ConditionRow.animal) == SightingRow.animal)
        .group_by(SightingRow.individual, ConditionRow.sign)
    )
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for individual, sign, seen in source.session.exec(query):
        found[individual][sign] = seen
    return found


def _decisions(source: Source) -> Iterator[Sequence[Cell]]:
    excluded = excluded_people(source.session)
    newest = select(func.max(AnswerRow.id)).group_by(col(AnswerRow.label_studio_annotation))
    questions = [Question.PAIR.value, Question.GALLERY.value]
    query = (
        select(AnswerRow, TaskRow)
        .join(TaskRow, col(TaskRow.id) == AnswerRow.task)
        .where(col(TaskRow.question).in_(questions), col(AnswerRow.id).in_(newest), col(AnswerRow.gone).is_(False))
        .order_by(col(AnswerRow.id))
    )
    for answers in source.session.exec(query.execution_options(yield_per=ANSWERS_AT_ONCE)).partitions():
        yield from _verdicts(source, answers, excluded)


def _verdicts(
    source: Source, answers: Iterable[tuple[AnswerRow, TaskRow]], excluded: Iterable[str]
) -> Iterator[Sequence[Cell]]:
    said = list(answers)
    asked = sorted({animal for _, task in said for animal in task.subject.split("|")})
    here, crops = _here(source, asked), crop_rectangles(source.session, asked)
    for answer, task in said:
        read, _ = read_verdicts(answer, task, crops)
        for number, verdict in enumerate(read):
            if task.subject.split("|")[0] in here:
                yield (
                    f"{answer.id}-{number}",
                    task.question,
                    verdict.first,
                    verdict.second,
                    verdict.answer.value,
                    verdict.expert,
                    utc(verdict.given_at),
                    round(verdict.seconds, 1),
                    verdict.confidence,
                    verdict.expert in excluded,
                )


def _here(source: Source, animals: Sequence[str]) -> set[str]:
    """Return which of the animals were seen at the sites that are exported."""
    query = (
        select(AnimalRow.id)
        .join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo)
        .where(col(AnimalRow.id).in_(animals), col(PhotoRow.site).in_(source.sites))
    )
    return set(source.session.exec(query))
