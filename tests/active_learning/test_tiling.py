"""Crowded photos become small tasks that cover everything once."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from active_learning.consensus import agree
from active_learning.overlap import matched_iou
from active_learning.tiling import lay_tiles, stitch
from labeling_configs.vocabulary import Person, PhotoId, Rectangle, Tile, TileId, Vote, no_boxes

PHOTO = PhotoId("a" * 64)


def crowd(animals, width=4000, height=3000, side=60, seed=0):
    corner = np.random.default_rng(seed).uniform(0, 1, (animals, 2)) * (width - side, height - side)
    return np.hstack([corner, corner + side])


def test_a_quiet_photo_is_one_tile_that_shows_everything():
    (tile,) = lay_tiles(PHOTO, 4000, 3000, crowd(25))

    assert tile.shown == tile.core
    assert (tile.core.width, tile.core.height) == (4000, 3000)


@given(st.integers(0, 300), st.integers(50, 900), st.integers(50, 900), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_cores_partition_the_photo_and_every_animal_is_counted_once(animals, width, height, seed):
    boxes = crowd(animals, width, height, side=30, seed=seed)
    tiles = lay_tiles(PHOTO, width, height, boxes)
    covered = np.zeros((height, width), dtype=int)
    for tile in tiles:
        covered[tile.core.y1 : tile.core.y2, tile.core.x1 : tile.core.x2] += 1

    assert (covered == 1).all()
    owned = np.concatenate([boxes[tile.core.holds_centres_of(boxes)] for tile in tiles])
    assert sorted(owned.tolist()) == sorted(boxes.tolist())


def test_no_tile_holds_more_animals_than_people_can_finish_and_no_more_tiles_than_needed_are_laid():
    boxes = crowd(700)
    tiles = lay_tiles(PHOTO, 4000, 3000, boxes)

    assert max(tile.core.holds_centres_of(boxes).sum() for tile in tiles) <= 25
    assert len(tiles) <= 30


def test_tiles_show_half_an_animal_beyond_their_core_but_nothing_outside_the_photo():
    tiles = lay_tiles(PHOTO, 4000, 3000, crowd(60))

    left = min(tiles, key=lambda tile: (tile.core.x1, tile.core.y1))
    assert (left.shown.x1, left.shown.y1) == (0, 0)
    assert left.shown.x2 == left.core.x2 + 30


def test_weak_proposals_count_for_less():
    assert len(lay_tiles(PHOTO, 4000, 3000, crowd(200), weights=np.full(200, 0.1))) == 1


def test_a_heap_on_one_spot_ends_in_tiles_of_an_animals_size():
    heap = np.tile([[100.0, 100, 400, 400]], (500, 1))

    assert min(max(t.core.width, t.core.height) for t in lay_tiles(PHOTO, 4000, 3000, heap)) >= 300


def test_the_same_boxes_give_the_same_tiles_with_names_of_their_own():
    tiles = lay_tiles(PHOTO, 4000, 3000, crowd(300))

    assert tiles == lay_tiles(PHOTO, 4000, 3000, crowd(300)[::-1])
    assert len({tile.id for tile in tiles}) == len(tiles)


def test_no_boxes_stitch_to_no_boxes():
    (tile,) = lay_tiles(PHOTO, 9, 9, no_boxes())

    assert stitch([]).boxes.shape == (0, 4)
    assert stitch([(tile, no_boxes(), np.zeros(0))]).boxes.shape == (0, 4)


LEFT = Tile(TileId("left"), PHOTO, Rectangle(0, 0, 550, 800), Rectangle(0, 0, 500, 800))
RIGHT = Tile(TileId("right"), PHOTO, Rectangle(450, 0, 1000, 800), Rectangle(500, 0, 1000, 800))


def seen(tile, *boxes, chances=None):
    """What people draw who see the tile only: boxes are cut where the picture ends."""
    rows = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    return tile, cut_to(rows, tile.shown), np.ones(len(rows)) if chances is None else np.array(chances)


def cut_to(boxes, shown):
    return np.clip(boxes, [shown.x1, shown.y1] * 2, [shown.x2, shown.y2] * 2)


def stitched(*answers):
    found = stitch(answers)
    return [(box, answers[row][0].id) for box, row in zip(found.boxes.tolist(), found.tiles.tolist(), strict=True)]


@pytest.mark.parametrize("middle", range(430, 580, 10))
@pytest.mark.parametrize("length", [60, 90, 110, 200, 400])
def test_an_animal_across_an_edge_is_there_once_and_whole_wherever_it_lies_and_however_long_it_is(middle, length):
    animal = [middle - length / 2, 300, middle + length / 2, 380]
    answers = [seen(tile, animal) for tile in (LEFT, RIGHT) if middle - length / 2 < 540 or tile is RIGHT]

    assert stitched(*answers) == [(animal, "left" if middle < 500 else "right")]


def test_an_animal_that_both_tiles_show_whole_is_there_once_though_each_believes_it_to_be_its_own():
    ((box, tile),) = stitched(seen(LEFT, [462, 300, 526, 380]), seen(RIGHT, [471, 304, 535, 384]))

    assert box == [466.5, 302, 530.5, 382]
    assert tile == "left"


def test_an_animal_that_both_tiles_show_whole_is_there_though_each_believes_it_to_be_the_others():
    assert len(stitched(seen(LEFT, [471, 300, 535, 380]), seen(RIGHT, [465, 300, 529, 380]))) == 1


def test_where_the_photo_ends_nothing_is_cut():
    ((box, _),) = stitched(seen(LEFT, [462, 0, 526, 80]), seen(RIGHT, [471, 0, 535, 84]))

    assert box == [466.5, 0, 530.5, 82]


def test_an_outline_that_stops_short_of_the_pictures_end_is_no_whole_animal_where_the_neighbour_sees_it_go_on():
    animal = [400, 300, 700, 400]

    assert stitched(seen(LEFT, [400, 300, 530, 400]), seen(RIGHT, animal)) == [(animal, "right")]


def test_a_whole_box_is_taken_rather_than_a_piece_of_it():
    whole, piece = [300, 300, 500, 400], [300, 310, 500, 400]

    assert stitched(seen(LEFT, whole), seen(RIGHT, piece)) == [(whole, "left")]


def test_an_animal_at_a_corner_of_four_tiles_is_there_once():
    tiles = [
        Tile(
            TileId(f"{x}{y}"),
            PHOTO,
            Rectangle(sx, sy, ex, ey),
            Rectangle(x * 500, y * 400, x * 500 + 500, y * 400 + 400),
        )
        for x, (sx, ex) in enumerate([(0, 540), (460, 1000)])
        for y, (sy, ey) in enumerate([(0, 440), (360, 800)])
    ]
    animal = [380, 300, 610, 520]

    assert stitched(*[seen(tile, animal) for tile in tiles]) == [(animal, "01")]


def test_an_animal_across_three_narrow_tiles_is_there_once():
    tiles = [
        Tile(TileId(f"{x}"), PHOTO, Rectangle(max(0, x - 30), 0, x + 130, 300), Rectangle(x, 0, x + 100, 300))
        for x in (0, 100, 200)
    ]
    animal = [20, 50, 270, 150]

    assert stitched(*[seen(tile, animal) for tile in tiles]) == [(animal, "100")]


def test_neighbours_that_overlap_heavily_stay_two_animals():
    heap = [[400, 300, 600, 400], [430, 320, 640, 430]]

    found = stitched(seen(LEFT, *heap), seen(RIGHT, *heap[::-1]))

    assert sorted(box for box, _ in found) == heap


def test_one_tile_does_not_lose_a_neighbour_to_an_animal_of_the_other():
    heap = [[380, 300, 490, 400], [400, 310, 620, 420]]

    found = stitched(seen(LEFT, *heap), seen(RIGHT, heap[1]))

    assert sorted(box for box, _ in found) == heap


def test_boxes_of_one_tile_are_never_joined():
    same = [[100, 100, 200, 200], [102, 100, 202, 200]]

    assert len(stitched(seen(LEFT, *same))) == 2


def test_a_box_that_only_the_neighbour_drew_in_anothers_core_does_not_count():
    animal = [500, 300, 540, 340]

    assert stitched(seen(LEFT, animal), seen(RIGHT)) == []
    assert stitched(seen(LEFT), seen(RIGHT, animal)) == [(animal, "right")]


def test_the_likelier_of_both_answers_is_believed():
    animal = [440, 300, 560, 380]

    found = stitch([seen(LEFT, animal, chances=[0.6]), seen(RIGHT, animal, chances=[0.9])])

    assert found.probabilities.tolist() == [0.9]


def test_the_order_of_answers_does_not_matter():
    rng = np.random.default_rng(2)
    animals = herd(rng, 150)
    answers = [seen(tile, *visible(animals, tile.shown)) for tile in tiles_of(animals)]

    one, other = stitch(answers), stitch(answers[::-1])

    assert sorted(one.boxes.tolist()) == sorted(other.boxes.tolist())
    assert len(one.boxes) > 100


@given(st.integers(0, 10_000), st.integers(0, 120))
@settings(max_examples=25, deadline=None)
def test_animals_that_are_drawn_exactly_are_all_there_once_and_whole(seed, many):
    animals = herd(np.random.default_rng(seed), many)
    tiles = tiles_of(animals)

    found = stitch([seen(tile, *visible(animals, tile.shown, least=0)) for tile in tiles])

    assert len(found.boxes) == len(animals)
    assert sorted(np.round(found.boxes, 6).tolist()) == sorted(np.round(animals, 6).tolist())
    assert all(tiles[row].core.holds_centres_of(box[None]) for row, box in zip(found.tiles, found.boxes, strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_what_crowds_draw_on_the_tiles_is_every_animal_of_the_photo_once(seed):
    rng = np.random.default_rng(seed)
    animals = herd(rng, 200)
    answers = []
    for tile in tiles_of(animals):
        accepted = agree([drawn_by(f"p{i}", tile, animals, rng) for i in range(3)]).accepted()
        answers.append((tile, accepted, np.ones(len(accepted))))

    found = stitch(answers).boxes

    by_centre = np.concatenate([boxes[tile.core.holds_centres_of(boxes)] for tile, boxes, _ in answers])
    assert mistakes(found, animals) <= 2
    assert mistakes(by_centre, animals) >= 8


def herd(rng, many, width=3000, height=2000):
    """Animals of very different lengths, so that many are longer than what tiles show of each other."""
    length, turned = np.exp(rng.normal(np.log(80), 0.5, many)), rng.random(many) < 0.5
    breadth = length * rng.uniform(0.4, 1, many)
    sides = np.where(turned[:, None], np.stack([breadth, length], axis=1), np.stack([length, breadth], axis=1))
    corner = rng.uniform(0, 1, (many, 2)) * ([width, height] - sides)
    boxes = np.hstack([corner, corner + sides])
    apart = [i for i in range(many) if matched_iou(boxes[:i], np.tile(boxes[i], (i, 1))).max(initial=0) < 0.3]
    return boxes[apart]


def tiles_of(animals):
    return lay_tiles(PHOTO, 3000, 2000, animals, most_animals=12)


def visible(animals, shown, least=0.1):
    """Return the animals of which the picture shows more than that share."""
    return animals[
        np.prod(np.diff(cut_to(animals, shown).reshape(-1, 2, 2), axis=1)[:, 0], axis=1) > least * areas(animals)
    ]


def areas(boxes):
    return np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)


def drawn_by(person, tile, animals, rng):
    parts = cut_to(visible(animals, tile.shown), tile.shown)
    sides = np.tile(parts[:, 2:] - parts[:, :2], 2)
    drawn = cut_to(parts + rng.normal(0, 0.7, parts.shape) * np.sqrt(sides), tile.shown)
    drawn = drawn[np.min(drawn[:, 2:] - drawn[:, :2], axis=1) > 1]
    return Vote(Person(person), tile.id, drawn, (), datetime(2026, 7, 1, tzinfo=UTC), 9.0, True)


def mistakes(found, animals):
    """Count the animals without a box and the boxes without an animal."""
    iou = matched_iou(np.repeat(found, len(animals), axis=0), np.tile(animals, (len(found), 1)))
    iou = iou.reshape(len(found), len(animals))
    right = sum(iou[i].argmax() == j and iou[i, j] >= 0.4 for j, i in enumerate(iou.argmax(axis=0)))
    return len(found) + len(animals) - 2 * right
