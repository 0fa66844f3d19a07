"""The real Label Studio rings through a line that loses, doubles and shuffles: two polls later all is stored once."""

import io
import random
import uuid
from threading import Thread

import httpx
import pytest
from sqlmodel import select
from waitress.server import create_server
from werkzeug.test import run_wsgi_app

from haulout.bootstrap import build
from haulout.collect import collect
from haulout.config import Settings
from haulout.db import reading
from haulout.dispatch import dispatch
from haulout.fsck import fsck
from haulout.ingest import ingest
from haulout.propose import propose
from haulout.selection import select_batch
from haulout.settle import settle
from haulout.tables import AnswerRow
from haulout.web import create_app
from labeling_configs.vocabulary import Question
from tests.conftest import TOKEN
from tests.faults.test_crashes import new_card

PHOTOS, PEOPLE = 5, ("dora", "egor")

pytestmark = [pytest.mark.label_studio, pytest.mark.timeout(600)]


class BadLine:
    """Stands before the pages: a bell is lost with a chance, or kept and rung later, twice and in any order."""

    def __init__(self, pages, lost: float) -> None:
        self._pages, self._lost, self._rng = pages, lost, random.Random(5)
        self.came, self._kept = 0, []

    def __call__(self, environ, start_response):
        self.came += 1
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if self._rng.random() < self._lost:
            start_response("503 Service Unavailable", [])
            return [b""]
        self._kept += [(dict(environ), body)] * 2
        start_response("202 Accepted", [])
        return [b""]

    def arrives(self) -> list[str]:
        """Let all that was kept arrive; return how the pages answered."""
        self._rng.shuffle(self._kept)
        told = []
        for environ, body in self._kept:
            told.append(run_wsgi_app(self._pages, environ | {"wsgi.input": io.BytesIO(body)})[1])
        return told


@pytest.fixture
def emptied(label_studio_server):
    """Label Studio without projects, and its home without a log, before and after."""
    _empty(label_studio_server)
    yield label_studio_server
    _empty(label_studio_server)


@pytest.mark.parametrize("lost", [0.0, 0.1, 0.5, 1.0])
def test_two_polls_after_any_line_every_answer_is_stored_once(emptied, tmp_path, free_port, lost):
    home = emptied.documents.parent
    settings = Settings(
        home=home,
        port=free_port(),
        database_url=f"sqlite:///{tmp_path}/season.sqlite",
        label_studio_url=emptied.url,
        label_studio_token=TOKEN,
        starter="none",
        batch_size=PHOTOS,
        exam_share=0.0,
        secret_key="a key",
        webhook_secret="a bell",
        site="Beach",
    )
    services = build(settings)
    ingest(services, new_card(tmp_path / "card", 500 + int(100 * lost), PHOTOS))
    propose(services)
    select_batch(services)
    line = BadLine(create_app(services, lambda _project: collect(services, sweep=False)), lost)
    server = create_server(line, host="127.0.0.1", port=settings.port)
    Thread(target=server.run, daemon=True).start()
    try:
        dispatch(services)
        given = _people_answer(services)
        arrived = line.arrives()
    finally:
        server.close()

    for _ in range(2):
        collect(services, sweep=False)

    assert len(given) == len(PEOPLE) * PHOTOS
    assert line.came >= len(given), "Label Studio rings for each answer"
    assert {status.split()[0] for status in arrived} == ({"202"} if lost < 1 else set())
    with reading(services.database) as session:
        assert sorted(session.exec(select(AnswerRow.label_studio_annotation))) == sorted(given)
    settle(services)
    dispatch(services)
    assert fsck(services) == []


def _empty(server) -> None:
    headers = {"Authorization": f"Token {server.token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as http:
        for project in http.get("/api/projects/", params={"page_size": 100}).json()["results"]:
            http.delete(f"/api/projects/{project['id']}/").raise_for_status()
    for file in (server.documents.parent / "journal").glob("*.jsonl"):
        file.unlink()


def _people_answer(services) -> list[int]:
    """Let everybody answer everything; return the numbers that Label Studio acknowledged."""
    label_studio, given = services.label_studio(), []
    project = label_studio.find_project(Question.BOXES)
    for name in PEOPLE:
        access = label_studio.sign_up(f"{name}@bells.invalid", "long-enough-7", name)
        person = label_studio.as_person(access.api_key)
        while (served := person.next_task(project)) is not None:
            given.append(person.submit(served.id, [], 1.0, str(uuid.uuid4())))
    return given
