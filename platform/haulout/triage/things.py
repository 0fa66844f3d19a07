"""Find places where a camera's boxes come back for weeks, ask a person what is there, and keep every decision."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

import numpy as np
from sqlmodel import Session, col, select

from active_learning.overlap import matched_iou
from active_learning.rarity import Light, light
from active_learning.recurring import SAME_PLACE, Place, Rules, Watched, find_recurring, lying_on, reaches
from haulout.db import reading, writing
from haulout.errors import HauloutError
from haulout.services import Services, Tell, silently
from haulout.serving import detector_version
from haulout.spots import ANIMAL, OPEN, STANDS, THING, Things, decisions, read_things
from haulout.tables import ConsensusRow, PhotoRow, ProposalRow, SpotDecisionRow, SpotRow, TileRow
from labeling_configs.vocabulary import Boxes, Rectangle, no_boxes

DECISIONS = (THING, ANIMAL, OPEN)
Settled = Mapping[str, Sequence[tuple[Rectangle, Boxes]]]
Seen = Sequence[tuple[PhotoRow, ProposalRow]]


class UnknownSpot(HauloutError):
    """There is no such place, or no such decision."""


def find_things(services: Services, run: int | None = None, tell: Tell = silently) -> int:
    """Look on each camera for boxes that come back for weeks; return how many places wait for a person.

    Places that nobody decided on are told anew each time; those that somebody did are kept as they were seen.
    """
    tell("Looking for boxes that come back for weeks", 0, 0)
    model, rules = detector_version(services), Rules(weeks=services.settings.static_weeks)
    with reading(services.database) as session:
        cameras, settled, things = _cameras(session, model), _settled(session), read_things(session)
    found = [
        _row(camera, seen, place, model, run, services)
        for camera, seen in cameras.items()
        for place in _found(seen, settled, things, rules)
    ]
    with writing(services.database) as session:
        _extend(session, things, cameras)
        waiting = _replace(session, found)
        _count_again(session, cameras, read_things(session))
    tell(f"{waiting} places may hold a rock or a log: somebody should look", 1, 1)
    return waiting


def _replace(session: Session, found: Sequence[SpotRow]) -> int:
    """Put what was found in the place of what nobody decided on; return how many places wait for a decision."""
    decided = decisions(session)
    known = list(session.exec(select(SpotRow).order_by(col(SpotRow.id))))
    for row in known:
        if row.id not in decided:
            session.delete(row)
    # A thing is asked about again when much surer boxes come back there: its own are left out of what was searched.
    answered = [row for row in known if row.id in decided and decided[row.id].decision != THING]
    fresh = [row for row in found if not _is_among(row, answered)]
    session.add_all(fresh)
    return len(fresh) + sum(decided[row.id or 0].decision == OPEN for row in answered)


def decide(services: Services, spot: int, decision: str, by: str) -> None:
    """Write down what a person says is at the place: thing, animal, or open, which takes back what was said before."""
    if decision not in DECISIONS:
        raise UnknownSpot(f"{decision!r} is no decision about a place; say {', '.join(DECISIONS)}.")
    with writing(services.database) as session:
        row = session.get(SpotRow, spot)
        if row is None:
            known = ", ".join(str(number) for number in session.exec(select(SpotRow.id))) or "none yet"
            raise UnknownSpot(f"There is no place {spot}. Known: {known}; each run looks for them anew.")
        session.add(SpotDecisionRow(spot=spot, decision=decision, by=by, at=services.now()))
        session.flush()
        _count_again(session, _cameras(session, None, (row.site, row.camera)), read_things(session))


def _cameras(
    session: Session, model: str | None, only: tuple[str, str] | None = None
) -> Mapping[tuple[str, str], Seen]:
    """Return each camera's dated photos with the boxes of a detector, or of all; undated ones cannot show weeks."""
    query = select(PhotoRow, ProposalRow).join(ProposalRow, col(ProposalRow.photo) == PhotoRow.id)
    dated = query.where(col(PhotoRow.taken_at).is_not(None))
    if model is not None:
        dated = dated.where(ProposalRow.model == model)
    if only is not None:
        dated = dated.where(PhotoRow.site == only[0], PhotoRow.camera == only[1])
    seen: dict[tuple[str, str], list[tuple[PhotoRow, ProposalRow]]] = defaultdict(list)
    for photo, row in session.exec(dated.order_by(col(PhotoRow.taken_at), col(PhotoRow.id))):
        seen[photo.site, photo.camera].append((photo, row))
    return seen


