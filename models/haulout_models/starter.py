"""The built-in starter: a detector for the first day, trained on drawn seasons only; its card says how and how good."""

from pathlib import Path

from haulout_models.detector import Detector

FOLDER = Path(__file__).parent / "starter"


def load_starter(folder: Path = FOLDER) -> Detector:
    """Load the trained head that ships with the package onto the installed backbone."""
    return Detector.stored(folder)
