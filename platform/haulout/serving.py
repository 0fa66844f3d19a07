"""Which network answers for us now: the promoted one, the starter, or none yet.

Networks are imported when one is loaded: pages ask only for versions, and torch takes seconds and most of a gigabyte.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from haulout.db import reading
from haulout.services import Services
from haulout.tables import MEGADETECTOR, ImportedRow, ImportRow, ModelRow
from labeling_configs.vocabulary import COLD, Boxes, ModelVersion, no_boxes

if TYPE_CHECKING:
    from haulout_models.detector import BoxDetector, Detector
    from haulout_models.fusion import Fusion
    from haulout_models.onnx_detector import OnnxDetector
    from haulout_models.reidentifier import Reidentifier

FROZEN = ModelVersion("reid-frozen")
FUSION = "fusion"
"""Where the card of a re-identification network keeps what its likenesses are worth."""
ON_THIS_CATALOGUE = "pairs of this catalogue"
"""What a fusion says it was measured on when the walruses were ours."""


@dataclass(frozen=True)
class NoDetector:
    """Stands in until the first detector is trained: it proposes nothing, so the first batch is chosen by novelty.

    With another version it stands for boxes that an imported file brought: they are read, not seen.
    """

    version: ModelVersion = COLD

    def seen_size(self, _size: tuple[int, int]) -> tuple[int, int]:
        """Return the least: it looks at nothing."""
        return 1, 1

    def detect(
        self, _image: NDArray[np.uint8], threshold: float | None = None, size: tuple[int, int] | None = None
    ) -> tuple[Boxes, NDArray[np.float64]]:
        """Return no boxes."""
        return no_boxes(), np.zeros(0)


def serving_version(session: Session, kind: str) -> ModelVersion | None:
    """Return the promoted version of this kind, or None before the first promotion."""
    row = _serving_row(session, kind)
    return ModelVersion(row.version) if row else None


def detector_version(services: Services) -> ModelVersion:
    """Return the version of the detector that serves, without loading one that was promoted."""
    with reading(services.database) as session:
        version = serving_version(session, "detector")
        imported = newest_import(session)
    if services.settings.starter == "none":
        return version or imported or COLD
    return version or _starter(services).version


def serving_detector(services: Services) -> "BoxDetector":
    """Load the detector that serves, the promoted one, else the configured starter, for several threads to ask."""
    from haulout_models.detector import Detector
    from haulout_models.inference import fast

    with reading(services.database) as session:
        row, imported = _serving_row(session, "detector"), newest_import(session)
    promoted = row and services.registry.load_detector(ModelVersion(row.version), row.sha256)
    detector = promoted or _starter(services, imported)
    return fast(detector) if isinstance(detector, Detector) else detector


def newest_import(session: Session) -> ModelVersion | None:
    """Return the version under which a detector's boxes from files are served, None when no file brought any.

    It is the newest file's; photos that this file does not name have the boxes of the file before it.
    """
    brought = select(ImportRow).where(ImportRow.kind == MEGADETECTOR).order_by(col(ImportRow.id).desc())
    newest = session.exec(brought.limit(1)).first()
    return ModelVersion(newest.drawer) if newest else None


def imported_boxes(session: Session, photo: str) -> ImportedRow | None:
    """Return what the newest file that names the photo has of a detector; None where no detector looked."""
    query = select(ImportedRow).join(ImportRow, col(ImportRow.id) == ImportedRow.source)
    named = query.where(ImportedRow.photo == photo, ImportRow.kind == MEGADETECTOR)
    return session.exec(named.order_by(col(ImportRow.id).desc()).limit(1)).first()


def _starter(services: Services, imported: ModelVersion | None = None) -> "Detector | OnnxDetector | NoDetector":
    from haulout_models.onnx_detector import OnnxDetector
    from haulout_models.starter import load_starter

    if services.settings.starter == "builtin":
        return load_starter()
    if services.settings.starter == "none":
        return NoDetector(imported or COLD)
    return OnnxDetector.open(Path(services.settings.starter), threads=1)


def serving_reidentifier(services: Services) -> "Reidentifier":
    """Load the re-identification network that serves: the promoted one, else frozen ImageNet features."""
    from haulout_models.reidentifier import Reidentifier

    with reading(services.database) as session:
        row = _serving_row(session, "reidentifier")
    promoted = row and services.registry.load_reidentifier(ModelVersion(row.version), row.sha256)
    return promoted or Reidentifier.frozen(FROZEN)


def serving_fusion(services: Services, model: str) -> "Fusion":
    """Return what the likenesses of a network are worth: as on its card, or as for frozen features on the first day.

    What was measured with frozen features does not hold for a network that was trained since: without a fusion of its
    own only the match of keypoints and the context speak.
    """
    from haulout_models.fusion import FIRST_DAY, Fusion

    if model == FROZEN:
        return FIRST_DAY
    stored = services.registry.card(ModelVersion(model)).settings.get(FUSION)
    return Fusion.of(stored) if isinstance(stored, dict) else FIRST_DAY.of_matches_only()


def _serving_row(session: Session, kind: str) -> ModelRow | None:
    return session.exec(select(ModelRow).where(ModelRow.kind == kind, ModelRow.state == "serving")).first()
