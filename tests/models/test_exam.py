"""An exam's figures agree with an independent judge and with values worked out by hand; harm that is shown refuses."""

import numpy as np
import pytest

from haulout_models.data import LabelledTile
from haulout_models.evaluation import (
    DOUBTED,
    FALSE,
    DetectorExam,
    Sheet,
    admit,
    by_condition,
    calibration_error,
    crowd,
    examine_detector,
    intervals,
    measure,
)

TWO = np.array([[0.0, 0, 10, 10], [20, 0, 30, 10]])
ELSEWHERE = np.array([[50.0, 50, 60, 60]])
NO_BOXES = np.zeros((0, 4))
DAYS = [f"day {number}" for number in range(12)]


def sheet(truth, boxes, scores, doubted=NO_BOXES) -> Sheet:
    return Sheet.of(truth, doubted, (boxes, np.asarray(scores, dtype=np.float64)))


def drawn_photos() -> list[Sheet]:
    """Draw 60 photos of 361 animals in all, and 430 boxes on and beside them."""
    rng, sheets = np.random.default_rng(0), []
    for _ in range(60):
        animals = int(rng.integers(0, 12))
        corners, sizes = rng.uniform(0, 400, (animals, 2)), rng.uniform(30, 80, (animals, 2))
        truth = np.hstack([corners, corners + sizes])
        kept = rng.random(animals) < 0.85
        drawn = truth[kept] + rng.normal(0, 5, (kept.sum(), 4))
        beside = rng.uniform(0, 400, (int(rng.integers(0, 5)), 2))
        false = np.hstack([beside, beside + 50])
        scores = np.concatenate([rng.beta(4, 2, len(drawn)), rng.beta(2, 4, len(false))])
        sheets.append(sheet(truth, np.vstack([drawn, false]), scores))
    return sheets


def test_average_precision_is_what_pycocotools_finds_at_every_overlap():
    # pycocotools 2.0.11, bbox, maxDets 1000, all areas; it reads the curve at 101 recalls, we at every one.
    judged = [0.8117, 0.7898, 0.7178, 0.5857, 0.3880, 0.2268, 0.0690, 0.0140, 0.0008, 0.0]
    photos = drawn_photos()

    ours = [
        DetectorExam(tuple(photos), ()).ap50,
        *(_precision(photos, overlap / 100) for overlap in range(55, 100, 5)),
    ]

    assert ours == pytest.approx(judged, abs=0.006)
    assert measure(photos, 0.3).ap == pytest.approx(0.3603, abs=0.001)


def _precision(photos: list[Sheet], iou: float) -> float:
    from haulout_models.evaluation import graded_precision

    return graded_precision([photo.graded(iou) for photo in photos])


def test_a_sheet_says_which_animal_each_box_hit_and_which_nobody_found():
    boxes = np.vstack([ELSEWHERE, TWO[1:], TWO[1:] + 0.5])

    one = sheet(TWO, boxes, [0.9, 0.6, 0.7])

    assert one.scores.tolist() == [0.9, 0.7, 0.6]
    assert one.hit.tolist() == [FALSE, 1, FALSE]
    assert one.found().tolist() == [False, True]
    assert one.told(0.75).hit.tolist() == [FALSE]


def test_a_box_on_what_people_doubt_counts_for_nobody():
    one = sheet(TWO[:1], TWO, [0.9, 0.8], doubted=TWO[1:])

    figures = measure([one], 0.3)

    assert one.hit.tolist() == [0, DOUBTED]
    assert (figures.precision, figures.recall, figures.count_mae, figures.ap50) == (1.0, 1.0, 0.0, 1.0)
    assert figures.expected_relative_error == pytest.approx(-0.1)


def test_the_figures_are_those_worked_out_by_hand():
    # Told: a hit and a false box on the first tile, nothing on the second, where one more animal is.
    sheets = [sheet(TWO, np.vstack([TWO[:1], ELSEWHERE]), [0.8, 0.4]), sheet(TWO[:1], TWO[:1], [0.2])]

    figures = measure(sheets, 0.3)

    assert (figures.tiles, figures.animals) == (2, 3)
    assert (figures.recall, figures.precision) == (pytest.approx(1 / 3), 0.5)
    assert (figures.count_mae, figures.count_relative_error) == (0.5, pytest.approx(-1 / 3))
    assert figures.expected_relative_error == pytest.approx((0.8 + 0.4 + 0.2) / 3 - 1)


def test_what_cannot_be_measured_is_no_number_instead_of_a_wrong_one():
    figures = measure([sheet(NO_BOXES, NO_BOXES, [])], 0.3)

    assert np.isnan([figures.ap50, figures.recall, figures.precision, figures.ece]).all()
    assert (figures.count_mae, figures.count_relative_error) == (0.0, 0.0)


def test_the_calibration_error_is_how_far_probabilities_are_off_the_share_of_animals():
    animals = np.repeat(ELSEWHERE, 10, axis=0) + 100 * np.arange(10)[:, None]
    right_of_ten = [sheet(animals[:hits], animals, np.full(10, 0.65)) for hits in (3, 10)]

    assert calibration_error(right_of_ten) == pytest.approx(0.0)
    assert calibration_error(right_of_ten[:1]) == pytest.approx(0.35)


