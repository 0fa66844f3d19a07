"""People get what is worth most, in that order, and the new order as soon as another detector has looked."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlmodel import col, select

from haulout.db import reading
from haulout.dispatch import dispatch
from haulout.ingest import ingest
from haulout.loop import listen
from haulout.propose import propose
from haulout.selection import select_batch
from haulout.tables import ProjectRow, TaskRow
from labeling_configs.vocabulary import Question

NEXT = 10

pytestmark = pytest.mark.label_studio


@pytest.fixture
def season(coordinator_for, drawn_season, tmp_path):
    coordinator = coordinator_for(f"sqlite:///{tmp_path / 'season.sqlite'}")
    ingest(coordinator, drawn_season.card, None)
    return coordinator


def changed(coordinator, **settings):
    return replace(coordinator, settings=coordinator.settings.model_copy(update=settings))


def pass_on(coordinator) -> None:
    propose(coordinator)
    select_batch(coordinator)
    dispatch(coordinator)


def worth_most(coordinator) -> list[int]:
    return order_of_all(coordinator)[:NEXT]


def order_of_all(coordinator) -> list[int]:
    with reading(coordinator.database) as session:
        tasks = session.exec(
            select(TaskRow.label_studio_task)
            .where(TaskRow.question == Question.BOXES.value, TaskRow.state == "open")
            .order_by(col(TaskRow.priority).desc())
        )
        return list(tasks)


def served(coordinator, name: str) -> list[int]:
    """Let somebody new answer ten tasks, and return which they were."""
    label_studio = coordinator.label_studio()
    with reading(coordinator.database) as session:
        project = session.get_one(ProjectRow, Question.BOXES.value).label_studio_project
    access = label_studio.sign_up(f"{name}@haulout.invalid", "long-enough-9", name)
    person = label_studio.as_person(access.api_key)
    asked = []
    for place in range(NEXT):
        task = person.next_task(project)
        once = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name}:{place}"))
        person.submit(task.id, [], 3.0, once, task.prediction)
        asked.append(task.id)
    return asked


def two_at_once(coordinator, *names: str) -> list[list[int]]:
    with ThreadPoolExecutor(len(names)) as people:
        return list(people.map(lambda name: served(coordinator, name), names))


def test_the_ten_tiles_worth_most_are_the_ten_served_next_to_two_people_after_every_scoring(season):
    pass_on(season)
    first = worth_most(season)
    waiting = order_of_all(season)

    assert two_at_once(season, "ann", "bob") == [first, first]

    listen(season)  # two empty answers finish a tile; Label Studio would serve what is half done before all else
    season = changed(season, starter="builtin")
    pass_on(season)
    second = worth_most(season)

    assert [task for task in order_of_all(season) if task in waiting] != [task for task in waiting if task not in first]
    assert two_at_once(season, "eve", "tom") == [second, second]
