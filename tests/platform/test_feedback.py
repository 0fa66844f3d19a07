"""After a tile that teaches people hear what they missed; a tile that measures never says a word."""

from datetime import datetime

import numpy as np
import pytest

from active_learning.gold import GoldKind, GoldTile
from haulout.db import reading
from haulout.feedback import Verdict, feedback_on, judge
from haulout.tables import ConsensusRow, TaskRow, TileRow
from labeling_configs import boxes
from labeling_configs.vocabulary import Person, PhotoId, Rectangle, Tile, TileId, Vote

NOW = datetime(2026, 11, 23)
SHOWN = Rectangle(100, 200, 500, 400)
LEFT, RIGHT = [120.0, 220.0, 220.0, 300.0], [300.0, 220.0, 400.0, 300.0]


def vote(*drawn) -> Vote:
    found = np.array(drawn, dtype=np.float64).reshape(-1, 4)
    return Vote(Person("anna"), TileId("t"), found, (), NOW, 9.0, blind=False)


def told(drawn, true) -> list[tuple[str, tuple[float, ...]]]:
    judged = judge(vote(*drawn), np.array(true, dtype=np.float64).reshape(-1, 4), SHOWN)
    return [(one.verdict.value, one.box) for one in judged]


def test_boxes_are_told_in_percent_of_the_picture_that_was_shown():
    assert told([LEFT], [LEFT]) == [("found", (5.0, 10.0, 25.0, 40.0))]


def test_found_missed_and_false_boxes_are_told_apart():
    far = [440.0, 350.0, 490.0, 390.0]

    assert [verdict for verdict, _ in told([LEFT, far], [LEFT, RIGHT])] == ["found", "missed", "false"]


def test_a_box_that_touches_an_animal_is_misplaced_and_shows_where_it_belongs():
    moved = [160.0, 240.0, 260.0, 320.0]

    (one,) = judge(vote(moved), np.array([LEFT]), SHOWN)

    assert (one.verdict, one.right) == (Verdict.MISPLACED, (5.0, 10.0, 25.0, 40.0))
    assert one.told()["right"] == [5.0, 10.0, 25.0, 40.0]


def test_two_badly_placed_boxes_on_one_animal_are_one_misplaced_and_one_false():
    first, second = [160.0, 240.0, 260.0, 320.0], [150.0, 250.0, 250.0, 330.0]

    assert [verdict for verdict, _ in told([first, second], [LEFT])] == ["misplaced", "false"]


def test_an_empty_tile_that_was_left_empty_has_nothing_to_tell():
    assert told([], []) == []


@pytest.fixture
def gold(coordinator):
    """Return a function that makes a copy of a tile that an expert settled, which teaches or measures."""

    def make(*, kind=GoldKind.TEACHING, split="train", number=1, by_expert=True) -> tuple[TaskRow, Tile]:
        tile = new_tile(coordinator, split)
        while GoldTile(tile.id, 1).kind is not kind:
            tile = new_tile(coordinator, split)
        coordinator.store(
            ConsensusRow(
                tile=tile.id,
                state="agreed",
                voters=1,
                agreement=1.0,
                boxes=[[*tile_box(tile), 0.99, ["e"], 0.0]],
                by_expert=by_expert,
                settled_at=NOW,
            )
        )
        task = TaskRow(question="boxes", subject=tile.id, gold=number, key=f"{tile.id}:{number}", created_at=NOW)
        coordinator.store(task)
        return task, tile

    return make


def new_tile(coordinator, split: str) -> Tile:
    photo = coordinator.photo(split=split)
    whole = Rectangle(0, 0, photo.width, photo.height)
    tile = Tile(TileId(f"{photo.id[:16]}-0-0"), PhotoId(photo.id), whole, whole)
    coordinator.store(TileRow.of(tile))
    return tile


def tile_box(tile) -> list[float]:
    x, y = tile.shown.x1, tile.shown.y1
    return [x + 20.0, y + 20.0, x + 80.0, y + 60.0]


def ask(coordinator, task, tile):
    with reading(coordinator.services.database) as session:
        return feedback_on(session, task, boxes.write(np.array([tile_box(tile)]), None, tile), "anna", NOW)


def test_a_teaching_tile_is_judged_at_once(coordinator, gold):
    task, tile = gold()

    judged = ask(coordinator, task, tile)

    assert judged.told()["counts"] == {"found": 1, "missed": 0, "false": 0, "misplaced": 0}


@pytest.mark.parametrize(
    "what",
    [
        {"kind": GoldKind.MEASURING},
        {"split": "exam"},
        {"number": 0},
        {"by_expert": False},
    ],
)
def test_nothing_is_told_of_any_other_tile(coordinator, gold, what):
    task, tile = gold(**what)

    assert ask(coordinator, task, tile) is None
