"""One file of boxes, taken in as a whole or not at all."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlmodel import Session, col, delete, select

from haulout import withheld
from haulout.db import writing
from haulout.errors import BadImport
from haulout.imports import coco
from haulout.imports.coco import read_coco
from haulout.imports.document import read_document
from haulout.imports.echoes import heard_already
from haulout.imports.listing import Listing
from haulout.imports.matching import Matched, Placed, match
from haulout.imports.megadetector import read_megadetector
from haulout.imports.votes import add_votes
from haulout.lease import SEASON, Patience, lease
from haulout.propose import propose
from haulout.services import Services, Tell, silently
from haulout.serving import newest_import, serving_version
from haulout.tables import MEGADETECTOR, ImportedRow, ImportRow, ProposalRow
from labeling_configs.results import quoted

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True)
class Imported:
    """What one reading of a file found, and what of it was new."""

    source: ImportRow
    listing: Listing
    matched: Matched
    new: Sequence[Placed]
    """Photos whose boxes were not known from this file before."""
    repeated: Sequence[Placed]
    """New photos on which the file only repeats what an earlier one, or people here, told: it has no voice there."""
    crowded: Sequence[Placed]
    """New photos with more boxes on one tile than can be read as an answer: it has no voice there either."""
    serves: bool
    """Whether people are shown the boxes, until a detector is trained here."""

    @property
    def voiced(self) -> int:
        """The new photos on which the file is heard as one person."""
        return len(self.new) - len(self.repeated) - len(self.crowded) if self.source.kind == coco.KIND else 0


def import_boxes(
    services: Services,
    path: Path,
    name: str | None = None,
    site: str | None = None,
    category: str | None = None,
    tell: Tell = silently,
) -> Imported:
    """Read a COCO file as one more person's boxes, a MegaDetector file as a detector's; all of it or nothing.

    The same file again adds nothing but photos that came since. BadImport when nothing of it can be used, or when
    another file has its name. A detector's boxes are drawn at once where they serve: people must never be told that
    they see boxes which are not there yet.
    """
    tell(f"Reading {path.name}", 0, 0)
    document = read_document(path)
    listing = _listing(document.value, str(path), category)
    patience = Patience(tries=120, seconds=5, sleep=services.sleep)
    with lease(services.database, SEASON, patience) as held:
        services = replace(services, database=held)
        with writing(services.database) as session:
            fresh = ImportRow(source=name or "", kind=listing.kind, sha256=document.sha256, at=services.now())
            source = _source(session, path, fresh)
            found = _store(services, session, source, match(session, listing, site or services.settings.site), listing)
            if not found.matched.placed:
                raise BadImport(_useless(path, found))
        if found.serves and found.new:
            propose(services, tell)
    return found


def _listing(value: object, where: str, category: str | None) -> Listing:
    if not isinstance(value, dict):
        raise BadImport(f"{where} holds {quoted(value)}, not an object with images. Is it a list of bare results?")
    if "detection_categories" in value:
        return read_megadetector(value, where)
    return read_coco(value, where, category)


def _source(session: Session, path: Path, fresh: ImportRow) -> ImportRow:
    """Return the row of this file if it was read before, else the fresh one, under a name that is free."""
    known = session.exec(select(ImportRow).where(ImportRow.sha256 == fresh.sha256)).first()
    if known is not None:
        return known
    wanted = fresh.source or re.sub(r"[^a-z0-9]+", "-", path.stem.casefold()).strip("-")[:40]
    if not _NAME.fullmatch(wanted):
        raise BadImport(f"{wanted!r} cannot be a name for {path}: give a --name of at most 40 of a-z, 0-9, - and _")
    if session.exec(select(ImportRow).where(ImportRow.source == wanted)).first():
        raise BadImport(f"Another file is known as {wanted!r}; nothing was taken from {path}. Give this one a --name.")
    fresh.source = wanted
    return fresh


def _store(services: Services, session: Session, source: ImportRow, matched: Matched, listing: Listing) -> Imported:
    session.add(source)
    session.flush()
    before = set(session.exec(select(ImportedRow.photo).where(ImportedRow.source == source.id)))
    new = [one for one in matched.placed if one.photo.id not in before]
    session.add_all(ImportedRow(source=source.id or 0, photo=one.photo.id, packed=one.boxes.tobytes()) for one in new)
    source.photos, source.boxes = source.photos + len(new), source.boxes + sum(len(one.boxes) for one in new)
    source.unknown = len(matched.unknown)
    session.flush()
    if source.kind == MEGADETECTOR:
        withheld.find(session, services.now())
        return Imported(source, listing, matched, new, (), (), _show(services, session, new))
    heard = heard_already(session, source, new)
    repeated = [one for one in new if one.photo.id in heard]
    crowded = add_votes(services, session, source, [one for one in new if one.photo.id not in heard])
    return Imported(source, listing, matched, new, repeated, crowded, serves=False)


def _show(services: Services, session: Session, new: Sequence[Placed]) -> bool:
    """Say whether a detector's boxes serve, and forget that nobody had looked at the photos they are on."""
    version = newest_import(session)
    if services.settings.starter != "none" or serving_version(session, "detector") or version is None:
        return False
    unseen = delete(ProposalRow).where(col(ProposalRow.model) == version, col(ProposalRow.found) == 0)
    for one in new:
        session.exec(unseen.where(col(ProposalRow.photo) == one.photo.id))
    return True


def _useless(path: Path, found: Imported) -> str:
    matched = found.matched
    first = next(iter([*matched.unusable, *matched.ambiguous, *matched.unknown]), "it lists none")
    return (
        f"None of the {len(found.listing.photos)} photos in {path} can be used, so nothing was taken in. The first: "
        f"{first}. Were the photos ingested (`haulout ingest`), and at another --site?"
    )
