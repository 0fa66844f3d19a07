"""Somebody deletes a whole project in the real Label Studio, as every user of its free edition can: it comes back."""

import random

import httpx
import pytest
from sqlmodel import select

from haulout.bootstrap import build
from haulout.collect import collect
from haulout.db import reading
from haulout.dispatch import dispatch
from haulout.dispatch.undelete import undelete
from haulout.fsck import fsck
from haulout.holds import open_holds
from haulout.tables import AnswerRow, TaskRow
from haulout.testing import answers_in
from labeling_configs.vocabulary import Question
from tests.faults.crashing import work
from tests.faults.test_crashes import new_season  # noqa: F401

pytestmark = pytest.mark.label_studio


def test_a_deleted_project_is_held_back_and_restored_with_every_answer(new_season, label_studio_server):  # noqa: F811
    season = new_season()
    season.settings = season.settings.model_copy(update={"batch_size": 9})
    for _ in range(3):
        season.new_card()
    for card in season.settings.home.glob("card-*"):
        services = build(season.settings)
        work(services, card)
    for turn in range(8):  # so many answers that they are no slip of one hand
        season.answer(random.Random(turn))
    collect(services, sweep=True)
    before = stored(services)
    gone = services.label_studio().find_project(Question.BOXES)

    headers = {"Authorization": f"Token {label_studio_server.token}"}
    httpx.delete(f"{label_studio_server.url}/api/projects/{gone}/", headers=headers, timeout=60).raise_for_status()
    taken_in = [collect(services), collect(services, sweep=True)]
    with reading(services.database) as session:
        held = [hold.answers for hold in open_holds(session)]
    undelete(services)
    dispatch(services)
    again = [collect(services, sweep=True) for _ in range(2)]

    assert (taken_in, held, again) == ([0, 0], [len(before)], [0, 0])
    assert stored(services) == before
    project = services.label_studio().find_project(Question.BOXES)
    assert project != gone
    assert len(answers_in(services.label_studio(), project)) == len(before)
    assert fsck(services) == []
    assert season.troubles() == []


def stored(services) -> list[tuple]:
    with reading(services.database) as session:
        rows = session.exec(select(AnswerRow, TaskRow.key).join(TaskRow, TaskRow.id == AnswerRow.task)).all()
    return [(row.label_studio_annotation, key, row.person, row.digest, row.gone) for row, key in rows]
