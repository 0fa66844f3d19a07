"""Learn from labelled photos that the detector never saw which photos are likely empty, and judge all photos by it."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, delete, select

from active_learning.emptiness import Cut, choose_cut
from active_learning.pool import Reason
from active_learning.triage import Looked, Triage, learn
from haulout.aside import ANIMALS, EMPTY, LOOK, newest_triage
from haulout.db import reading, writing
from haulout.services import Services, Tell, silently
from haulout.serving import detector_version
from haulout.spots import Things, read_things
from haulout.tables import ChosenRow, ConsensusRow, ModelRow, PhotoRow, ProposalRow, TileRow, TriagedRow, TriageRow

SURE = 0.9
"""From this chance on a photo holds animals; between this and the cut people should look."""
BY_CHANCE = (Reason.RANDOM.value, Reason.EXAM.value)

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class _Photos:
    """All photos that the detector has looked at, and what people know of some of them."""

    ids: Sequence[str]
    days: Sequence[str]
    bursts: Sequence[str]
    looked: Looked
    occupied: Bools
    """Whether people found an animal there; False too where nobody looked."""
    fair: Bools
    """Settled as a whole, asked by chance and unknown to the detector: triage is learned from these."""

    def digest(self, wanted: float) -> str:
        content = hashlib.sha256(repr((wanted, list(self.ids))).encode())
        for column in (self.looked.boxes, self.looked.looks, self.occupied, self.fair):
            content.update(np.ascontiguousarray(column).tobytes())
        return content.hexdigest()


def triage_photos(services: Services, run: int | None = None, tell: Tell = silently) -> int | None:
    """Learn triage anew and judge every photo; return how many are likely empty, None before a machine has looked.

    Only exam photos are learned from once a detector is trained here: it has seen the others. Nothing of it flows back
    into a detector. The same photos and answers give the same triage, and are not learned from again.
    """
    tell("Telling which photos are likely empty", 0, 0)
    model, wanted = detector_version(services), services.settings.missed_photos
    with reading(services.database) as session:
        photos = _read(session, model)
        known = newest_triage(session, model)
    if photos is None:
        return None
    digest = photos.digest(wanted)
    triage, held_out = learn(
        photos.looked.only(photos.fair), photos.occupied[photos.fair], _at(photos.days, photos.fair)
    )
    cut = choose_cut(held_out, photos.occupied[photos.fair], _at(photos.bursts, photos.fair), wanted)
    chances = triage.chances(photos.looked)
    with writing(services.database) as session:
        if known is None or known.digest != digest:
            known = _stored(triage, cut, photos, model, wanted, digest)
            known.run, known.at = run, services.now()
            session.add(known)
            session.flush()
        session.exec(delete(TriagedRow))
        session.add_all(_judged(known.id or 0, photos, chances, cut))
    empty = int(((chances < cut.chance) & ~photos.occupied).sum())
    tell(_told(cut, empty, len(photos.ids)), 1, 1)
    return empty


def _stored(triage: Triage, cut: Cut, photos: _Photos, model: str, wanted: float, digest: str) -> TriageRow:
    negatives = int((photos.fair & ~photos.occupied).sum())
    return TriageRow(
        model=model, digest=digest, learned=triage.to_json(), wanted=wanted, cut=asdict(cut), negatives=negatives
    )


def _judged(triage: int, photos: _Photos, chances: NDArray[np.float64], cut: Cut) -> list[TriagedRow]:
    """A photo in which people found an animal holds one, whatever the machine says."""
    verdicts = np.where(chances < cut.chance, EMPTY, np.where(chances >= SURE, ANIMALS, LOOK))
    verdicts = np.where(photos.occupied, ANIMALS, verdicts)
    return [
        TriagedRow(photo=photo, triage=triage, chance=round(float(chance), 6), verdict=str(verdict))
        for photo, chance, verdict in zip(photos.ids, chances, verdicts, strict=True)
    ]


def _told(cut: Cut, empty: int, photos: int) -> str:
    if not cut.enough:
        return f"No photo is set aside: {cut.positives} labelled photos with animals, {cut.needed} are needed"
    return f"{empty} of {photos} photos are likely empty, at most {cut.bound:.1%} of those with animals are missed"


def _read(session: Session, model: str) -> _Photos | None:
    query = select(PhotoRow, ProposalRow).join(ProposalRow, col(ProposalRow.photo) == PhotoRow.id)
    seen = session.exec(query.where(ProposalRow.model == model).order_by(col(PhotoRow.id))).all()
    if not seen:
        return None
    told, by_chance, things = _told_by_people(session), _asked_by_chance(session), read_things(session)
    learned_here = session.get(ModelRow, model) is not None
    fair = [
        photo.id in told and photo.id in by_chance and (photo.split == "exam" or not learned_here) for photo, _ in seen
    ]
    return _Photos(
        ids=[photo.id for photo, _ in seen],
        days=[f"{photo.site} {photo.day()}" for photo, _ in seen],
        bursts=[photo.burst for photo, _ in seen],
        looked=_looked(seen, things),
        occupied=np.array([told.get(photo.id, False) for photo, _ in seen], dtype=np.bool_),
        fair=np.array(fair, dtype=np.bool_),
    )


def _looked(seen: Sequence[tuple[PhotoRow, ProposalRow]], things: Things) -> Looked:
    return Looked.of([things.read(photo, row)[1] for photo, row in seen], [row.description() for _, row in seen])


def _told_by_people(session: Session) -> Mapping[str, bool]:
    """Say of each photo whether it holds an animal: one settled tile with one is enough, without one it takes all."""
    tiles = session.exec(
        select(TileRow.photo, ConsensusRow).outerjoin(ConsensusRow, col(ConsensusRow.tile) == TileRow.id)
    )
    agreed: dict[str, list[bool | None]] = defaultdict(list)
    for photo, consensus in tiles:
        known = consensus is not None and consensus.state == "agreed"
        agreed[photo].append(bool(len(consensus.accepted())) if known else None)
    told = {photo: True if True in found else None if None in found else False for photo, found in agreed.items()}
    return {photo: holds for photo, holds in told.items() if holds is not None}


def _asked_by_chance(session: Session) -> set[str]:
    """Return the photos of tiles that were drawn whatever the machine thought of them."""
    query = select(TileRow.photo).join(ChosenRow, col(ChosenRow.tile) == TileRow.id)
    return set(session.exec(query.where(col(ChosenRow.reason).in_(BY_CHANCE))))


def _at(names: Sequence[str], rows: Bools) -> list[str]:
    return [name for name, wanted in zip(names, rows, strict=True) if wanted]