def _settled(session: Session) -> Settled:
    agreed = select(TileRow, ConsensusRow).join(ConsensusRow, col(ConsensusRow.tile) == TileRow.id)
    told: dict[str, list[tuple[Rectangle, Boxes]]] = defaultdict(list)
    for tile, consensus in session.exec(agreed.where(ConsensusRow.state == "agreed").order_by(col(TileRow.id))):
        told[tile.photo].append((tile.word().core, consensus.accepted()))
    return told


def _found(seen: Seen, settled: Settled, things: Things, rules: Rules) -> tuple[Place, ...]:
    parts = [things.read(photo, row) for photo, row in seen]
    return find_recurring(
        Watched(
            day=np.array([_day(photo).toordinal() for photo, _ in seen], dtype=np.intp),
            visible=np.array([light(row.brightness, row.contrast) is Light.CLEAR for _, row in seen], dtype=np.bool_),
            photo=np.repeat(np.arange(len(seen)), [len(scores) for _, scores in parts]),
            boxes=np.concatenate([no_boxes(), *(boxes for boxes, _ in parts)]),
            scores=np.concatenate([np.zeros(0), *(scores for _, scores in parts)]),
            settled=tuple(_looks(seen, settled)),
        ),
        rules,
    )


def _looks(seen: Seen, settled: Settled) -> Iterator[tuple[int, Rectangle, Boxes]]:
    for number, (photo, _) in enumerate(seen):
        for part, animals in settled.get(photo.id, ()):
            yield number, part, animals


def _row(camera: tuple[str, str], seen: Seen, place: Place, model: str, run: int | None, services: Services) -> SpotRow:
    return SpotRow(
        site=camera[0],
        camera=camera[1],
        box=list(place.box),
        first=date.fromordinal(place.first),
        last=date.fromordinal(place.last),
        best=place.best,
        evidence={
            "days": place.days,
            "photos": place.photos,
            "visible": place.visible,
            "emptied": place.emptied,
            "occupied": place.occupied,
            "examples": [seen[number][0].id for number in place.examples],
        },
        model=model,
        run=run,
        found_at=services.now(),
    )


def _is_among(spot: SpotRow, rows: Iterable[SpotRow]) -> bool:
    same = [row.box for row in rows if (row.site, row.camera) == (spot.site, spot.camera)]
    there = np.array(same, dtype=np.float64).reshape(-1, 4)
    return bool((matched_iou(there, np.broadcast_to(np.array(spot.box), there.shape)) >= SAME_PLACE).any())


def _extend(session: Session, things: Things, cameras: Mapping[tuple[str, str], Seen]) -> None:
    """A thing is believed to be there as long as it is seen again within weeks."""
    for camera, places in things.places.items():
        for place in places:
            days = [
                _day(photo).toordinal()
                for photo, row in cameras.get(camera, ())
                if lying_on(row.boxes(), row.scores(), np.array(place.box), place.best).any()
            ]
            last = reaches(np.array(days, dtype=np.intp), place.last.toordinal(), STANDS.days / 7)
            row = session.get_one(SpotRow, place.id)
            row.last = date.fromordinal(last)
            session.add(row)


def _count_again(session: Session, cameras: Mapping[tuple[str, str], Seen], things: Things) -> None:
    """What a machine expects on a photo is kept beside its boxes, for lists; things are no animals."""
    for seen in cameras.values():
        for photo, stored in seen:
            if not stored.found:
                continue
            expected = float(things.read(photo, stored)[1].sum() / stored.found)
            if abs(expected - stored.expected_animals) > 1e-4:
                row = session.get_one(ProposalRow, (photo.id, stored.model))
                row.expected_animals = expected
                session.add(row)


def _day(photo: PhotoRow) -> date:
    if photo.taken_at is None:
        raise ValueError(f"photo {photo.id} has no day")
    return photo.taken_at.date()
