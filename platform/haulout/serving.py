"""Which network answers for us now: the promoted one, the starter, or none yet."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, select

from haulout.db import reading
from haulout.services import Services
from haulout.tables import ModelRow
from haulout_models.detector import BoxDetector
from haulout_models.onnx_detector import OnnxDetector
from haulout_models.reidentifier import Reidentifier
from haulout_models.starter import load_starter
from labeling_configs.vocabulary import COLD, Boxes, ModelVersion, no_boxes

FROZEN = ModelVersion("reid-frozen")


class NoDetector:
    """Stands in until the first detector is trained: it proposes nothing, so the first batch is chosen by novelty."""

    version = COLD

    def detect(self, _image: NDArray[np.uint8]) -> tuple[Boxes, NDArray[np.float64]]:
        """Return no boxes."""
        return no_boxes(), np.zeros(0)


def serving_version(session: Session, kind: str) -> ModelVersion | None:
    """Return the promoted version of this kind, or None before the first promotion."""
    row = session.exec(select(ModelRow).where(ModelRow.kind == kind, ModelRow.state == "serving")).first()
    return ModelVersion(row.version) if row else None


def detector_version(services: Services) -> ModelVersion:
    """Return the version of the detector that serves, without loading one that was promoted."""
    with reading(services.database) as session:
        version = serving_version(session, "detector")
    return version or serving_detector(services).version


def serving_detector(services: Services) -> BoxDetector:
    """Load the detector that serves: the promoted one, else the configured starter."""
    with reading(services.database) as session:
        version = serving_version(session, "detector")
    if version:
        return services.registry.load_detector(version)
    if services.settings.starter == "builtin":
        return load_starter()
    if services.settings.starter == "none":
        return NoDetector()
    return OnnxDetector.open(Path(services.settings.starter))


def serving_reidentifier(services: Services) -> Reidentifier:
    """Load the re-identification network that serves: the promoted one, else frozen ImageNet features."""
    with reading(services.database) as session:
        version = serving_version(session, "reidentifier")
    return services.registry.load_reidentifier(version) if version else Reidentifier.frozen(FROZEN)
