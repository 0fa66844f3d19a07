"""What each volunteer drew, and the networks that drew beside them."""

import json
from collections.abc import Iterator, Sequence

from sqlmodel import col, func, select

from haulout.answers import excluded_people, read_vote
from haulout.exports.contents import Cell, Column, Table
from haulout.exports.source import Source, utc
from haulout.tables import AnswerRow, ModelRow, PersonRow, PhotoRow, TaskRow, TileRow
from labeling_configs.vocabulary import Question

ANSWERS_AT_ONCE = 500

VOTES = (
    Column("voteID", "string", "This answer"),
    Column("photo", "string", "SHA-256 of the photo's file; the media file of this name"),
    Column("tile", "string", "The part of the photo that was shown: left, top, right and bottom edge", "px"),
    Column("person", "string", "A pseudonym"),
    Column("role", "string", "volunteer, expert or operator"),
    Column("votedAt", "datetime", "When the answer was given"),
    Column("seconds", "number", "How long it took", "s"),
    Column("blind", "boolean", "Whether no boxes of the machine were shown"),
    Column("shownModel", "string", "The model whose boxes were shown; empty when blind"),
    Column("skipped", "boolean", "Whether the person did not want to answer"),
    Column("unusable", "boolean", "Whether the person found that the picture cannot be judged"),
    Column("disturbances", "string", "What the person saw disturb the animals, separated by |"),
    Column("boxes", "string", "The animals as a JSON list of left, top, right and bottom edges in the photo", "px"),
    Column("excluded", "boolean", "Whether the operator has excluded this person: such votes do not count"),
)
MODELS = (
    Column("model", "string", "The network's version"),
    Column("kind", "string", "detector or reidentifier"),
    Column("state", "string", "candidate, serving, refused or retired"),
    Column("sha256", "string", "SHA-256 of its weights"),
    Column("createdAt", "datetime", "When it was stored"),
    Column("seed", "integer", "The seed it was trained with"),
    Column("code", "string", "The code that trained it"),
    Column("exam", "string", "The figures of its exam as JSON"),
)


def votes(source: Source, name: str) -> Table:
    """Return the answers to open questions about tiles, newest revision each.

    Answers to tiles whose answer is known, and what experts said of disputed ones, are left out: they would show
    volunteers on which tiles they are tested.
    """
    return Table(name, VOTES, _votes(source))


def models(source: Source, name: str) -> Table:
    """Return all trained networks."""
    rows = source.session.exec(select(ModelRow).order_by(ModelRow.version)).all()
    return Table(name, MODELS, [_model(row) for row in rows])


def _votes(source: Source) -> Iterator[Sequence[Cell]]:
    excluded = excluded_people(source.session)
    roles = {row.id: row.role for row in source.session.exec(select(PersonRow))}
    newest = select(func.max(AnswerRow.id)).group_by(col(AnswerRow.label_studio_annotation))
    query = (
        select(AnswerRow, TaskRow, TileRow)
        .join(TaskRow, col(TaskRow.id) == AnswerRow.task)
        .join(TileRow, col(TileRow.id) == TaskRow.subject)
        .join(PhotoRow, col(PhotoRow.id) == TileRow.photo)
        .where(TaskRow.question == Question.BOXES.value, TaskRow.gold == 0, col(PhotoRow.site).in_(source.sites))
        .where(col(AnswerRow.id).in_(newest), col(AnswerRow.gone).is_(False))
        .order_by(col(AnswerRow.id))
    )
    for answer, task, tile in source.session.exec(query.execution_options(yield_per=ANSWERS_AT_ONCE)):
        vote, _ = read_vote(answer, task, tile.word())
        yield (
            str(answer.id),
            tile.photo,
            " ".join(str(edge) for edge in tile.shown),
            answer.person,
            roles.get(answer.person),
            utc(answer.given_at),
            round(answer.seconds, 1),
            vote.blind,
            None if vote.blind else answer.model_shown,
            vote.skipped,
            vote.unusable,
            "|".join(sorted(kind.value for kind in vote.disturbances)),
            json.dumps([[round(edge, 1) for edge in box] for box in vote.boxes.tolist()]),
            answer.person in excluded,
        )


def _model(row: ModelRow) -> Sequence[Cell]:
    seed, code = row.card.get("seed"), row.card.get("code")
    figures = {name: value for name, value in sorted(row.exam.items()) if isinstance(value, int | float | str)}
    return (
        row.version,
        row.kind,
        row.state,
        row.sha256,
        utc(row.created_at),
        seed if isinstance(seed, int) else None,
        code if isinstance(code, str) else None,
        json.dumps(figures, sort_keys=True) if figures else None,
    )
