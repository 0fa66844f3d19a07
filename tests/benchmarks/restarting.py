"""How long until a Haulout that was killed as a whole, in the middle of its work, is up again and has lost nothing?

    python tests/benchmarks/restarting.py --photos 40 --times 5 --json OUT

Starts everything as `haulout up` does in a home of its own. Each time people answer, a pass begins, and every
process is killed with SIGKILL at a random moment of it. Then everything is started again, and the clock runs until the
pages are ready, every acknowledged answer is stored once, and `haulout fsck` finds nothing.
"""

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[2]
for folder in (REPOSITORY, REPOSITORY / "platform", REPOSITORY / "models"):
    sys.path.insert(0, str(folder))

from sqlmodel import select  # noqa: E402

from haulout import embedded  # noqa: E402
from haulout.bootstrap import build  # noqa: E402
from haulout.config import Settings, make_secrets  # noqa: E402
from haulout.db import reading  # noqa: E402
from haulout.errors import LeaseTaken  # noqa: E402
from haulout.fsck import fsck  # noqa: E402
from haulout.ingest import ingest  # noqa: E402
from haulout.loop import listen  # noqa: E402
from haulout.processes import Supervisor  # noqa: E402
from haulout.propose import propose  # noqa: E402
from haulout.selection import select_batch  # noqa: E402
from haulout.services import Services, silently  # noqa: E402
from haulout.tables import AnswerRow  # noqa: E402
from labeling_configs.vocabulary import Question  # noqa: E402

WAITS = 120
"""Seconds after which a start counts as failed."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="haulout-restarting-"))
    settings = _settings(home)
    try:
        text = json.dumps(measure(settings, asked), indent=1)
    finally:
        embedded.stop(settings)
        shutil.rmtree(home, ignore_errors=True)
    sys.stdout.write(text + "\n")
    if asked.json:
        asked.json.write_text(text)


def measure(settings: Settings, asked: argparse.Namespace) -> dict[str, Any]:
    """Fill the home, then kill and start again."""
    embedded.start(settings, silently)
    services = build(settings)
    ingest(services, _card(settings.home / "card", asked.photos), None)
    propose(services)
    select_batch(services)
    _patiently(lambda: listen(services))
    rng, acknowledged, seconds = random.Random(3), Counter[int](), []
    for turn in range(asked.times):
        acknowledged.update(_people_answer(services, turn))
        _begin_and_kill(settings, rng)
        began = time.monotonic()
        embedded.start(settings, silently)
        _ready(settings)
        _patiently(lambda: listen(services))
        troubles = [str(one) for one in fsck(services)] + _lost(services, acknowledged)
        seconds.append(round(time.monotonic() - began, 1))
        if troubles:
            raise SystemExit(f"after kill {turn + 1}: {troubles}")
    return {
        "benchmark": "restarting",
        "settings": {"photos": asked.photos, "times": asked.times},
        "answers": len(acknowledged),
        "seconds_to_consistent": {"median": float(np.median(seconds)), "worst": max(seconds), "each": seconds},
        "load": os.getloadavg()[0],
    }


def _settings(home: Path) -> Settings:
    make_secrets(home)
    ports = {name: str(_free_port()) for name in ("PORT", "LABEL_STUDIO_PORT", "REDIS_PORT")}
    names = {f"HAULOUT_{name}": port for name, port in ports.items()}
    return Settings.from_env({"HAULOUT_HOME": str(home), "HAULOUT_STARTER": "none", "HAULOUT_EXAM_SHARE": "0", **names})


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _card(card: Path, photos: int) -> Path:
    card.mkdir()
    rng = np.random.default_rng(5)
    for number in range(photos):
        noise = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((320, 240)).save(card / f"202608{number % 28 + 1:02d}_{number // 28:02d}0000.jpg")
    return card


def _people_answer(services: Services, turn: int) -> list[int]:
    label_studio, given = services.label_studio(), []
    project = label_studio.find_project(Question.BOXES)
    person = label_studio.sign_up(f"p{turn}@restart.invalid", "long-enough-7", f"p{turn}")
    labeler = label_studio.as_person(person.api_key)
    while len(given) < 10 and (served := labeler.next_task(project or 0)) is not None:
        given.append(labeler.submit(served.id, [], 1.0, str(uuid.uuid4())))
    return given


def _begin_and_kill(settings: Settings, rng: random.Random) -> None:
    """Let `haulout listen` work for a random while beside everything else, then kill all of it."""
    environment = {**os.environ, **settings.to_env(), "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "haulout", "listen"]
    working = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    time.sleep(rng.uniform(1.0, 4.0))
    programs = Supervisor(settings.home / "run").process_ids().values()
    supervisor = int((settings.home / "run" / "supervisord.pid").read_text())  # first, or it starts the others again
    for number in (supervisor, working.pid, *programs):
        _kill(number)
    working.wait()


def _kill(number: int) -> None:
    try:
        os.killpg(number, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _ready(settings: Settings) -> None:
    end = time.monotonic() + WAITS
    while time.monotonic() < end:
        try:
            if httpx.get(f"{settings.pages}/readyz").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"not ready after {WAITS} s")


def _patiently(work: Any) -> None:
    while True:
        try:
            work()
            return
        except LeaseTaken:
            time.sleep(0.2)


def _lost(services: Services, acknowledged: Counter[int]) -> list[str]:
    with reading(services.database) as session:
        stored = Counter(session.exec(select(AnswerRow.label_studio_annotation)))
    return [f"answer {number} is stored {stored[number]} times" for number in acknowledged if stored[number] != 1]


if __name__ == "__main__":
    main()
