"""The check of the invariants: clean on a sound season, and each harm is found and named."""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import text

from haulout.collect import collect
from haulout.db import writing
from haulout.dispatch import dispatch
from haulout.fsck import fsck
from haulout.label_studio import NewTask
from haulout.loop import run_week
from haulout.places import place
from haulout.retrain.decisions import keep
from haulout.selection import select_batch
from haulout.settle import settle
from haulout.shipping import ship
from haulout.storage.files import appearing_at
from haulout.tables import AnswerRow, ConsensusRow, FsckRow, ModelRow, PhotoRow, TaskRow
from haulout_models.checkpoints import TENSORS
from haulout_models.detector import Detector, DetectorSettings
from labeling_configs.vocabulary import ModelCard, ModelVersion

BOX = (20, 50, 120, 150)


@pytest.fixture
def season(coordinator):
    """A season as it is after a week: answered, settled, shipped, with a network that serves and a place."""
    photos = [coordinator.photo([BOX]) for _ in range(3)]
    for photo in photos:
        coordinator.services.storage.make_web_photo(photo.id, photo.suffix)
    select_batch(coordinator.services)
    dispatch(coordinator.services)
    for name in ("anna", "boris"):
        for photo in photos:
            coordinator.draw(name, coordinator.tile(photo), BOX)
    collect(coordinator.services, sweep=True)
    settle(coordinator.services)
    dispatch(coordinator.services)
    with writing(coordinator.services.database) as session:
        site = place(session, "Beach", latitude=69.1234, longitude=60.5678)
        site.changed_at = coordinator.services.now()
        session.add(site)
    ship(coordinator.services.database, coordinator.services.storage.journal)
    return coordinator


def found(season, **options: bool) -> list[str]:
    return sorted({one.invariant for one in fsck(season.services, **options)})


def by_hand(season, statement: str) -> None:
    """Change the database as nobody should."""
    with season.services.database.begin() as connection:
        connection.execute(text(statement))


def test_a_sound_season_is_clean_and_that_is_noted(season):
    assert fsck(season.services, deep=True) == []

    (row,) = season.rows(FsckRow)
    assert (row.clean, row.findings) == (True, [])


def test_it_is_clean_after_a_week_of_the_loop(season):
    run_week(season.services)

    assert fsck(season.services, deep=True) == []


def test_a_row_that_was_changed_by_hand_is_found(season):
    by_hand(season, "UPDATE answer SET result = '[]' WHERE id = 1")

    assert "I4" in found(season)


@pytest.mark.parametrize("statement", ["DELETE FROM answer WHERE id = 6", "INSERT INTO camera VALUES ('a', 'b', '')"])
def test_a_row_that_came_or_went_past_the_log_is_found(season, statement):
    by_hand(season, statement)

    assert "I4" in found(season)


def test_an_entry_of_the_log_that_was_changed_is_found(season):
    by_hand(season, "DROP TRIGGER log_stays_update")
    by_hand(season, "UPDATE log SET body = replace(body, 'open', 'retired') WHERE \"of\" = 'task' AND act = 'insert'")

    assert "I9" in found(season)


def test_a_file_of_the_log_that_was_changed_is_found(season):
    (file,) = (season.services.storage.journal).glob("*.jsonl")
    file.write_text(file.read_text().replace("person-1", "person-7", 1))

    assert found(season) == ["I9"]


def test_an_answer_of_label_studio_that_is_not_stored_is_found_once_it_should_be(season):
    task = season.rows(TaskRow)[0].label_studio_task
    there = season.label_studio.tasks[task].answers
    number, answer = next(iter(there.items()))
    there[number + 1000] = answer.__class__(**answer.__dict__ | {"annotation": number + 1000})
    for _ in range(601):  # seconds: what came just now is not missed yet
        season.label_studio._now()
    season.draw("clara", season.tile(season.rows(PhotoRow)[1]), BOX)
    with writing(season.services.database) as session:
        from haulout.tables import ProjectRow

        session.get_one(ProjectRow, "boxes").read_to = season.label_studio._now()

    assert "I1" in found(season)


