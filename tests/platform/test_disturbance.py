"""What volunteers tick beside their boxes is counted with the votes that count, and reported where they agree."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest

from haulout.collect import collect
from haulout.db import reading, writing
from haulout.dispatch import dispatch
from haulout.report import Disturbed, read_disturbances
from haulout.selection import select_batch
from haulout.settle import exclude_person, settle
from haulout.tables import AnswerRow, ConsensusRow, IngestionRow, PhotoRow, TaskRow, TileRow
from labeling_configs import boxes
from labeling_configs.vocabulary import Disturbance

LEFT, RIGHT = (20, 50, 120, 150), (220, 50, 320, 150)
BOAT, BEAR = Disturbance.BOAT, Disturbance.BEAR
NOW = datetime(2026, 9, 1)


@pytest.fixture
def tile(coordinator):
    photo = coordinator.photo([LEFT, RIGHT])
    select_batch(coordinator.services)
    dispatch(coordinator.services)
    return coordinator.tile(photo)


def answer(tile, *kinds, box=LEFT, unusable=False):
    return boxes.write(np.array([box]), None, tile, unusable=unusable, disturbances=kinds)


def take_in(coordinator) -> dict[str, int]:
    """Settle what came; return how many saw what on the one tile."""
    collect(coordinator.services, sweep=True)
    settle(coordinator.services)
    return coordinator.rows(ConsensusRow)[0].disturbed


def test_a_settled_tile_tells_how_many_of_its_voters_saw_what(coordinator, tile):
    for name, kinds in (("anna", [BOAT]), ("boris", [BEAR, BOAT]), ("clara", [])):
        coordinator.say(name, tile.id, answer(tile, *kinds))

    assert take_in(coordinator) == {"boat": 2, "bear": 1}
    settle(coordinator.services, everything=True)
    (row,) = coordinator.rows(ConsensusRow)
    assert (row.disturbed, row.voters) == ({"boat": 2, "bear": 1}, 3)


def test_a_corrected_a_repeated_a_skipped_and_an_unusable_answer_say_nothing_more(coordinator, tile):
    first = coordinator.say("anna", tile.id, answer(tile, BOAT))
    coordinator.say("boris", tile.id, answer(tile, BOAT))
    coordinator.say("boris", tile.id, answer(tile, BOAT))
    coordinator.say("clara", tile.id, answer(tile, BOAT, unusable=True))
    coordinator.person("dora").skip(coordinator.task(tile.id).label_studio_task, "once")
    coordinator.person("anna").change(first, answer(tile, BEAR))

    assert take_in(coordinator) == {"boat": 1, "bear": 1}


def test_people_whose_votes_do_not_count_saw_nothing(coordinator, tile):
    for name in ("anna", "boris", "clara"):
        coordinator.say(name, tile.id, answer(tile, BOAT))
    before = take_in(coordinator)

    exclude_person(coordinator.services, "person-1", excluded=True, reason="spam")
    settle(coordinator.services)

    (row,) = coordinator.rows(ConsensusRow)
    assert (before, row.disturbed, row.voters) == ({"boat": 3}, {"boat": 2}, 2)


def test_what_is_said_on_a_copy_whose_answer_is_known_does_not_count(coordinator, tile):
    coordinator.say("anna", tile.id, answer(tile, BOAT))
    take_in(coordinator)
    coordinator.store(TaskRow(id=99, question="boxes", subject=tile.id, gold=1, key="copy", created_at=NOW))
    later = coordinator.services.now()
    said = {"result": answer(tile, BOAT, BEAR), "given_at": later, "received_at": later}
    coordinator.store(AnswerRow(task=99, person="person-1", label_studio_annotation=999, digest="d", **said))

    settle(coordinator.services, everything=True)

    assert coordinator.rows(ConsensusRow)[0].disturbed == {"boat": 1}


def test_an_expert_is_shown_what_most_saw_and_has_the_last_word(coordinator, tile):
    for place, name in enumerate(("anna", "boris", "clara", "dora", "emil")):
        kinds = [BOAT] if place < 3 else [BEAR]
        coordinator.say(name, tile.id, answer(tile, *kinds, box=LEFT if place % 2 else RIGHT))
    by_volunteers = take_in(coordinator)
    dispatch(coordinator.services)
    sent = coordinator.label_studio.tasks[coordinator.task(tile.id, "box_dispute").label_studio_task]
    ((shown, _),) = sent.predictions.values()

    coordinator.say("elena", tile.id, answer(tile, BEAR), "box_dispute")

    assert by_volunteers == {"boat": 3, "bear": 2}
    assert boxes.read(shown, tile).disturbances == (BOAT,)
    assert take_in(coordinator) == {"bear": 1}


def test_the_report_tells_on_which_days_what_was_seen_by_how_many_in_which_photos(services):
    with writing(services.database) as session:
        session.add(IngestionRow(id=1, folder="card", site="Cape", started_at=NOW))
        session.flush()
        seen(session, "p1", 1, voters=3, boat=2)
        seen(session, "p2", 1, voters=2, boat=1, bear=2)
        seen(session, "p3", 2, voters=1, by_expert=True, bear=1)

        assert read_disturbances(session, "Cape") == (
            Disturbed(date(2026, 8, 1), BEAR, ("p2",), 2, 1.0),
            Disturbed(date(2026, 8, 1), BOAT, ("p1", "p2"), 5, 0.6),
            Disturbed(date(2026, 8, 2), BEAR, ("p3",), 1, 1.0),
        )
        assert read_disturbances(session, "Spit") == ()


@pytest.mark.parametrize(
    "doubtful",
    [
        {"voters": 3, "boat": 1},
        {"voters": 1, "boat": 1},
        {"voters": 1, "by_expert": True, "bear": 0},
        {"voters": 2, "boat": 2, "state": "unusable"},
        {"voters": 2, "boat": 2, "day": None},
        {"voters": 2, "boat": 2, "site": "Spit"},
        {"voters": 0},
    ],
)
def test_a_photo_on_which_too_few_agree_is_no_disturbance(services, doubtful):
    with writing(services.database) as session:
        session.add(IngestionRow(id=1, folder="card", site="Cape", started_at=NOW))
        session.flush()
        seen(session, "p1", **{"day": 1, **doubtful})

    with reading(services.database) as session:
        assert read_disturbances(session, "Cape") == ()


def test_a_photo_that_two_tiles_show_disturbed_is_listed_once(services):
    with writing(services.database) as session:
        session.add(IngestionRow(id=1, folder="card", site="Cape", started_at=NOW))
        session.flush()
        seen(session, "p1", 1, voters=2, boat=2)
        seen(session, "p1", 1, voters=3, boat=2, tile="p1-b")
        (found,) = read_disturbances(session, "Cape")

    assert (found.photos, found.voters, found.share) == (("p1",), 5, 0.8)


def seen(session, photo, day, *, voters, by_expert=False, state="agreed", site="Cape", tile=None, **ticks) -> None:
    """Add a photo of that day of August with one tile, and what so many voters ticked on it."""
    taken = None if day is None else datetime(2026, 8, day) + timedelta(hours=len(photo))
    measures = {"width": 100, "height": 50, "suffix": ".jpg", "size_bytes": 1, "burst": photo, "camera": "c"}
    session.merge(PhotoRow(id=photo, name=photo, ingestion=1, site=site, taken_at=taken, ingested_at=NOW, **measures))
    session.flush()
    name = tile or f"{photo}-a"
    session.add(TileRow(id=name, photo=photo, shown=[0, 0, 100, 50], core=[0, 0, 100, 50]))
    session.flush()
    disturbed = {kind: number for kind, number in ticks.items() if number}
    settled = {"state": state, "voters": voters, "agreement": 1.0, "boxes": [], "settled_at": NOW}
    session.add(ConsensusRow(tile=name, by_expert=by_expert, disturbed=disturbed, **settled))
    session.flush()
