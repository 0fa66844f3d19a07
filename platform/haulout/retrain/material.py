"""What detectors learn from, what they are stopped and calibrated on, and what they are examined on; never the same."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, func, select

from active_learning.pool import Reason
from active_learning.rarity import light
from active_learning.splits import is_held_out
from haulout.answers import HELD
from haulout.config import Settings
from haulout.storage import Storage
from haulout.tables import ChosenRow, ConsensusRow, PhotoRow, ProposalRow, TaskRow, TileRow
from haulout_models.data import LabelledTile
from haulout_models.training import DetectorTraining

DOUBTFUL = 0.2
"""Boxes of lower probability are background."""
BY_CHANCE = (Reason.EXAM.value, Reason.RANDOM.value)
TRAIN, EXAM = "train", "exam"


@dataclass(frozen=True)
class ExamTile:
    """A tile people agree about, and the day it is of: tiles of one day are not independent."""

    truth: LabelledTile
    day: str
    tile: str
    photo: PhotoRow
    light: str = "clear"
    """clear, veiled or night, see `active_learning.rarity`."""
    by_expert: bool = False


@dataclass(frozen=True)
class Material:
    """All agreed tiles of a season, by what they are for."""

    training: Sequence[ExamTile]
    held_out: Sequence[ExamTile]
    """Whole days of the training photos that no detector learns from, this week's or an earlier one."""
    exam: Sequence[ExamTile]

    @classmethod
    def read(cls, session: Session, storage: Storage, settings: Settings) -> "Material":
        """Read what people agree about now."""
        agreed = labelled_tiles(session, storage, TRAIN)
        share, salt = settings.held_out_share, str(settings.seed)
        held = [is_held_out(tile.photo.site, tile.day, share, salt) for tile in agreed]
        return cls(
            [tile for tile, out in zip(agreed, held, strict=True) if not out],
            [tile for tile, out in zip(agreed, held, strict=True) if out],
            labelled_tiles(session, storage, EXAM),
        )


def labelled_tiles(session: Session, storage: Storage, split: str) -> list[ExamTile]:
    """Return the tiles of one split that people agree about; exam photos are in no other split.

    Each box comes with its probability: training weighs it by that, the exam ignores what people doubt. The exam holds
    only what chance drew, so that it stands for the season; training leaves out days that became the exam's only later.
    """
    query = (
        select(ConsensusRow, TileRow, PhotoRow)
        .join(TileRow, col(TileRow.id) == ConsensusRow.tile)
        .join(PhotoRow, col(PhotoRow.id) == TileRow.photo)
        .where(ConsensusRow.state == "agreed", PhotoRow.split == split)
        .order_by(col(ConsensusRow.tile))
    )
    lights = _lights(session)
    picked, exam_days = (_picked(session), set()) if split == EXAM else (set(), _exam_days(session))
    return [
        ExamTile(
            LabelledTile(
                image=storage.original(photo.id, photo.suffix),
                rectangle=tile.word().shown,
                boxes=consensus.accepted(DOUBTFUL),
                weights=consensus.accepted_probabilities(DOUBTFUL),
            ),
            day=photo.day(),
            tile=tile.id,
            photo=photo,
            light=lights.get(photo.id, "clear"),
            by_expert=consensus.by_expert,
        )
        for consensus, tile, photo in session.exec(query)
        if tile.id not in picked and (photo.site, photo.day()) not in exam_days
    ]


def digest_of(tiles: Sequence[LabelledTile], settings: DetectorTraining) -> str:
    """Name what is learned from, and how: the same again would only give the same network again."""
    content = hashlib.sha256(repr(settings).encode())
    for tile in tiles:
        content.update(f"{tile.image.name} {tile.rectangle}".encode())
        content.update(tile.boxes.tobytes() + tile.weights.tobytes())
    return content.hexdigest()


def _lights(session: Session) -> dict[str, str]:
    """Name the light of each photo that some detector has looked at: all measure the same."""
    measured = select(ProposalRow.photo, func.min(ProposalRow.brightness), func.min(ProposalRow.contrast)).group_by(
        col(ProposalRow.photo)
    )
    return {photo: light(brightness, contrast).value for photo, brightness, contrast in session.exec(measured)}


def _picked(session: Session) -> set[str]:
    """Return the tiles asked about for what they promised, or brought by a file, not by an even chance: exam's bias."""
    picked = session.exec(select(ChosenRow.tile).where(col(ChosenRow.reason).not_in(BY_CHANCE)))
    return {*picked, *session.exec(select(TaskRow.subject).where(TaskRow.state == HELD))}


def _exam_days(session: Session) -> set[tuple[str, str]]:
    """Return the days of each site with exam photos."""
    return {(photo.site, photo.day()) for photo in session.exec(select(PhotoRow).where(PhotoRow.split == EXAM))}
