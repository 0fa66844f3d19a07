"""Boxes survive the way to Label Studio and back; nonsense does not."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_configs import box_dispute, boxes
from labeling_configs.results import MOST_ITEMS
from labeling_configs.vocabulary import Disturbance, Origin, Person, PhotoId, Rectangle, Tile, TileId, no_boxes

WIDE = Tile(TileId("wide"), PhotoId("p"), Rectangle(300, 70, 1500, 770), Rectangle(300, 70, 1500, 770))


def region(**changes):
    value = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["walrus"]}
    entry = {"id": "r", "type": "rectanglelabels", "from_name": "walrus", "to_name": "photo", "origin": "manual"}
    value.update({name: changes.pop(name) for name in list(changes) if name in value})
    return {**entry, "value": value, **changes}


def without(name):
    entry = region()
    del entry["value"][name]
    return entry


def test_per_cents_become_pixels_of_the_photo_not_of_the_tile(tile):
    answer = boxes.read([region()], tile)
    assert answer.boxes.tolist() == [[1100, 280, 1400, 440]]
    assert (answer.origins, answer.unusable, answer.broken) == ((Origin.DRAWN,), False, ())


def test_an_empty_answer_says_that_there_is_no_animal(tile):
    answer = boxes.read([], tile)
    assert answer.boxes.shape == (0, 4)
    assert answer.broken == ()


def test_a_written_box_is_the_region_label_studio_expects(tile):
    written = boxes.write(np.array([[1100.0, 280, 1400, 440]]), np.array([0.75]), tile)
    (entry,) = written
    assert entry["value"].pop("rectanglelabels") == ["walrus"]
    assert entry["value"] == pytest.approx({"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0})
    assert (entry["original_width"], entry["original_height"], entry["score"]) == (1000, 400, 0.75)


def test_what_the_tile_does_not_show_is_not_written(tile):
    crossing, outside, sliver = [900.0, 100, 1100, 300], [0.0, 0, 50, 50], [1999.5, 300, 2100, 400]
    written = boxes.write(np.array([outside, crossing, sliver]), np.array([0.1, 0.2, 0.3]), tile)
    assert boxes.read(written, tile).boxes.tolist() == [[1000, 200, 1100, 300]]
    assert [entry["score"] for entry in written] == [0.2]


def test_the_smallest_box_that_is_written_is_also_read():
    third = Tile(TileId("t"), PhotoId("p"), Rectangle(0, 0, 777, 333), Rectangle(0, 0, 777, 333))
    smallest = np.array([(x, x / 3, x + 1, x / 3 + 1) for x in np.linspace(0, 770, 97)])
    answer = boxes.read(boxes.write(smallest, None, third), third)
    assert len(answer.boxes) + len(answer.broken) == len(boxes.write(smallest, None, third))
    assert answer.broken == ()


def test_writing_twice_gives_the_same_ids_and_twins_differ(tile):
    twins = np.array([[1100.0, 280, 1400, 440]] * 2)
    first, second = boxes.write(twins, None, tile), boxes.write(twins, None, tile)
    assert first == second
    assert len({entry["id"] for entry in first}) == 2


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (region(x=float("nan")), "x must be a finite number"),
        (region(width=float("inf")), "width must be a finite number"),
        (region(y=10**400), "y must be a finite number"),
        (region(x="10"), "x must be a finite number"),
        (region(x=True), "x must be a finite number"),
        (without("height"), "height must be a finite number"),
        (region(width=0), "must be positive"),
        (region(height=-3), "must be positive"),
        (region(width=1e308, x=1e308), "larger than it"),
        (region(width=150), "larger than it"),
        (region(x=-2), "off the image"),
        (region(x=80, width=21), "off the image"),
        (region(width=0.05), "less than 1 pixel"),
        (region(x=-0.4, width=0.3), "less than 1 pixel"),
        (region(rotation=float("nan")), "rotation must be a finite number"),
        (region(rotation=None), "rotation must be a finite number"),
        (region(image_rotation=90), "turned image"),
        (region(rectanglelabels=["seal"]), "'seal' is no label"),
        (region(rectanglelabels=[]), "exactly one label"),
        (region(rectanglelabels=["walrus", "walrus"]), "exactly one label"),
        (region(rectanglelabels="walrus"), "exactly one label"),
        (region(value=None), "exactly one label"),
        (region(type="polygonlabels"), "no 'polygonlabels'"),
        (region(from_name="seal"), "control 'seal'"),
        (region(to_name="right"), "on 'right'"),
    ],
)
def test_a_bad_region_is_rejected_with_its_reason_and_the_rest_is_read(tile, entry, reason):
    answer = boxes.read([entry, region()], tile)
    assert answer.boxes.tolist() == [[1100, 280, 1400, 440]]
    assert len(answer.origins) == 1
    assert [(part.what, reason in part.reason) for part in answer.broken] == [("result[0]", True)], answer.broken


def test_a_box_that_sticks_out_by_rounding_is_clipped(tile):
    answer = boxes.read([region(x=-0.4, y=70, width=100.8, height=30.3)], tile)
    assert answer.boxes.tolist() == [[1000, 480, 2000, 600]]


def test_a_turned_box_becomes_the_upright_box_round_it(tile):
    quarter = boxes.read([region(x=50, y=20, width=10, height=30, rotation=90)], tile)
    # 100 x 120 pixels from (1500, 280), turned clockwise round that corner: 120 to the left, 100 down.
    assert quarter.boxes == pytest.approx(np.array([[1380.0, 280, 1500, 380]]))
    slanted = boxes.read([region(x=50, y=20, width=10, height=30, rotation=30)], tile)
    sin, cos = 0.5, np.sqrt(3) / 2
    expected = [[1500 - 120 * sin, 280, 1500 + 100 * cos, 280 + 100 * sin + 120 * cos]]
    assert slanted.boxes == pytest.approx(np.array(expected))


def test_a_turned_box_may_be_longer_than_the_side_it_no_longer_lies_along(tile):
    lying = boxes.read([region(x=95, y=20, width=5, height=225, rotation=90)], tile)
    assert lying.boxes == pytest.approx(np.array([[1050.0, 280, 1950, 330]]))


def test_a_turned_box_without_end_is_rejected(tile):
    answer = boxes.read([region(width=1e308, height=1e308, rotation=45)], tile)
    assert len(answer.boxes) == 0
    assert "off the image" in answer.broken[0].reason


@pytest.mark.parametrize("shown", [Rectangle(5, 5, 5, 9), Rectangle(5, 5, 9, 5)])
def test_a_tile_that_shows_nothing_has_no_boxes(shown):
    empty = Tile(TileId("t"), PhotoId("p"), shown, shown)
    assert len(boxes.read([region(rotation=45), region()], empty).boxes) == 0
    assert boxes.write(np.array([[0.0, 0, 20, 20]]), None, empty) == []


def test_no_more_regions_are_read_than_an_honest_answer_holds(tile):
    answer = boxes.read([region()] * (MOST_ITEMS + 1), tile)
    assert len(answer.boxes) == MOST_ITEMS
    assert [part.what for part in answer.broken] == ["result"]


@pytest.mark.parametrize("origin", list(Origin))
def test_origins_are_kept(tile, origin):
    written = boxes.write(np.array([[1100.0, 280, 1400, 440]]), None, tile, origins=[origin])
    assert boxes.read(written, tile).origins == (origin,)


def test_a_box_of_unknown_origin_counts_as_drawn(tile):
    posted, strange = region(), region(origin=["prediction"])
    del posted["origin"]
    answer = boxes.read([posted, strange], tile)
    assert answer.origins == (Origin.DRAWN, Origin.DRAWN)
    assert [part.what for part in answer.broken] == ["result[1]"]


def test_a_photo_nobody_can_judge_says_so(tile):
    answer = boxes.read(boxes.write(no_boxes(), None, tile, unusable=True), tile)
    assert answer.unusable
    assert answer.broken == ()


def seen(*kinds):
    return {"type": "choices", "from_name": "disturbance", "to_name": "photo", "value": {"choices": list(kinds)}}


def voted(answer, tile, *, skipped=False):
    now = datetime(2026, 9, 1, tzinfo=UTC)
    return answer.to_vote(Person("v1"), tile, now, 12.5, blind=True, skipped=skipped)


def test_what_disturbs_the_animals_comes_back_as_it_was_ticked(tile):
    ticked = (Disturbance.BOAT, Disturbance.BEAR)
    answer = boxes.read(boxes.write(no_boxes(), None, tile, disturbances=ticked), tile)
    assert (answer.disturbances, answer.broken) == (ticked, ())
    assert voted(answer, tile).disturbances == ticked
    assert voted(boxes.read([region()], tile), tile).disturbances == ()


def test_a_strange_disturbance_is_a_complaint_and_the_rest_of_the_answer_is_read(tile):
    answer = boxes.read([seen("boat", "whale"), region()], tile)
    assert answer.disturbances == (Disturbance.BOAT,)
    assert len(answer.boxes) == 1
    assert [(part.what, "'whale'" in part.reason) for part in answer.broken] == [("result[0]", True)]


def test_a_vote_that_was_skipped_or_calls_the_picture_unusable_says_nothing_of_disturbance(tile):
    usable = boxes.read([seen("boat")], tile)
    unusable = boxes.read(boxes.write(no_boxes(), None, tile, unusable=True, disturbances=[Disturbance.BOAT]), tile)
    assert voted(usable, tile, skipped=True).disturbances == ()
    assert unusable.unusable and voted(unusable, tile).disturbances == ()


def test_an_answer_becomes_a_vote(tile):
    now = datetime(2026, 9, 1, tzinfo=UTC)
    vote = boxes.read([region()], tile).to_vote(Person("v1"), tile, now, 12.5, blind=True)
    assert (vote.person, vote.tile, vote.given_at, vote.seconds, vote.blind) == ("v1", "t1", now, 12.5, True)
    assert vote.boxes.shape == (1, 4)
    assert not (vote.skipped or vote.unusable)


def test_extra_task_data_cannot_rename_the_tile(tile):
    assert boxes.task_data("/a.jpg", tile, {"tile": "t9", "batch": 3}) == {"image": "/a.jpg", "tile": "t1", "batch": 3}


def test_a_dispute_is_answered_like_the_volunteers_question(tile):
    shares = np.array([0.4])
    answer = box_dispute.read(box_dispute.write(np.array([[1100.0, 280, 1400, 440]]), shares, tile), tile)
    assert answer.boxes.tolist() == pytest.approx(np.array([[1100, 280, 1400, 440]]))
    assert box_dispute.task_data("/a.jpg", tile, caption="2 of 5")["caption"] == "2 of 5"


@given(
    st.lists(
        st.tuples(st.floats(300, 1480), st.floats(70, 750), st.floats(1.001, 1200), st.floats(1.001, 700)), max_size=30
    )
)
def test_boxes_come_back_as_they_were_sent(drawn):
    sent = np.array([(x, y, min(x + w, 1500), min(y + h, 770)) for x, y, w, h in drawn]).reshape(-1, 4)
    answer = boxes.read(boxes.write(sent, None, WIDE), WIDE)
    assert answer.boxes == pytest.approx(sent, abs=1e-6)
    assert answer.broken == ()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
nearly = st.fixed_dictionaries(
    {
        "type": st.just("rectanglelabels") | anything,
        "from_name": st.just("walrus") | anything,
        "to_name": st.just("photo") | anything,
        "value": anything
        | st.fixed_dictionaries(
            {
                **{name: st.floats(-2, 102) | st.floats() | anything for name in ("x", "y", "width", "height")},
                "rectanglelabels": st.just(["walrus"]) | anything,
            },
            optional={"rotation": st.floats() | anything},
        ),
    },
    optional={"origin": anything, "image_rotation": anything, "id": anything},
)


@given(
    anything | st.lists(nearly | st.builds(lambda given: seen() | {"value": given}, anything) | anything, max_size=5)
)
def test_no_answer_whatever_breaks_the_reader_or_puts_a_box_off_the_photo(result):
    answer = boxes.read(result, WIDE)
    found, shown = answer.boxes, WIDE.shown
    assert found.shape == (len(answer.origins), 4)
    assert set(answer.disturbances) <= set(Disturbance)
    assert np.isfinite(found).all()
    assert (found[:, [0, 1]] >= (shown.x1, shown.y1)).all() and (found[:, [2, 3]] <= (shown.x2, shown.y2)).all()
    assert (found[:, 2:] > found[:, :2]).all()


@given(st.lists(nearly, min_size=1, max_size=5))
def test_nothing_disappears_without_a_complaint(result):
    answer = boxes.read(result, WIDE)
    assert len(answer.boxes) + len(answer.broken) >= len(result)
