"""How far the whole project is, as anybody may know it: no site, no day, nobody's name."""

from dataclasses import dataclass

from sqlmodel import Session, col, func, select

from haulout.tables import SETTLED, AccountRow, AnimalRow, ConsensusRow, PhotoRow, TileRow


@dataclass(frozen=True)
class Progress:
    """What there is, and what people have done with it."""

    photos: int
    looked_at: int
    """Photos of which people have settled at least a part."""
    tiles: int
    """Parts of photos that are settled."""
    animals: int
    """Animals on these; one animal in two photos is counted twice."""
    volunteers: int
    """Accounts that are not erased."""

    @property
    def share(self) -> float:
        """The share of the photos that somebody has looked at, from 0 to 1."""
        return self.looked_at / self.photos if self.photos else 0.0


def read_progress(session: Session) -> Progress:
    """Count what there is."""
    settled = select(func.count(), func.count(func.distinct(TileRow.photo))).select_from(ConsensusRow)
    joined = settled.join(TileRow, col(TileRow.id) == ConsensusRow.tile).where(col(ConsensusRow.state).in_(SETTLED))
    tiles, looked_at = session.exec(joined).one()
    return Progress(
        photos=session.exec(select(func.count()).select_from(PhotoRow)).one(),
        looked_at=looked_at,
        tiles=tiles,
        animals=session.exec(select(func.count()).select_from(AnimalRow)).one(),
        volunteers=session.exec(
            select(func.count()).select_from(AccountRow).where(col(AccountRow.erased_at).is_(None))
        ).one(),
    )
