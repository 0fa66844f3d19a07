"""Nothing fails and nothing arrives: people answer in the real Label Studio, nobody reads it, the alarm goes off."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import pytest

from haulout.collect import collect
from haulout.db import reading, writing
from haulout.label_studio import LabelStudio, NewTask
from haulout.tables import PhotoRow, ProjectRow, TaskRow, TileRow
from haulout.watch import alarms, look, read_sight
from labeling_configs import boxes, catalog
from labeling_configs.vocabulary import PhotoId, Question, Rectangle, Tile, TileId

WHOLE = Rectangle(0, 0, 100, 100)
TILE = Tile(TileId("tile"), PhotoId("photo"), WHOLE, WHOLE)
BOX = [[10, 10, 40, 40]]


@pytest.fixture
def project(label_studio_server, label_studio) -> Iterator[int]:
    entry = catalog.CATALOG[Question.BOXES]
    number = label_studio.ensure_project(Question.BOXES, entry.title_en, entry.xml, entry.instruction, overlap=5)
    yield number
    headers = {"Authorization": f"Token {label_studio_server.token}"}
    httpx.delete(f"{label_studio_server.url}/api/projects/{number}/", headers=headers, timeout=60).raise_for_status()


class Minutes:
    """A coordinator on the real Label Studio that looks once a minute, by a clock that is moved by hand."""

    def __init__(self, services, label_studio: LabelStudio, project: int, photo: PhotoRow) -> None:
        self.now = datetime(2026, 11, 23, 12)
        self.services = replace(services, label_studio=lambda: label_studio, now=lambda: self.now)
        key = uuid.uuid4().hex
        data = {"image": "/data/local-files/?d=tiles/a.jpg", "key": key}
        (self.task,) = label_studio.send_tasks(project, [NewTask(data, boxes.write(BOX, None, TILE), 0.5, "m", 5)])
        label_studio.serve_version(project, "m")
        tile = replace(TILE, photo=PhotoId(photo.id))
        with writing(services.database) as session:
            session.add_all([ProjectRow(question="boxes", label_studio_project=project, asked=""), TileRow.of(tile)])
            session.flush()
            row = TaskRow(question="boxes", subject="tile", key=key, created_at=self.now, overlap=5, pushed="open:5")
            row.label_studio_task = self.task
            session.add(row)

    def alarms_after(self, minutes: int) -> set[str]:
        """Let so many minutes pass; return what needs attention, but for what a new home lacks anyway."""
        for _ in range(minutes):
            self.now += timedelta(minutes=1)
            look(self.services, lambda: True)
        with reading(self.services.database) as session:
            sight = read_sight(session, self.services.settings, self.now)
        return {alarm.kind for alarm in alarms(sight)} - {"backup", "fsck"}


@pytest.mark.label_studio
def test_answers_that_nobody_reads_raise_the_alarm_within_five_minutes_and_reading_ends_it(
    coordinator, label_studio, project
):
    minutes = Minutes(coordinator.services, label_studio, project, coordinator.photo())
    anna, boris = (
        label_studio.as_person(label_studio.sign_up(f"{name}@silence.invalid", "long-enough-7", name).api_key)
        for name in ("anna", "boris")
    )
    assert minutes.alarms_after(1) == set()

    anna.submit(minutes.task, boxes.write(BOX, None, TILE), 9.0, uuid.uuid4().hex)
    boris.skip(minutes.task, uuid.uuid4().hex)  # who skips is active too

    assert minutes.alarms_after(4) == {"silence"}
    assert collect(minutes.services) == 2
    assert minutes.alarms_after(1) == set()
    assert minutes.alarms_after(60) == set(), "nobody answers, and that is no alarm"
