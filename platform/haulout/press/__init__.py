"""Prints a page of HTML as a PDF, in a process of its own: the pages stay quick, and a crash ends there."""

import os
import subprocess
import sys

from haulout.errors import HauloutError

PATIENCE = 300.0
"""Seconds; a season of a hundred pages takes a few."""


class NotPrinted(HauloutError):
    """The report could not be made into a PDF."""


def print_pdf(page: str, patience: float = PATIENCE) -> bytes:
    """Return the page as a PDF, A4; it must bring along all it shows: nothing is fetched but Haulout's own fonts."""
    places = os.pathsep.join(place or os.getcwd() for place in sys.path)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "haulout.press.process"],
            input=page.encode("utf-8"),
            capture_output=True,
            env={"PYTHONPATH": places, "OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"},
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotPrinted(f"The PDF was not ready after {patience:g} s. The HTML report holds the same.") from error
    if done.returncode or not done.stdout.startswith(b"%PDF"):
        told = done.stderr.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
        raise NotPrinted(f"The PDF could not be made: {told or 'the process ended'}. The HTML report holds the same.")
    return done.stdout