def test_errors_of_two_bins_do_not_cancel_in_the_calibration_error():
    sure_but_wrong = sheet(TWO[:1], ELSEWHERE, [0.95])
    unsure_but_right = sheet(TWO[:1], TWO[:1], [0.05])

    assert calibration_error([sure_but_wrong, unsure_but_right]) == pytest.approx(0.95)


def exam(found: list[int], animals: int = 10, false: int = 0, score: float = 0.9) -> DetectorExam:
    """A detector that finds so many of the animals on the tile of each day."""
    places = 20.0 * np.arange(animals + false)[:, None] + np.array([0.0, 0, 10, 10])
    truth, surplus = places[:animals], places[animals:]
    sheets = [sheet(truth, np.vstack([truth[:n], surplus]), [score] * n + [0.5] * false) for n in found]
    return DetectorExam(tuple(sheets), tuple(DAYS[: len(found)]))


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_detector_is_admitted_against_itself():
    same = exam([8, 7, 9, 8] * 3)

    verdict = admit(same, same, ["spit"] * 12, rng())

    assert verdict.passed
    assert verdict.reason.startswith("not worse: AP50 +0.000")


def test_recall_that_falls_at_one_site_refuses_what_is_better_as_a_whole():
    champion = exam([9] * 6 + [3] * 6)
    challenger = exam([8] * 6 + [10] * 6)

    verdict = admit(challenger, champion, ["spit"] * 6 + ["cape"] * 6, rng())

    assert verdict.low > 0
    assert not verdict.passed
    assert "AP50 at spit -0.100" in verdict.reason
    assert "cape" not in verdict.reason


def test_scores_below_the_threshold_refuse_what_is_as_good_but_not_what_is_better():
    champion = exam([6] * 12)
    as_good, better = exam([6] * 12, score=0.25), exam([9] * 12, score=0.25)

    shifted, improved = (admit(one, champion, ["spit"] * 12, rng()) for one in (as_good, better))

    assert not shifted.passed and "recall at spit -0.600" in shifted.reason
    assert improved.passed and improved.low > 0
    assert "recall at spit -0.600" in improved.reason, "whoever reads the decision is told all the same"


def test_a_few_days_of_a_site_cannot_show_that_its_recall_falls():
    champion = exam([9] * 3 + [5] * 9)
    challenger = exam([8] * 3 + [10] * 9)

    assert admit(challenger, champion, ["spit"] * 3 + ["cape"] * 9, rng()).passed


def test_counts_that_go_astray_refuse_and_counts_that_come_closer_do_not():
    honest, inflated = exam([10] * 12), exam([10] * 12, false=2)

    worse, better = admit(inflated, honest, ["spit"] * 12, rng()), admit(honest, inflated, ["spit"] * 12, rng())

    assert worse.difference == 0.0, "false boxes of the lowest scores cost no average precision"
    assert not worse.passed
    assert "counts are off by +20.0%, the champion's by +0.0%; 5% more is allowed" in worse.reason
    assert better.passed


def test_networks_that_sat_different_exams_are_not_compared():
    with pytest.raises(ValueError, match="different exams"):
        admit(exam([8] * 4), exam([8] * 5), ["spit"] * 4, rng())


def test_each_condition_is_measured_by_itself():
    held = [{"light": "night" if day < 4 else "clear"} for day in range(12)]

    clear, night = by_condition(exam([4] * 4 + [9] * 8), held, seed=0)

    assert [(one.kind, one.name, one.measures.tiles) for one in (clear, night)] == [
        ("light", "clear", 8),
        ("light", "night", 4),
    ]
    assert (clear.measures.recall, night.measures.recall) == (pytest.approx(0.9), pytest.approx(0.4))


def test_one_day_alone_has_no_interval():
    sheets = exam([3, 9, 6]).sheets

    assert intervals(sheets, ["monday"] * 3, 0.3, seed=0) == {}
    low, high = intervals(sheets, DAYS[:3], 0.3, seed=0)["recall"]
    assert 0.3 < low < 0.6 < high < 0.9


@pytest.mark.parametrize(("animals", "name"), [(0, "none"), (1, "few"), (5, "few"), (15, "many"), (16, "heap")])
def test_crowds_have_names(animals, name):
    assert crowd(animals) == name


def test_an_exam_is_taken_tile_by_tile_in_the_pixels_of_the_tile(drawn_tiles):
    class Knowing:
        version = "knowing"

        def __init__(self) -> None:
            self.tiles = iter(drawn_tiles)

        def detect(self, image):
            boxes = next(self.tiles).boxes
            return boxes, np.full(len(boxes), 0.9)

    doubtful = LabelledTile(drawn_tiles[0].image, None, drawn_tiles[0].boxes, np.full(len(drawn_tiles[0].boxes), 0.5))

    taken = examine_detector(Knowing(), [doubtful, *drawn_tiles[1:]])

    assert taken.measures.recall == taken.ap50 == 1.0
    assert taken.measures.animals == sum(len(tile.boxes) for tile in drawn_tiles[1:])
    assert set(taken.sheets[0].hit.tolist()) == {DOUBTED}
