"""Label Studio hangs or is killed, and the desk's own process is killed: whatever people were told was stored, is."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import httpx
import pytest
from sqlmodel import select

from haulout.accounts import Role
from haulout.bootstrap import build
from haulout.collect import collect
from haulout.config import Settings
from haulout.db import reading
from haulout.desk.deliverer import Deliverer
from haulout.dispatch import dispatch
from haulout.fsck import fsck
from haulout.ingest import ingest
from haulout.label_studio import LabelStudio
from haulout.propose import propose
from haulout.selection import select_batch
from haulout.services import Services
from haulout.settle import settle
from haulout.tables import AnswerRow, ProjectRow, SpoolRow
from haulout.testing import enter, enters
from haulout.web import create_app
from tests.conftest import REPOSITORY, TOKEN
from tests.faults.test_crashes import new_card
from tests.faults.test_label_studio_down import own_label_studio  # noqa: F401

PEOPLE, AWAY = 4, 4.0

pytestmark = [pytest.mark.label_studio, pytest.mark.timeout(600)]


@pytest.fixture
def season(own_label_studio, tmp_path, free_port):  # noqa: F811
    """Services with tasks that wait for people, and the Label Studio that this test may harm."""
    url, supervisor = own_label_studio
    settings = Settings(
        home=tmp_path,
        port=free_port(),
        database_url=f"sqlite:///{tmp_path}/season.sqlite",
        label_studio_url=url,
        label_studio_token=TOKEN,
        redis_port=free_port(),
        starter="none",
        batch_size=40,
        exam_share=0.0,
        least_votes=5,
        secret_key="a key",
        webhook_secret="a bell",
        site="Beach",
    )
    services = build(settings)
    # Nobody shall wait two minutes for a server that hangs.
    services = replace(services, label_studio=lambda: LabelStudio(url, TOKEN, timeout=3))
    for number in (1, 2):
        ingest(services, new_card(tmp_path / f"card-{number}", number, 20))
    propose(services)
    select_batch(services)
    dispatch(services)
    yield services, supervisor
    services.database.dispose()


def studio(supervisor) -> int:
    return supervisor.process_ids()["label_studio"]


def hang(services: Services, supervisor) -> None:
    group = studio(supervisor)
    os.killpg(group, signal.SIGSTOP)
    try:
        time.sleep(AWAY)
    finally:
        os.killpg(group, signal.SIGCONT)


def kill(services: Services, supervisor) -> None:
    os.killpg(studio(supervisor), signal.SIGKILL)
    time.sleep(AWAY)
    services.label_studio().wait_until_ready(120, time.monotonic, time.sleep)


def answer_until(over: Event, client) -> list[str]:
    """Answer what is given, as the page does; return the names of what was acknowledged."""
    names = []
    while not over.wait(0.2):
        given = client.post("/desk/next", json={"question": "boxes"}).json
        if "lease" not in given:
            continue
        body = {"lease": given["lease"], "result": given["prediction"] or [], "seconds": 1}
        answer = client.post("/desk/submit", json=body)
        if answer.status_code == 200:
            names.append(answer.json["unique_id"])
    return names


def wait_until_delivered(services: Services) -> None:
    for _ in range(1200):
        with reading(services.database) as session:
            if not session.exec(select(SpoolRow).where(SpoolRow.state == "waiting")).all():
                return
        time.sleep(0.1)
    pytest.fail("answers still wait for Label Studio after two minutes")


def assert_everything_is_there_once(services: Services, acknowledged: list[str]) -> None:
    collect(services, sweep=True)
    with reading(services.database) as session:
        spooled = {row.unique_id: row.label_studio_annotation for row in session.exec(select(SpoolRow))}
        stored = Counter(row.label_studio_annotation for row in session.exec(select(AnswerRow)) if not row.gone)
        projects = [row.label_studio_project for row in session.exec(select(ProjectRow))]
    there = [one for project in projects for one in services.label_studio().answers_since(project, None)]
    assert len(set(acknowledged)) == len(acknowledged)
    assert {stored[spooled[name]] for name in acknowledged} == {1}
    assert set(spooled.values()) == {answer.annotation for answer in there}
    assert set(Counter((answer.task, answer.user) for answer in there).values()) == {1}
    settle(services)
    dispatch(services)
    assert fsck(services) == []


@pytest.mark.parametrize("harm", [hang, kill])
def test_people_work_on_while_label_studio_is_away_and_it_catches_up(season, harm):
    services, supervisor = season
    deliverer, over = Deliverer(lambda: services), Event()
    app = create_app(services, spooled=deliverer.wake)
    deliverer.start()
    clients = [enters(app.test_client(), Role.VOLUNTEER, f"person {number}") for number in range(PEOPLE)]
    with ThreadPoolExecutor(PEOPLE) as pool:
        working = [pool.submit(answer_until, over, client) for client in clients]
        time.sleep(3)
        with reading(services.database) as session:
            before = len(session.exec(select(SpoolRow)).all())
        harm(services, supervisor)
        with reading(services.database) as session:
            meanwhile = len(session.exec(select(SpoolRow)).all()) - before
        over.set()
        acknowledged = [name for one in working for name in one.result()]
    wait_until_delivered(services)
    deliverer.stop()

    assert meanwhile > PEOPLE, "nobody could work while Label Studio was away"
    assert_everything_is_there_once(services, acknowledged)


def serve(settings: Settings) -> subprocess.Popen:
    secrets = {"secret_key": "a key", "webhook_secret": "a bell", "label_studio_token": TOKEN}
    (settings.home / "secrets.json").write_text(json.dumps(secrets))
    given = {"DATABASE_URL": settings.database_url, "LABEL_STUDIO_URL": settings.label_studio_url}
    with Path(settings.home / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "haulout", "serve"],
            env=os.environ | settings.to_env() | given,
            cwd=REPOSITORY,
            stdout=log,
            stderr=log,
        )
    for _ in range(600):
        try:
            if httpx.get(f"{settings.pages}/healthz", timeout=2).status_code == 200:
                return process
        except httpx.HTTPError:
            assert process.poll() is None, Path(settings.home / "serve.log").read_text()[-2000:]
        time.sleep(0.1)
    pytest.fail("the pages did not come up in a minute")


def test_what_was_acknowledged_is_delivered_once_although_the_pages_are_killed_at_once(season):
    services, _ = season
    headers = {"Cookie": f"haulout={enter(services, Role.VOLUNTEER)[1]}", "Sec-Fetch-Site": "same-origin"}
    acknowledged, deaths = [], 3
    for death in range(deaths):
        process = serve(services.settings)
        with httpx.Client(base_url=services.settings.pages, headers=headers, timeout=30) as browser:
            for _ in range(1 + death):
                given = browser.post("/desk/next", json={"question": "boxes"}).json()
                body = {"lease": given["lease"], "result": [], "seconds": 1}
                acknowledged.append(browser.post("/desk/submit", json=body).json()["unique_id"])
        process.send_signal(signal.SIGKILL)
        process.wait(30)

    process = serve(services.settings)
    wait_until_delivered(services)
    process.terminate()

    assert process.wait(30) is not None
    assert len(acknowledged) == 6
    assert_everything_is_there_once(services, acknowledged)
