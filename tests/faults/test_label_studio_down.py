"""Label Studio is killed while people work and the coordinator listens: nothing acknowledged is lost.

With HAULOUT_FAULTS_LONG=1 it stays away for five minutes each time.
"""

import os
import signal
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
import pytest
from sqlmodel import select

from haulout.bootstrap import build
from haulout.collect import collect
from haulout.config import Settings
from haulout.db import reading
from haulout.dispatch import dispatch
from haulout.errors import HauloutError
from haulout.fsck import fsck
from haulout.ingest import ingest
from haulout.label_studio import LabelStudio
from haulout.processes import Supervisor, label_studio_program, prepare_label_studio
from haulout.propose import propose
from haulout.selection import select_batch
from haulout.settle import settle
from haulout.tables import AnswerRow
from labeling_configs.vocabulary import Question
from tests.conftest import EMAIL, PASSWORD, REPOSITORY, TOKEN
from tests.faults.test_crashes import new_card

AWAY = 300.0 if os.environ.get("HAULOUT_FAULTS_LONG") else 5.0
KILLS, PEOPLE = 2, ("anna", "boris", "clara")

pytestmark = [pytest.mark.label_studio, pytest.mark.timeout(3600)]


@pytest.fixture
def own_label_studio(tmp_path, free_port, label_studio_python):
    """A Label Studio that this test may kill, and the supervisor that starts it again."""
    cache = Path(os.environ.get("HAULOUT_CACHE", REPOSITORY / ".cache"))
    port = free_port()
    (tmp_path / "public").mkdir()
    prepare_label_studio(label_studio_python, tmp_path / "ls", cache, EMAIL, PASSWORD, TOKEN, lambda _: None)
    supervisor = Supervisor(tmp_path / "run")
    program = label_studio_program(label_studio_python, tmp_path / "ls", tmp_path / "public", port, "127.0.0.1")
    supervisor.start([program])
    LabelStudio(f"http://127.0.0.1:{port}", TOKEN).wait_until_ready(120, time.monotonic, time.sleep)
    yield f"http://127.0.0.1:{port}", supervisor
    supervisor.stop()


def test_label_studio_is_killed_while_people_work(own_label_studio, tmp_path):
    url, supervisor = own_label_studio
    services = build(_settings(tmp_path, url))
    for number in (1, 2):
        ingest(services, new_card(tmp_path / f"card-{number}", number, 10))
    propose(services)
    select_batch(services)
    dispatch(services)
    project, over = services.label_studio().find_project(Question.BOXES), Event()
    keys = [_sign_up(services, name) for name in PEOPLE]
    with ThreadPoolExecutor(len(PEOPLE) + 1) as pool:
        working = [pool.submit(_work, url, key, project, over) for key in keys]
        listening = pool.submit(_listen, services, over)
        for _ in range(KILLS):
            time.sleep(3)
            os.killpg(supervisor.process_ids()["label_studio"], signal.SIGKILL)
            time.sleep(AWAY)
            services.label_studio().wait_until_ready(120, time.monotonic, time.sleep)
        time.sleep(3)
        over.set()
        acknowledged = [answer for one in working for answer in one.result()]
        troubles = listening.result()

    collect(services, sweep=True)

    with reading(services.database) as session:
        stored = Counter(row.label_studio_annotation for row in session.exec(select(AnswerRow)) if not row.gone)
    assert len(acknowledged) >= 10
    assert {answer: stored[answer] for answer in acknowledged} == dict.fromkeys(acknowledged, 1)
    assert troubles, "the coordinator never noticed that Label Studio was away"
    settle(services)
    dispatch(services)
    assert fsck(services) == []


def _settings(home: Path, url: str) -> Settings:
    return Settings(
        home=home,
        database_url=f"sqlite:///{home}/season.sqlite",
        label_studio_url=url,
        label_studio_token=TOKEN,
        starter="none",
        batch_size=20,
        exam_share=0.0,
        secret_key="a key",
        site="Beach",
    )


def _sign_up(services, name: str) -> str:
    return services.label_studio().sign_up(f"{name}@down.invalid", "long-enough-7", name).api_key


def _work(url: str, key: str, project: int, over: Event) -> list[int]:
    """Answer what is asked, each answer under a name of its own and until it is acknowledged; return the numbers."""
    person = LabelStudio(url, TOKEN, timeout=5).as_person(key)
    acknowledged = []
    while not over.is_set():
        served = _patiently(over, lambda: person.next_task(project))
        if served is None:
            over.wait(0.3)
            continue
        name = str(uuid.uuid4())
        number = _patiently(over, lambda: person.submit(served.id, [], 1.0, name))  # noqa: B023
        if number is not None:
            acknowledged.append(number)
    return acknowledged


def _patiently(over: Event, ask):
    while not over.is_set():
        try:
            return ask()
        except (HauloutError, httpx.HTTPError):
            over.wait(0.3)
    return None


def _listen(services, over: Event) -> list[str]:
    """Poll as the coordinator does, and return what it said when Label Studio was away."""
    said = []
    while not over.wait(0.5):
        try:
            collect(services)
            settle(services)
            dispatch(services)
        except HauloutError as error:
            said.append(str(error))
    return said
