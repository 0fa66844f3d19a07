"""Searches the catalogue for a picture that somebody brings, in processes of their own; nothing of it is kept."""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from PIL import Image

from haulout.errors import HauloutError
from haulout.services import Services
from haulout.storage.decoder import Decoder
from haulout.storage.pictures import open_picture, save_clean, upright

PATIENCE = 90.0
"""Seconds; loading the networks takes about ten, a picture with eight animals two more."""
DECODING = 30.0
"""Seconds that decoding may take."""
SIDE = 1600
"""Pixels of the longer side of what is searched for and shown."""
FOLDER = "searches"
"""In the home, closed to others; emptied after each search, and before the next one if that was killed."""


class NotSearched(HauloutError):
    """The search did not end."""


@dataclass(frozen=True)
class Searched:
    """The picture as JPEG, in Base64, and what was found, see `search_process.search`."""

    picture: str
    found: dict[str, Any]


def search_for(services: Services, picture: IO[bytes], patience: float = PATIENCE) -> Searched:
    """Search for an upload; BrokenPicture when it is none, NotSearched when no answer came. One call at a time."""
    folder = services.settings.home.resolve() / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        clean = _cleaned(folder, picture)
        found = _asked(services, clean, patience)
        return Searched(base64.b64encode(clean.read_bytes()).decode("ascii"), found)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cleaned(folder: Path, picture: IO[bytes]) -> Path:
    """Decode the upload where it can do no harm; its own name is never used."""
    with tempfile.NamedTemporaryFile(dir=folder) as upload:
        shutil.copyfileobj(picture, upload)
        upload.flush()
        clean = folder / "clean.jpg"
        with Decoder(patience=DECODING) as decoder:
            decoder.examine(Path(upload.name), clean)
    with open_picture(clean) as image:
        small: Image.Image = upright(image, SIDE)
    save_clean(small, clean)
    return clean


def _asked(services: Services, picture: Path, patience: float) -> dict[str, Any]:
    places = os.pathsep.join(place or os.getcwd() for place in sys.path)
    question = {
        "picture": str(picture),
        "settings": services.settings.to_env(),
        "database": services.database.url.render_as_string(hide_password=False),
        "weights": str(services.weights.resolve()),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "haulout.identify.search_process"],
            input=json.dumps(question).encode("utf-8"),
            capture_output=True,
            env={"PYTHONPATH": places, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"},
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotSearched(
            f"No answer came within {patience:g} s. Try a smaller picture, or one animal alone."
        ) from error
    try:
        answer = json.loads(done.stdout.decode("utf-8").rsplit("\n", 2)[-2])
    except (ValueError, IndexError):
        answer = None
    if done.returncode or not isinstance(answer, dict):
        told = done.stderr.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
        raise NotSearched(f"The search broke off: {told or 'the process ended'}.")
    return answer
