"""How long the search by photo takes in a large catalogue: reading it, the likeness of all, the ranking.

    python tests/benchmarks/searching.py --animals 100000 --length 432 --json OUT

Embeddings are random; the time hangs on how many there are and how long they are, not on what they say. `reading` reads
them from a SQLite of the home's form; `nearest` is the part that numpy does once they are in memory.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / part) for part in (".", "models", "platform")]

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from sqlmodel import Session, insert  # noqa: E402

from haulout.config import Settings  # noqa: E402
from haulout.db import connect, create_tables, writing  # noqa: E402
from haulout.identify.searching import Memory, combine, nearest, remember  # noqa: E402
from haulout.services import Services  # noqa: E402
from haulout.storage import Storage  # noqa: E402
from haulout.tables import (  # noqa: E402
    AnimalRow,
    EmbeddingRow,
    IndividualRow,
    IngestionRow,
    PhotoRow,
    SightingRow,
    TileRow,
)
from haulout.testing import TickingClock  # noqa: E402
from haulout_models.fusion import FIRST_DAY, Pairs  # noqa: E402
from labeling_configs.vocabulary import ModelVersion  # noqa: E402

VERSION = ModelVersion("reid-frozen")
SIGHTINGS = 20
"""Of each individual."""
CHUNK = 5000
NOON = datetime(2026, 11, 30, 12)


def main() -> None:
    """Measure and print as JSON."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--animals", type=int, default=100_000)
    arguments.add_argument("--length", type=int, default=432)
    arguments.add_argument("--searches", type=int, default=50)
    arguments.add_argument("--json", type=Path)
    given = arguments.parse_args()
    told = json.dumps(measure(given.animals, given.length, given.searches), indent=1)
    print(told)
    if given.json:
        given.json.write_text(told + "\n")


def measure(animals: int, length: int, searches: int) -> dict[str, float]:
    """Return seconds; those of a search are the median and the longest of all searches."""
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(animals, length)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with tempfile.TemporaryDirectory() as folder:
        services = filled(Path(folder), vectors.astype(np.float16))
        began = time.perf_counter()
        memory = remember(services, VERSION)
        reading = time.perf_counter() - began
    queries = [vectors[row] for row in rng.integers(0, animals, searches)]
    near = timed(lambda query: nearest(memory.embeddings, query), queries)
    ranked = timed(lambda query: ranking(memory, query), queries)
    return {
        "animals": animals,
        "length": length,
        "reading": round(reading, 3),
        "nearest_median": round(float(np.median(near)), 4),
        "nearest_longest": round(max(near), 4),
        "ranked_median": round(float(np.median(ranked)), 4),
        "ranked_longest": round(max(ranked), 4),
        "megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def ranking(memory: Memory, query: NDArray[np.float32]) -> object:
    """Rank without keypoints, whose matching takes the same for any catalogue."""
    rows, cosines = nearest(memory.embeddings, query)
    local = np.full(len(rows), np.nan)
    evidence = FIRST_DAY.evidence(Pairs.of(cosines.astype(np.float64), local))
    return combine([memory.animals[row] for row in rows.tolist()], cosines, local, evidence, memory)


def timed(what: Callable[[NDArray[np.float32]], object], queries: list[NDArray[np.float32]]) -> list[float]:
    """Return the seconds of each call."""
    taken = []
    for query in queries:
        began = time.perf_counter()
        what(query)
        taken.append(time.perf_counter() - began)
    return taken


def filled(home: Path, vectors: NDArray[np.float16]) -> Services:
    """Return services on a catalogue with these embeddings, all of one photo."""
    services = Services(
        settings=Settings(home=home),
        database=connect(f"sqlite:///{home}/season.sqlite"),
        storage=Storage(home),
        weights=home / "weights",
        label_studio=nobody,
        now=TickingClock(NOON),
        sleep=time.sleep,
    )
    create_tables(services.database)
    with writing(services.database) as session:
        begin(session)
        for start in range(0, len(vectors), CHUNK):
            numbers = range(start, min(start + CHUNK, len(vectors)))
            session.connection().execute(insert(AnimalRow), [animal(number) for number in numbers])
            packed = [
                {"animal": name(number), "model": VERSION, "packed": vectors[number].tobytes()} for number in numbers
            ]
            session.connection().execute(insert(EmbeddingRow), packed)
            seen = [{"animal": name(number), "individual": f"W{number // SIGHTINGS:05}"} for number in numbers]
            session.connection().execute(insert(IndividualRow), new_individuals(numbers))
            session.connection().execute(insert(SightingRow), seen)
    return services


def begin(session: Session) -> None:
    """Add the photo that all animals are on."""
    session.add(IngestionRow(id=1, folder="CARD", site="Beach", started_at=NOON))
    session.flush()
    photo = PhotoRow(id="photo", name="1.jpg", ingestion=1, site="Beach", camera="CAM1", width=9, height=9)
    photo.suffix, photo.size_bytes, photo.split, photo.burst, photo.ingested_at = ".jpg", 1, "train", "b", NOON
    session.add(photo)
    session.flush()
    session.add(TileRow(id="tile", photo="photo", shown=[0, 0, 9, 9], core=[0, 0, 9, 9]))
    session.flush()


def name(number: int) -> str:
    """Return the name of an animal."""
    return f"animal-{number:07}"


def animal(number: int) -> dict[str, object]:
    """Return an animal's row."""
    box = [0, 0, 9, 9]
    row = {"id": name(number), "photo": "photo", "tile": "tile", "box": box, "crop": box, "probability": 0.9}
    return {**row, "settled_at": NOON}


def new_individuals(numbers: range) -> list[dict[str, object]]:
    """Return the rows of the individuals whose first animal is among these."""
    return [
        {"id": f"W{number // SIGHTINGS:05}", "first_animal": name(number), "named_at": NOON}
        for number in numbers
        if number % SIGHTINGS == 0
    ]


def nobody() -> NoReturn:
    """There is no Label Studio."""
    raise LookupError("a benchmark asks nobody")


if __name__ == "__main__":
    main()
