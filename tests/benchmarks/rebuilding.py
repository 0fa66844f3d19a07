"""How long does a lost database take to come back: from the log's files, and from the real Label Studio alone?

    python tests/benchmarks/rebuilding.py --votes 100000 --json OUT

Starts a Label Studio of its own on SQLite, fills it with tasks and people's answers through its import, lets the
coordinator collect them all, and brings the season back twice into empty databases. Both must say the same.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

REPOSITORY = Path(__file__).resolve().parents[2]
for folder in (REPOSITORY, REPOSITORY / "platform", REPOSITORY / "models"):
    sys.path.insert(0, str(folder))

from haulout import journal  # noqa: E402
from haulout.bootstrap import build  # noqa: E402
from haulout.collect import collect  # noqa: E402
from haulout.config import Settings  # noqa: E402
from haulout.db import connect, create_tables, writing  # noqa: E402
from haulout.envelope import Envelopes  # noqa: E402
from haulout.label_studio import LabelStudio  # noqa: E402
from haulout.processes import Supervisor, label_studio_program, prepare_label_studio  # noqa: E402
from haulout.rebuild import derive, from_label_studio, from_log  # noqa: E402
from haulout.services import Services  # noqa: E402
from haulout.shipping import ship  # noqa: E402
from haulout.tables import IngestionRow, PhotoRow, ProjectRow, TaskRow, TileRow  # noqa: E402
from labeling_configs import boxes, catalog  # noqa: E402
from labeling_configs.vocabulary import PhotoId, Question, Rectangle, Tile, TileId  # noqa: E402

TOKEN, PEOPLE, TOGETHER = "0123456789abcdef" * 2 + "01234567", 5, 500
AUGUST = datetime(2026, 8, 1)
WHOLE = Rectangle(0, 0, 400, 300)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--votes", type=int, default=100_000)
    parser.add_argument("--port", type=int, default=8391)
    parser.add_argument("--derive", action="store_true", help="also time the merging of all votes after the log")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="haulout-rebuilding-"))
    supervisor = _label_studio(home, asked.port)
    try:
        told = measure(home, asked)
    finally:
        supervisor.stop()
        shutil.rmtree(home, ignore_errors=True)
    text = json.dumps(told, indent=1)
    sys.stdout.write(text + "\n")
    if asked.json:
        asked.json.write_text(text)


def measure(home: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Fill Label Studio, collect, and rebuild."""
    services = build(
        Settings(
            home=home,
            label_studio_url=f"http://127.0.0.1:{asked.port}",
            label_studio_token=TOKEN,
            secret_key="a key",
            starter="none",
        )
    )
    tasks = asked.votes // PEOPLE
    seconds = {"filling": _timed(lambda: _fill(services, tasks))}
    seconds["collecting"] = _timed(lambda: collect(services))
    seconds["shipping"] = _timed(lambda: ship(services.database, services.storage.journal))
    by_log, by_studio = _empty(services, home / "by-log.sqlite"), _empty(services, home / "by-studio.sqlite")
    seconds["rebuilding from the log"] = _timed(lambda: from_log(by_log, services.storage.journal, derived=False))
    seconds["rebuilding from Label Studio"] = _timed(lambda: from_label_studio(by_studio, derived=False))
    if asked.derive:
        seconds["merging all votes"] = _timed(lambda: derive(by_log))
    return {
        "votes": _votes(services),
        "tasks": tasks,
        "entries": sum(1 for _ in _lines(services.storage.journal)),
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "same digest from the log": _digest(by_log) == _digest(services),
        "same votes from Label Studio": _said(by_studio) == _said(services),
        "load": os.getloadavg()[0],
    }


def _fill(services: Services, tasks: int) -> None:
    label_studio = services.label_studio()
    entry = catalog.CATALOG[Question.BOXES]
    project = label_studio.ensure_project(Question.BOXES, entry.title_en, entry.xml, entry.instruction, PEOPLE)
    users = [label_studio.sign_up(f"v{n}@rebuild.invalid", "long-enough-7", f"v{n}").user_id for n in range(PEOPLE)]
    with writing(services.database) as session:
        session.add(IngestionRow(id=1, folder="CARD", site="Beach", started_at=AUGUST))
        session.add(ProjectRow(question="boxes", label_studio_project=project, asked=""))
    envelopes = Envelopes(services.settings.secret_key)
    headers = {"Authorization": f"Token {TOKEN}"}
    with httpx.Client(base_url=services.settings.label_studio, headers=headers, timeout=600) as http:
        for start in range(0, tasks, TOGETHER):
            _import(services, http, project, users, envelopes, range(start, min(start + TOGETHER, tasks)))


