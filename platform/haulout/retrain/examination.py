"""A challenger and the champion sit the exam side by side; what both drew is kept for the pages."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from haulout.db import reading
from haulout.retrain.decisions import Exam, decide
from haulout.retrain.leaks import leak
from haulout.retrain.material import ExamTile
from haulout.services import Services, Tell
from haulout.tables import ExaminedRow, ModelRow
from haulout_models.checkpoints import BrokenCheckpoint
from haulout_models.detector import BoxDetector
from haulout_models.evaluation import (
    CERTAIN,
    DetectorExam,
    Sheet,
    admit,
    by_condition,
    crowd,
    examine_detector,
    intervals,
)
from labeling_configs.vocabulary import ModelVersion

KIND = "detector"
PURPOSE = 8


def examine_challenger(
    services: Services, version: ModelVersion, champion: BoxDetector, exam: Sequence[ExamTile], tell: Tell
) -> bool:
    """Refuse a challenger that is damaged or has seen the exam; examine any other and decide; return whether it serves.

    Both are examined now, on the same tiles: an exam that has grown since would otherwise compare two exams.
    """
    with reading(services.database) as session:
        row = session.get_one(ModelRow, version)
    if seen := leak(row.card, exam):
        return decide(services, version, Exam({}, False, f"not examined: {seen}"))
    try:
        challenger = services.registry.load_detector(version, row.sha256)
    except (BrokenCheckpoint, ValueError) as error:
        return decide(services, version, Exam({}, False, f"not examined: {error}"))
    truths, days = [tile.truth for tile in exam], [tile.day for tile in exam]
    tell("Examining the new detector and the one that serves", 0, 2)
    new = examine_detector(challenger, truths, days)
    tell("Examining the new detector and the one that serves", 1, 2)
    old = examine_detector(champion, truths, days)
    return decide(services, version, _judge(services, new, old, champion.version, exam), _kept(version, new, old, exam))


def _judge(
    services: Services, new: DetectorExam, old: DetectorExam, champion: ModelVersion, exam: Sequence[ExamTile]
) -> Exam:
    result = admit(new, old, [tile.photo.site for tile in exam], services.rng(PURPOSE, 1))
    seed = services.settings.seed
    with reading(services.database) as session:
        about = _about(session, exam)
    scores = about | {
        **asdict(new.measures),
        "threshold": new.threshold,
        "intervals": intervals(new.sheets, new.clusters, new.threshold, seed),
        "champion": champion,
        "champion_ap50": old.ap50,
        "champion_measures": asdict(old.measures)
        | {"intervals": intervals(old.sheets, old.clusters, old.threshold, seed)},
        "difference": [result.low, result.difference, result.high],
        "conditions": _conditions(new, old, exam, seed),
    }
    least = services.settings.least_ap50
    if new.ap50 < least:
        return Exam(scores, False, f"AP50 {new.ap50:.3f} is below {least}, the least that may serve")
    return Exam(scores, result.passed, result.reason)


def _about(session: Session, exam: Sequence[ExamTile]) -> dict[str, Any]:
    """Say which exam it is, and how it has changed since a detector sat it last: consensus may move."""
    sat = select(ModelRow).where(ModelRow.kind == KIND).order_by(col(ModelRow.created_at).desc(), ModelRow.version)
    earlier = [row for row in session.exec(sat) if row.exam.get("digest")]
    return {
        "digest": exam_digest(exam),
        "days": len({(tile.photo.site, tile.day) for tile in exam}),
        "by_expert": sum(tile.by_expert for tile in exam),
        "sittings": len(earlier) + 1,
        "since": _since(session, earlier[0].version, exam) if earlier else None,
    }


def exam_digest(exam: Sequence[ExamTile]) -> str:
    """Name the exam: its photos, what of them is asked, and every box with its probability."""
    content = hashlib.sha256()
    for tile in exam:
        content.update(f"{tile.photo.id} {tile.truth.rectangle}".encode() + _truth(tile).tobytes())
    return content.hexdigest()


def _since(session: Session, version: str, exam: Sequence[ExamTile]) -> dict[str, Any]:
    before = {row.tile: row.there for row in session.exec(select(ExaminedRow).where(ExaminedRow.model == version))}
    now = {tile.tile: _truth(tile).tobytes() for tile in exam}
    return {
        "version": version,
        "same": sum(before.get(tile) == truth for tile, truth in now.items()),
        "changed": sum(tile in before and before[tile] != truth for tile, truth in now.items()),
        "new": len(now.keys() - before.keys()),
        "gone": len(before.keys() - now.keys()),
    }


def _conditions(new: DetectorExam, old: DetectorExam, exam: Sequence[ExamTile], seed: int) -> list[dict[str, Any]]:
    held = _held(new, exam)
    return [
        {"kind": one.kind, "name": one.name}
        | asdict(one.measures)
        | {"intervals": one.intervals, "champion": asdict(other.measures) | {"intervals": other.intervals}}
        for one, other in zip(by_condition(new, held, seed), by_condition(old, held, seed), strict=True)
    ]


def _held(new: DetectorExam, exam: Sequence[ExamTile]) -> list[dict[str, str]]:
    return [
        {"light": tile.light, "crowd": crowd(len(sheet.truth)), "camera": f"{tile.photo.site} · {tile.photo.camera}"}
        for tile, sheet in zip(exam, new.sheets, strict=True)
    ]


def _kept(version: ModelVersion, new: DetectorExam, old: DetectorExam, exam: Sequence[ExamTile]) -> list[ExaminedRow]:
    return [
        ExaminedRow(
            model=version,
            tile=tile.tile,
            conditions=held,
            there=_truth(tile).tobytes(),
            drawn=_drawn(tile, mine).tobytes(),
            champion=_drawn(tile, theirs).tobytes(),
        )
        for tile, held, mine, theirs in zip(exam, _held(new, exam), new.sheets, old.sheets, strict=True)
    ]


def _truth(tile: ExamTile) -> NDArray[np.float32]:
    """Return boxes, probabilities and whether they must be found, shape (n, 6), in pixels of the photo."""
    weights = tile.truth.weights[:, None]
    return np.hstack([tile.truth.boxes, weights, weights >= CERTAIN]).astype(np.float32)


def _drawn(tile: ExamTile, sheet: Sheet) -> NDArray[np.float32]:
    """Return boxes, scores and what each hit, shape (m, 6), in pixels of the photo."""
    shown = tile.truth.rectangle
    corner = np.array([shown.x1, shown.y1] * 2 if shown else [0] * 4)
    usable = np.isfinite(sheet.boxes).all(axis=1)
    whole = np.hstack([sheet.boxes + corner, sheet.scores[:, None], sheet.hit[:, None]])
    return whole[usable].astype(np.float32)
