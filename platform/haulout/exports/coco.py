"""Boxes for other detectors' programs: what people agree on as COCO, what the machine drew as COCO and MegaDetector's.

Read back with `haulout import`, each file gives the same file again; ARCHITECTURE.md says for what exactly.
"""

import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import IO

import numpy as np
from sqlmodel import Session, case, col, func, select

from haulout.places import time_zone
from haulout.report import shown_detector
from haulout.services import Tell, silently
from haulout.serving import imported_boxes
from haulout.tables import IMPORTED, AnimalRow, ConsensusRow, PhotoRow, ProposalRow, SightingRow, TileRow
from labeling_configs.vocabulary import Boxes

Json = Mapping[str, object]
Entries = Callable[[], Iterable[Json]]

CATEGORIES = [{"id": 1, "name": "walrus", "supercategory": "animal"}]
KINDS = {"1": "animal", "2": "person", "3": "vehicle"}
"""MegaDetector's, one above those of `ImportedRow`."""
FORMAT_VERSION = "1.4"
PIXEL_DECIMALS, SHARE_DECIMALS, SCORE_DECIMALS = 2, 6, 4
AT_ONCE = 500


@dataclass(frozen=True)
class JsonFile:
    """A JSON object with long lists in it, written entry by entry; a bare list when `fields` is None."""

    name: str
    fields: Json | None
    lists: Sequence[tuple[str, Entries]]
    """Names and entries; the last one is what the file is about."""

    def write(self, out: IO[bytes], tell: Tell) -> int:
        """Write it all, and return how many entries the last list holds."""
        written = 0
        fields = sorted((self.fields or {}).items())
        out.write(b"" if self.fields is None else b"{" + b"".join(_line(key, value) for key, value in fields))
        for place, (key, entries) in enumerate(self.lists):
            out.write(b"[" if self.fields is None else (b"," * (place > 0)) + b"\n" + _text(key) + b":[")
            written = 0
            for entry in entries():
                out.write((b",\n" if written else b"\n") + _text(entry))
                written += 1
                tell(f"Writing {self.name}", written, 0)
            out.write(b"\n]")
        out.write(b"\n" if self.fields is None else b"}\n")
        return written


def coco_contents(session: Session, site: str) -> Sequence[JsonFile]:
    """Return the files of one site; the same data give the same bytes.

    annotations.json holds the photos that people have settled as a whole, and their animals: a photo there without
    animals is one in which people found none. image_info.json holds all photos; by its ids predictions.json names them.
    """
    model = shown_detector(session)
    info = {"description": f"Walruses at {site}, from photographs of camera traps", "detector": model or ""}
    head = {"info": info, "categories": CATEGORIES}
    settled = _settled(session, site)
    every = _Photos(session, site, None)
    known = _Photos(session, site, settled)
    machine = {"info": {"detector": model or "", "format_version": FORMAT_VERSION}, "detection_categories": KINDS}
    return (
        JsonFile("annotations.json", head, [("images", known.images), ("annotations", known.annotations)]),
        JsonFile("image_info.json", head, [("images", every.images)]),
        JsonFile("predictions.json", None, [("", lambda: every.predictions(model))]),
        JsonFile("megadetector.json", machine, [("images", lambda: every.detections(model))]),
    )


def coco_files(session: Session, site: str) -> Iterator[tuple[str, bytes]]:
    """Yield the names and bytes of `coco_contents`, each file as a whole in memory."""
    for content in coco_contents(session, site):
        out = io.BytesIO()
        content.write(out, silently)
        yield content.name, out.getvalue()


