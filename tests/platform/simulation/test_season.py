"""A drawn season is repeatable, has EXIF, and its truth fits its photos."""

import hashlib
import json
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import cv2
import numpy as np
import piexif
import pytest

from haulout.simulation.health import fare
from haulout.simulation.individual import born
from haulout.simulation.season import CLIFF, TINY_SEASON, write_season
from haulout.simulation.truth import BrokenTruth, Truth, Visitor, boxes_of, read_truth
from labeling_configs.vocabulary import FATNESS, Condition, PhotoId, Rectangle


def nobody_watches(done: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    folder = tmp_path_factory.mktemp("season")
    return folder, write_season(folder, TINY_SEASON, nobody_watches)


def test_the_same_plan_draws_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    plan = replace(TINY_SEASON, days=2, width=320, height=240)
    first = write_season(tmp_path / "a", plan, nobody_watches)
    second = write_season(tmp_path / "b", plan, nobody_watches)
    other = write_season(tmp_path / "c", replace(plan, seed=plan.seed + 1), nobody_watches)
    assert first == second
    assert not set(first.photos) & set(other.photos)


def test_photos_are_known_by_the_hash_of_their_bytes(season: tuple[Path, Truth]) -> None:
    folder, truth = season
    files = sorted((folder / "photos").rglob("*.JPG"))
    assert {hashlib.sha256(file.read_bytes()).hexdigest() for file in files} == set(truth.photos)
    assert {str(file.relative_to(folder)) for file in files} == {photo.file for photo in truth.photos.values()}


def test_every_photo_carries_time_camera_and_place(season: tuple[Path, Truth]) -> None:
    folder, truth = season
    for photo in truth.photos.values():
        tags = piexif.load(str(folder / photo.file))
        stamp = tags["Exif"][piexif.ExifIFD.DateTimeOriginal].decode()
        assert datetime.strptime(stamp, "%Y:%m:%d %H:%M:%S") == photo.taken_at
        assert tags["Exif"][piexif.ExifIFD.BodySerialNumber].decode() == photo.camera
        degrees, minutes, seconds = (a / b for a, b in tags["GPS"][piexif.GPSIFD.GPSLatitude])
        assert degrees + minutes / 60 + seconds / 3600 == pytest.approx(TINY_SEASON.place[0], abs=1e-5)


def test_boxes_and_marks_lie_inside_their_photo(season: tuple[Path, Truth]) -> None:
    _, truth = season
    animals = [(photo, animal) for photo in truth.photos.values() for animal in photo.animals]
    assert len(animals) > 20
    for photo, animal in animals:
        x1, y1, x2, y2 = animal.box
        assert 0 <= x1 < x2 <= photo.width and 0 <= y1 < y2 <= photo.height
        assert 0 < animal.visible <= 1
        assert all(x1 - 2 <= mark.x <= x2 + 2 and y1 - 2 <= mark.y <= y2 + 2 for mark in animal.marks)


def test_nobody_lies_in_two_places_in_one_photo(season: tuple[Path, Truth]) -> None:
    for photo in season[1].photos.values():
        names = [animal.individual for animal in photo.animals]
        assert len(names) == len(set(names))


def test_boxes_hold_something_browner_than_the_beach_beside_them(season: tuple[Path, Truth]) -> None:
    folder, truth = season
    differences = []
    for photo in truth.photos.values():
        picture = cv2.imread(str(folder / photo.file)).astype(float)
        redness = picture[..., 2] - picture[..., 0]
        for x1, y1, x2, y2 in boxes_of(photo.counted if photo.weather in ("clear", "overcast") else ()).astype(int):
            beside = redness[y1:y2, np.r_[max(x1 - 20, 0) : x1, x2 : min(x2 + 20, photo.width)]]
            differences.append(redness[y1:y2, x1:x2].mean() - beside.mean())
    assert np.mean(differences) > 4


def test_the_herd_arrives_and_leaves_and_individuals_return(season: tuple[Path, Truth]) -> None:
    _, truth = season
    counts = [len(photo.counted) for photo in truth.photos.values()]
    days: dict[str, set[object]] = {}
    for photo, animal in truth.sightings():
        days.setdefault(animal.individual, set()).add(truth.photos[photo].taken_at.date())
    assert counts[0] == 0 and 3 <= max(counts) <= TINY_SEASON.max_animals
    assert sum(len(seen) > 1 for seen in days.values()) >= 3


def test_a_crowd_of_hundreds_overlaps_and_hides_some(tmp_path: Path) -> None:
    plan = replace(TINY_SEASON, days=1, burst=1, max_animals=420, quiet=1.0, cameras=(CLIFF,), seed=3)
    plan = replace(plan, width=480, height=360)
    truth = write_season(tmp_path, plan, nobody_watches)
    (photo,) = truth.photos.values()
    assert len(photo.counted) >= 150
    assert any(not animal.counted for animal in photo.animals)


def test_the_truth_is_read_back_as_it_was_written(season: tuple[Path, Truth]) -> None:
    folder, truth = season
    assert read_truth(folder / "truth.json") == truth


def test_a_season_drawn_before_there_were_visitors_and_conditions_can_still_be_read(
    season: tuple[Path, Truth], tmp_path: Path
) -> None:
    folder, truth = season
    told = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    for photo in told["photos"].values():
        del photo["visitors"]
        for animal in photo["animals"]:
            del animal["conditions"]
    (tmp_path / "truth.json").write_text(json.dumps(told), encoding="utf-8")

    read = read_truth(tmp_path / "truth.json")

    assert [photo.rocks for photo in read.photos.values()] == [photo.rocks for photo in truth.photos.values()]
    assert not any(photo.visitors for photo in read.photos.values())


def test_a_walrus_looks_the_same_all_day_and_changes_seldom(season: tuple[Path, Truth]) -> None:
    _, truth = season
    looks: dict[str, dict[date, set[tuple[Condition, ...]]]] = {}
    for photo in truth.photos.values():
        for animal in photo.animals:
            days = looks.setdefault(animal.individual, {})
            days.setdefault(photo.taken_at.date(), set()).add(animal.conditions)
    assert all(len(seen) == 1 for days in looks.values() for seen in days.values())
    assert all(sum(one in FATNESS for one in look) == 1 for days in looks.values() for (look,) in days.values())
    assert all(len(set().union(*days.values())) <= 4 for days in looks.values())


def test_the_walruses_of_a_long_season_grow_fatter_or_thinner_and_whoever_is_drawn_hurt_is_hurt() -> None:
    walruses = [born(number, 20, np.random.default_rng(number)) for number in range(200)]
    fares = [fare(walrus, 20, np.random.default_rng(number)) for number, walrus in enumerate(walruses)]
    first, last = [health.on(0) for health in fares], [health.on(19) for health in fares]
    assert 30 < sum(look == (Condition.THIN,) for look in first) < 80
    assert 5 < sum(Condition.FAT in look for look in last) < 40
    assert all(Condition.INJURY not in look for look in first)
    for walrus, health in zip(walruses, fares, strict=True):
        fresh = max(mark.since for mark in walrus.look.marks)
        assert (Condition.INJURY in health.on(fresh)) == (fresh > 0)
        assert walrus.thinner_on is None or Condition.THIN in health.on(walrus.thinner_on)


def test_something_disturbs_few_bursts_and_is_in_all_photos_of_its_burst_at_one_place(
    season: tuple[Path, Truth],
) -> None:
    _, truth = season
    bursts: dict[tuple[str, date], set[tuple[Visitor, ...]]] = {}
    for photo in truth.photos.values():
        bursts.setdefault((photo.camera, photo.taken_at.date()), set()).add(photo.visitors)
    assert all(len(seen) == 1 for seen in bursts.values()), "this season has one burst a day"
    assert 1 <= sum(bool(visitors) for (visitors,) in bursts.values()) <= len(bursts) / 4


def test_what_disturbs_the_animals_is_seen_on_the_tile_where_it_is(season: tuple[Path, Truth]) -> None:
    _, truth = season
    photo, (visitor,) = next((name, photo.visitors) for name, photo in truth.photos.items() if photo.visitors)
    left, right = Rectangle(0, 0, int(visitor.x), 480), Rectangle(int(visitor.x), 0, 640, 480)
    assert truth.disturbances_in(photo, right) == (visitor.kind,)
    assert truth.disturbances_in(photo, left) == ()


def test_a_missing_or_broken_truth_says_which_file(tmp_path: Path) -> None:
    (tmp_path / "truth.json").write_text('{"photos": {"a": {}}}')
    for name in ("truth.json", "nothing.json"):
        with pytest.raises(BrokenTruth, match=name):
            read_truth(tmp_path / name)


def test_boxes_in_a_rectangle_are_those_with_their_centres_there(season: tuple[Path, Truth]) -> None:
    _, truth = season
    photo = max(truth.photos, key=lambda photo: len(truth.photos[photo].counted))
    whole, left = Rectangle(0, 0, 640, 480), Rectangle(0, 0, 320, 480)
    right = Rectangle(320, 0, 640, 480)
    assert np.array_equal(truth.boxes_in(photo, whole), boxes_of(truth.photos[photo].counted))
    assert len(truth.boxes_in(photo, left)) + len(truth.boxes_in(photo, right)) == len(truth.boxes_in(photo, whole))
    with pytest.raises(KeyError):
        truth.boxes_in(PhotoId("none"), whole)
