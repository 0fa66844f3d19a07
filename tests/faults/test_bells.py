"""Label Studio's bell may be lost, doubled, shuffled and forged: two polls later all is as people said."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from flask.testing import FlaskClient
from sqlmodel import select

from haulout.collect import collect
from haulout.db import reading
from haulout.dispatch import dispatch
from haulout.tables import AnswerRow
from haulout.web import create_app
from tests.faults.schedules import Season, every_vote_is_stored_as_it_was_given

SECRET = "the bell's own"
PEOPLE, TILES = 6, 5


@dataclass
class Bells:
    """A season whose pages hear bells; each that is believed lets the answers be read, as a worker would."""

    season: Season
    client: FlaskClient
    heard: list[int]

    def ring(self, event: object, secret: str = SECRET) -> int:
        return self.client.post("/webhook/label-studio", json=event, headers={"X-Haulout-Secret": secret}).status_code

    def event(self, number: int) -> dict[str, object]:
        """Return what Label Studio tells of an answer."""
        project = self.season.label_studio.find_project(_boxes())
        result, skipped = self.season.given[number]
        told = {"id": number, "result": result, "was_cancelled": skipped}
        return {"action": "ANNOTATION_CREATED", "project": {"id": project}, "annotation": told, "task": {"id": 1}}


def _boxes():
    from labeling_configs.vocabulary import Question

    return Question.BOXES


@pytest.fixture
def bells() -> Bells:
    season = Season()
    settings = season.services.settings.model_copy(update={"webhook_secret": SECRET})
    season.services = replace(season.services, settings=settings)
    for _ in range(TILES):
        season.ask(PEOPLE)
    dispatch(season.services)
    heard: list[int] = []

    def take_in(project: int) -> None:
        heard.append(project)
        collect(season.services, sweep=False)

    yield Bells(season, create_app(season.services, take_in).test_client(), heard)
    season.end()


def people_answer(season: Season, rng: random.Random) -> None:
    for person in range(1, PEOPLE + 1):
        for _ in range(TILES):
            season.answer(person, rng.randrange(300), skipped=rng.random() < 0.2)


def two_polls(season: Season) -> None:
    for _ in range(2):
        collect(season.services, sweep=False)


@pytest.mark.parametrize("lost", [0.0, 0.1, 0.5, 1.0])
def test_bells_that_are_lost_doubled_and_shuffled_change_nothing_of_what_is_stored(bells, lost) -> None:
    rng = random.Random(int(10 * lost))
    people_answer(bells.season, rng)
    events = [bells.event(number) for number in bells.season.given if rng.random() >= lost] * 3
    rng.shuffle(events)

    assert {bells.ring(event) for event in events} <= {202}
    two_polls(bells.season)

    assert len(bells.season.given) == PEOPLE * TILES
    every_vote_is_stored_as_it_was_given(bells.season)
    with reading(bells.season.services.database) as session:
        assert len(session.exec(select(AnswerRow)).all()) == PEOPLE * TILES, "each once"
    assert (len(bells.heard) > 0) == (lost < 1)


def test_what_a_bell_says_is_never_believed(bells) -> None:
    """Somebody who knows the secret may ring as they like; only Label Studio is asked what was answered."""
    people_answer(bells.season, random.Random(3))
    honest = [bells.event(number) for number in bells.season.given]
    for event in honest:
        event["annotation"] |= {"result": [{"forged": 1}], "was_cancelled": True, "completed_by": 99}
    invented = [{**event, "annotation": {**event["annotation"], "id": 10_000 + n}} for n, event in enumerate(honest)]
    deleted = [{**event, "action": "ANNOTATIONS_DELETED"} for event in honest]

    for event in [*honest, *invented, *deleted]:
        bells.ring(event)
    two_polls(bells.season)

    every_vote_is_stored_as_it_was_given(bells.season)


FORGED: list[tuple[str, Callable[[FlaskClient], object]]] = [
    ("no secret", lambda client: client.post("/webhook/label-studio", json={"project": {"id": 1}})),
    ("another secret", lambda client: _post(client, {"project": {"id": 1}}, secret=SECRET[:-1])),
    ("a secret of bytes", lambda client: _post(client, {"project": {"id": 1}}, secret="\xff" * 30)),
    ("an empty secret", lambda client: _post(client, {"project": {"id": 1}}, secret="")),
    ("no project", lambda client: _post(client, {})),
    ("a project by name", lambda client: _post(client, {"project": {"id": "1"}})),
    ("a list", lambda client: _post(client, [1, 2, 3])),
    ("junk", lambda client: _post(client, b"\xff\xfe not json")),
    ("open lists", lambda client: _post(client, b"[" * 200_000)),
    ("zeros", lambda client: _post(client, bytes(1 << 20))),
    ("a huge body", lambda client: _post(client, b'{"a": "' + b"x" * (70 << 20) + b'"}')),
]


def _post(client: FlaskClient, body: object, secret: str = SECRET) -> object:
    headers = {"X-Haulout-Secret": secret}
    if isinstance(body, bytes):
        return client.post("/webhook/label-studio", data=body, content_type="application/json", headers=headers)
    return client.post("/webhook/label-studio", json=body, headers=headers)


@pytest.mark.parametrize(("what", "ring"), FORGED, ids=[what for what, _ in FORGED])
def test_a_forged_bell_is_refused_and_rings_for_nobody(bells, what, ring) -> None:
    people_answer(bells.season, random.Random(4))

    answer = ring(bells.client)

    assert 400 <= answer.status_code < 500 and bells.heard == []
    with reading(bells.season.services.database) as session:
        assert session.exec(select(AnswerRow)).all() == []


def test_a_bell_of_a_project_that_is_not_ours_stores_nothing_of_it(bells) -> None:
    people_answer(bells.season, random.Random(5))

    assert bells.ring({"project": {"id": 2**62}, "annotation": {"id": 1, "result": []}}) in (202, 400)
    two_polls(bells.season)

    every_vote_is_stored_as_it_was_given(bells.season)