def _import(
    services: Services, http: httpx.Client, project: int, users: list[int], envelopes: Envelopes, numbers: range
) -> None:
    wire = []
    with writing(services.database) as session:
        rows = [_rows(number) for number in numbers]
        for photo, tile, task in rows:
            session.add(photo)
            session.flush()
            session.add(TileRow.of(tile))
            session.add(task)
        session.flush()
        for _, tile, task in rows:
            answers = [{"result": _result(tile, user), "completed_by": user, "lead_time": 8.0} for user in users]
            data = {"image": "/data/local-files/?d=tiles/none.jpg", "key": task.key}
            wire.append({"data": data, "meta": {"sealed": envelopes.seal(session, task)}, "annotations": answers})
    told = http.post(f"/api/projects/{project}/import", params={"return_task_ids": "true"}, json=wire)
    told.raise_for_status()
    with writing(services.database) as session:
        for (_, _, task), number in zip(rows, told.json()["task_ids"], strict=True):
            session.get_one(TaskRow, task.id).label_studio_task = number


def _rows(number: int) -> tuple[PhotoRow, Tile, TaskRow]:
    name = f"{number:064x}"
    taken = AUGUST + timedelta(minutes=number)
    photo = PhotoRow(
        id=name,
        name=f"IMG_{number}.JPG",
        ingestion=1,
        site="Beach",
        camera="CAM1",
        taken_at_original=taken,
        taken_at=taken,
        burst=f"b{number}",
        width=400,
        height=300,
        suffix=".jpg",
        size_bytes=1,
        ingested_at=AUGUST,
    )
    tile = Tile(TileId(f"{name}-0-0-400-300"), PhotoId(name), WHOLE, WHOLE)
    task = TaskRow(question="boxes", subject=tile.id, key=f"boxes:{number}", overlap=PEOPLE, created_at=AUGUST)
    return photo, tile, task


def _result(tile: Tile, user: int) -> list[dict[str, Any]]:
    shift = float(user % 7)
    return boxes.write([[20 + shift, 50, 120, 150 + shift], [200, 40 + shift, 260, 120]], None, tile)


def _empty(services: Services, path: Path) -> Services:
    database = connect(f"sqlite:///{path}")
    create_tables(database)
    return replace(services, database=database)


def _digest(services: Services) -> str:
    with services.database.connect() as connection:
        return journal.digest(journal.live(connection))


def _said(services: Services) -> set[tuple[Any, ...]]:
    """Name each vote by what was asked, who answered and what."""
    with services.database.connect() as connection:
        state = journal.live(connection)
    keys = {row["id"]: row["key"] for (table, _), row in state.items() if table == "task"}
    return {
        (keys[row["task"]], row["person"], row["label_studio_annotation"], row["digest"])
        for (table, _), row in state.items()
        if table == "answer"
    }


def _votes(services: Services) -> int:
    return len(_said(services))


def _lines(folder: Path) -> Any:
    for file in sorted(folder.glob("*.jsonl")):
        with file.open() as lines:
            yield from lines


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _label_studio(home: Path, port: int) -> Supervisor:
    python, cache = REPOSITORY / ".venv-label-studio" / "bin" / "python", REPOSITORY / ".cache"
    prepare_label_studio(python, home / "ls", cache, "operator@haulout.invalid", "a-password", TOKEN, lambda _: None)
    (home / "public").mkdir()
    supervisor = Supervisor(home / "run")
    supervisor.start([label_studio_program(python, home / "ls", home / "public", port, "127.0.0.1")])
    LabelStudio(f"http://127.0.0.1:{port}", TOKEN).wait_until_ready(180, time.monotonic, time.sleep)
    return supervisor


if __name__ == "__main__":
    main()
