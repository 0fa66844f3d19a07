"""How the figures came about: batches and why their tiles were chosen, people's effort, networks and their exams."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select

from haulout.report import Figure
from haulout.report.effort import Work, read_effort
from haulout.report.span import Span
from haulout.tables import BatchRow, ChosenRow, ConsensusRow, DecisionRow, ModelRow, TileRow
from haulout.web.api.endpoint import Asked
from haulout.web.api.paging import Listed, all_of, paged
from haulout.web.api.parameters import AtSiteInYear, Nothing, Paged
from haulout.web.api.problems import absent
from haulout.web.api.season import known_site
from haulout.web.api.values import Interval, Value, utc
from haulout.web.model import MEASURES, OF_REIDENTIFIERS


class Model(Value):
    """A trained network and what its exam measured."""

    version: str
    kind: str
    """detector or reidentifier."""
    state: str
    """candidate, serving, refused or retired."""
    created_at: datetime
    sha256: str
    """Of its weights."""
    measures: dict[str, Interval]
    champion: dict[str, Interval]
    """What the network that served then measured on the same exam."""
    difference: Interval | None
    """What it scored more than that one: AP50 or rank-1."""


class Decision(Value):
    """What was decided about a network, and why."""

    decision: str
    """promoted, refused or rolled back."""
    reason: str
    replaced: str | None
    by: str
    """exam or operator."""
    at: datetime


class WholeModel(Model):
    """A network, what it learned from, and what was decided about it."""

    code: str
    """Version of the code that trained it."""
    decisions: tuple[Decision, ...]


class Why(Value):
    """The tiles of a batch that were chosen for one reason."""

    reason: str
    tiles: int
    minutes: float
    """People's time that one answer to each was expected to take."""


class Batch(Value):
    """The tiles that one selection sent out."""

    id: int
    created_at: datetime
    goal: str
    """teach, or the figure whose interval it is to narrow."""
    model: str
    seed: int
    code: str
    """Version of Haulout that chose."""
    reasons: tuple[Why, ...]


class Chosen(Value):
    """Why one tile is in a batch."""

    tile: str
    photo: str
    reason: str
    value: float
    """What the label adds per minute of people's time."""
    minutes: float
    novelty: float | None
    """The share of its worth that was left by then; null for tiles that were not chosen by worth."""
    doubts: dict[str, float]
    """What the label would teach, by kind."""
    probability: float | None
    """The chance with which a random draw took it; null for tiles that were not drawn at random."""
    blind: bool
    state: str
    """open, agreed, disputed or unusable."""


class WholeBatch(Batch):
    """A batch and its tiles, the most worth first."""

    tiles: tuple[Chosen, ...]


class Labour(Value):
    """What people of one role did, at all sites."""

    people: int
    answers: int
    skipped: int
    minutes: float
    """Time on the questions, as their browsers measured it."""


class Effort(Value):
    """People's work at all sites, and what came of it at one."""

    site: str
    volunteers: Labour
    experts: Labour
    agreed: int
    """Tiles on which the votes agree."""
    disputed: int
    unusable: int
    agreement: float | None
    """Mean share of voters on the majority's side over agreed tiles."""


def models(asked: Asked[Nothing]) -> Listed[Model]:
    """Tell all networks, oldest first."""
    rows = asked.session.exec(select(ModelRow).order_by(col(ModelRow.created_at), ModelRow.version))
    return all_of(Model.of(row, **_examined(row)) for row in rows)


def model(asked: Asked[Nothing]) -> WholeModel:
    """Tell one network."""
    version = asked.names["version"]
    row = asked.session.get(ModelRow, version) or absent(f"model {version!r}")
    decided = select(DecisionRow).where(DecisionRow.version == version).order_by(col(DecisionRow.id))
    decisions = tuple(Decision.of(one, at=utc(one.at)) for one in asked.session.exec(decided))
    return WholeModel.of(row, **_examined(row), code=str(row.card.get("code", "")), decisions=decisions)


def _examined(row: ModelRow) -> dict[str, Any]:
    return {
        "created_at": utc(row.created_at),
        "measures": _measures(row.exam),
        "champion": _measures(row.exam.get("champion_measures", {})),
        "difference": _interval(Figure.read(row.exam.get("difference"))),
    }


def _measures(exam: Mapping[str, Any]) -> dict[str, Interval]:
    found = {name: _interval(Figure.of(exam, name)) for name in (*MEASURES, *OF_REIDENTIFIERS)}
    return {name: interval for name, interval in found.items() if interval}


def _interval(figure: Figure | None) -> Interval | None:
    return Interval.of(figure) if figure else None


def batches(asked: Asked[Paged]) -> Listed[Batch]:
    """Tell the batches, oldest first."""
    rows, following = paged(asked, select(BatchRow), (col(BatchRow.id),), lambda row: (row.id,))
    whys = _whys(asked.session, [row.id or 0 for row in rows])
    items = (Batch.of(row, created_at=utc(row.created_at), reasons=tuple(whys[row.id or 0])) for row in rows)
    return Listed(items=tuple(items), next=following)


def batch(asked: Asked[Nothing]) -> WholeBatch:
    """Tell one batch with its tiles."""
    session, number = asked.session, asked.number("batch")
    row = session.get(BatchRow, number) or absent(f"batch {number}")
    query = (
        select(ChosenRow, TileRow.photo, ConsensusRow.state)
        .join(TileRow, col(TileRow.id) == ChosenRow.tile)
        .join(ConsensusRow, col(ConsensusRow.tile) == ChosenRow.tile, isouter=True)
        .where(ChosenRow.batch == number)
        .order_by(col(ChosenRow.value).desc(), ChosenRow.tile)
    )
    tiles = tuple(Chosen.of(one, photo=photo, state=state or "open") for one, photo, state in session.exec(query))
    whys = tuple(_whys(session, [number])[number])
    return WholeBatch.of(row, created_at=utc(row.created_at), reasons=whys, tiles=tiles)


def _whys(session: Session, batches: list[int]) -> dict[int, list[Why]]:
    query = (
        select(ChosenRow.batch, ChosenRow.reason, func.count(), func.sum(ChosenRow.minutes))
        .where(col(ChosenRow.batch).in_(batches))
        .group_by(col(ChosenRow.batch), ChosenRow.reason)
        .order_by(func.count().desc(), ChosenRow.reason)
    )
    whys: dict[int, list[Why]] = defaultdict(list)
    for number, reason, tiles, minutes in session.exec(query):
        whys[number].append(Why(reason=reason, tiles=tiles, minutes=minutes))
    return whys


def effort(asked: Asked[AtSiteInYear]) -> Effort:
    """Tell what people gave, and what came of it at a site, in all years or in one."""
    site = known_site(asked.session, asked.query.site)
    told = read_effort(asked.session, Span(site, asked.query.year))
    return Effort.of(told, site=site, volunteers=_labour(told.volunteers), experts=_labour(told.experts))


def _labour(work: Work) -> Labour:
    return Labour.of(work)