def test_an_answer_that_is_gone_from_label_studio_is_found(season):
    season.label_studio.delete_answer(season.rows(AnswerRow)[0].label_studio_annotation)

    assert "I2" in found(season)


def test_a_project_that_is_gone_is_found(season):
    season.label_studio.projects.clear()

    assert found(season, deep=False) == ["I2"]


def test_a_task_that_is_asked_twice_is_found(season):
    there = next(iter(season.label_studio.tasks.values()))
    (version,) = there.predictions
    season.label_studio.send_tasks(there.project, [NewTask(there.data, [], 0.5, version, 2)])

    assert found(season) == ["I3"]


def test_an_open_task_that_is_gone_is_found(season):
    row = season.rows(TaskRow)[0]
    row.state = "open"
    season.store(row)
    season.label_studio.delete_task(row.label_studio_task)

    assert {"I2", "I3"} <= set(found(season))


def test_a_consensus_that_does_not_follow_from_the_votes_is_found(season):
    row = season.rows(ConsensusRow)[0]
    row.boxes = [[1, 2, 3, 4, 0.5, [], 0.1]]
    season.store(row)

    assert found(season) == ["I6"]


def test_a_network_that_was_changed_or_serves_beside_another_is_found(season):
    detector = Detector.untrained(ModelVersion("untitled"), DetectorSettings(width=8), seed=0)
    for number in range(2):
        card = ModelCard(detector.version, "detector", 0, detector.stored_settings(), {"digest": str(number)})
        keep(season.services, card, detector.trained_tensors(), None)
    assert found(season) == []
    for row in season.rows(ModelRow):
        row.state = "serving"
        season.store(row)
    with_two = found(season)
    path = season.services.weights / "det-0002" / TENSORS
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    findings = fsck(season.services)

    assert with_two == ["I7"]
    assert any("det-0002" in one.what for one in findings)


def test_photos_whose_files_are_gone_or_changed_are_found(season):
    first, second, third = season.rows(PhotoRow)
    storage = season.services.storage
    storage.original(first.id, first.suffix).unlink()
    (storage.public / storage.web_photo(second.id)).unlink()
    changed = storage.original(third.id, third.suffix)
    content = changed.read_bytes()
    changed.chmod(0o600)
    changed.write_bytes(content[:-1] + b"!")

    shallow, deep = fsck(season.services), fsck(season.services, deep=True)

    assert [one.invariant for one in shallow] == ["I11", "I11"]
    assert [one.invariant for one in deep] == ["I11", "I11", "I11"]


def test_a_true_coordinate_in_a_log_or_in_a_picture_is_found(season):
    logs = season.services.storage.home / "run" / "logs"
    logs.mkdir(parents=True)
    (logs / "worker.log").write_text("walruses at 69.1234")
    exif = Image.Exif()
    exif[0x010E] = "a place"
    Image.new("RGB", (8, 8)).save(season.services.storage.public / "tiles" / "x.jpg", exif=exif)

    findings = fsck(season.services)

    assert [one.invariant for one in findings] == ["I10", "I10"]


def test_a_half_written_picture_of_a_killed_writer_is_no_finding_but_a_broken_one_that_people_are_shown_is(season):
    tiles = season.services.storage.public / "tiles"
    with pytest.raises(KeyboardInterrupt), appearing_at(tiles / "y.jpg") as part:
        part.write_bytes(b"half of")
        killed = Path(shutil.copy(part, part.with_name(f"{part.stem}-killed.jpg")))
        raise KeyboardInterrupt
    unfinished = fsck(season.services)

    killed.replace(tiles / "y.jpg")
    broken = fsck(season.services)

    assert unfinished == []
    assert [(one.invariant, "y.jpg is no picture" in one.what) for one in broken] == [("I11", True)]


def test_of_many_findings_of_one_kind_the_first_twenty_are_told(season):
    for number in range(30):
        by_hand(season, f"INSERT INTO camera VALUES ('a', '{number}', '')")

    findings = [one for one in fsck(season.services, label_studio=False) if one.invariant == "I4"]

    assert len(findings) == 21
    assert findings[-1].what == "and 10 more of this kind"
    assert not season.rows(FsckRow)[-1].clean