@dataclass(frozen=True)
class _Photos:
    """The photos of a site, or only some of them, with what is drawn on them, read some at a time."""

    session: Session
    site: str
    only: set[str] | None

    def images(self) -> Iterator[Json]:
        zone = time_zone(self.session, self.site)
        for number, photo in self._numbered():
            taken = photo.taken_at.replace(microsecond=0, tzinfo=zone).isoformat() if photo.taken_at else None
            yield {
                "id": number,
                "file_name": photo.name,
                "width": photo.width,
                "height": photo.height,
                "date_captured": taken,
                "sha256": photo.id,
                "site": photo.site,
                "camera": photo.camera,
            }

    def annotations(self) -> Iterator[Json]:
        numbers = count(1)
        for some in self._some():
            animals = _animals(self.session, [photo.id for _, photo in some])
            for image, photo in some:
                for animal, individual in animals[photo.id]:
                    yield _annotation(next(numbers), image, animal, individual)

    def predictions(self, model: str | None) -> Iterator[Json]:
        for number, _, row in self._proposed(model):
            for box, score in zip(row.boxes(), row.scores(), strict=True):
                sides = _sides(box, PIXEL_DECIMALS)
                yield {"image_id": number, "category_id": 1, "bbox": sides, "score": _score(score)}

    def detections(self, model: str | None) -> Iterator[Json]:
        for _, photo, row in self._proposed(model):
            size = np.array([photo.width, photo.height] * 2, dtype=np.float64)
            yield {
                "file": photo.name,
                "sha256": photo.id,
                "width": photo.width,
                "height": photo.height,
                "detections": [
                    {
                        "category": str(int(drawn[5]) + 1),
                        "conf": _score(drawn[4]),
                        "bbox": _sides(drawn[:4] / size, SHARE_DECIMALS),
                    }
                    for drawn in _drawn(self.session, photo.id, row)
                ],
            }

    def _proposed(self, model: str | None) -> Iterator[tuple[int, PhotoRow, ProposalRow]]:
        for some in self._some() if model else ():
            drawn = select(ProposalRow).where(ProposalRow.model == model)
            ids = [photo.id for _, photo in some]
            rows = {row.photo: row for row in self.session.exec(drawn.where(col(ProposalRow.photo).in_(ids)))}
            for number, photo in some:
                if photo.id in rows and rows[photo.id].looked:
                    yield number, photo, rows[photo.id]

    def _some(self) -> Iterator[list[tuple[int, PhotoRow]]]:
        some: list[tuple[int, PhotoRow]] = []
        for one in self._numbered():
            some.append(one)
            if len(some) == AT_ONCE:
                yield some
                some = []
        if some:
            yield some

    def _numbered(self) -> Iterator[tuple[int, PhotoRow]]:
        """Number the site's photos by their names for ever, whichever of them are wanted."""
        query = select(PhotoRow).where(PhotoRow.site == self.site).order_by(PhotoRow.id)
        for number, photo in enumerate(self.session.exec(query.execution_options(yield_per=AT_ONCE)), 1):
            if self.only is None or photo.id in self.only:
                yield number, photo


def _settled(session: Session, site: str) -> set[str]:
    """Return the photos of which every tile is agreed on."""
    agreed = func.sum(case((col(ConsensusRow.state) == "agreed", 1), else_=0))
    query = (
        select(TileRow.photo)
        .join(PhotoRow, col(PhotoRow.id) == TileRow.photo)
        .outerjoin(ConsensusRow, col(ConsensusRow.tile) == TileRow.id)
        .where(PhotoRow.site == site)
        .group_by(TileRow.photo)
        .having(agreed == func.count())
    )
    return set(session.exec(query))


def _animals(session: Session, photos: Sequence[str]) -> Mapping[str, list[tuple[AnimalRow, str | None]]]:
    query = (
        select(AnimalRow, SightingRow.individual)
        .outerjoin(SightingRow, col(SightingRow.animal) == AnimalRow.id)
        .where(col(AnimalRow.photo).in_(photos))
    )
    found: dict[str, list[tuple[AnimalRow, str | None]]] = defaultdict(list)
    for animal, individual in session.exec(query):
        found[animal.photo].append((animal, individual))
    for animals in found.values():
        animals.sort(key=lambda pair: (_sides(np.array(pair[0].box), PIXEL_DECIMALS), pair[0].id))
    return found


def _annotation(number: int, image: int, animal: AnimalRow, individual: str | None) -> Json:
    x, y, width, height = _sides(np.array(animal.box), PIXEL_DECIMALS)
    told = {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "bbox": [x, y, width, height],
        "area": round(width * height, PIXEL_DECIMALS),
        "iscrowd": 0,
        "score": round(animal.probability, 1),  # in full it would show which tiles an expert settled
    }
    return told | ({"attributes": {"individual": individual}} if individual else {})


def _drawn(session: Session, photo: str, row: ProposalRow) -> Boxes:
    """Return what a detector drew, shape (n, 6), with people and vehicles where a file brought them."""
    if row.model.startswith(IMPORTED) and (brought := imported_boxes(session, photo)):
        return np.frombuffer(brought.packed, dtype=np.float64).reshape(-1, 6)
    return np.hstack([row.boxes(), row.scores()[:, None], np.zeros((len(row.boxes()), 1))])


def _sides(box: Boxes, decimals: int) -> list[float]:
    """Return x, y, width and height; the corners are rounded, so that they stay what they are when read back."""
    x1, y1, x2, y2 = (round(float(edge), decimals) for edge in box)
    return [x1, y1, round(x2 - x1, decimals), round(y2 - y1, decimals)]


def _score(score: float) -> float:
    return round(float(score), SCORE_DECIMALS)


def _line(key: str, value: object) -> bytes:
    return b"\n" + _text(key) + b":" + _text(value) + b","


def _text(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
