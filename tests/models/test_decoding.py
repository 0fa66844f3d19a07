"""A photo is decoded no larger than it is looked at, as displayed, and a broken one stops nobody."""

from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from haulout_models.decoding import UnreadablePhoto, decode, in_order

ON_ITS_SIDE = 6


@pytest.fixture
def picture() -> Image.Image:
    """Four quarters, each of its own colour: which way is up can be seen."""
    quarters = np.array([[[250, 0, 0], [0, 250, 0]], [[0, 0, 250], [250, 250, 0]]], dtype=np.uint8)
    return Image.fromarray(quarters.repeat(240, axis=0).repeat(320, axis=1))


@pytest.fixture
def turned_photo(tmp_path: Path, picture: Image.Image) -> Path:
    """480 pixels wide and 640 high, stored lying on its side."""
    exif = Image.Exif()
    exif[0x0112] = ON_ITS_SIDE
    picture.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    return tmp_path / "turned.jpg"


@pytest.mark.parametrize(("wanted", "width"), [(480, 480), (300, 480), (240, 240), (130, 240), (100, 120), (20, 60)])
def test_a_jpeg_is_decoded_at_the_smallest_scale_that_is_large_enough(turned_photo, wanted, width):
    decoded = decode(turned_photo, lambda size: (wanted, wanted * size[1] // size[0]))

    assert decoded.image.shape == (width * 4 // 3, width, 3)
    assert decoded.size == (480, 640)


def test_a_photo_on_its_side_is_set_upright_at_every_scale(turned_photo, picture):
    whole, small = decode(turned_photo), decode(turned_photo, lambda _: (1, 1))

    upright = np.asarray(picture.rotate(-90, expand=True))
    for decoded, factor in ((whole, 1), (small, 8)):
        found = decoded.image[10::20, 10::20] if factor == 1 else decoded.image[1::2, 1::2]
        expected = upright[10::20, 10::20] if factor == 1 else upright[factor :: 2 * factor, factor :: 2 * factor]
        assert np.abs(found.astype(int) - expected).max() < 60


def test_what_is_asked_about_is_the_size_as_displayed(turned_photo):
    asked = []

    decode(turned_photo, lambda size: asked.append(size) or size)

    assert asked == [(480, 640)]


def test_grey_and_transparent_pictures_come_as_rgb(tmp_path, picture):
    picture.convert("L").save(tmp_path / "grey.jpg")
    picture.convert("RGBA").save(tmp_path / "transparent.png")
    Image.fromarray(np.full((4, 6), 40_000, dtype=np.uint16)).save(tmp_path / "deep.png")

    assert decode(tmp_path / "grey.jpg").image.shape == (480, 640, 3)
    assert decode(tmp_path / "transparent.png").image.shape == (480, 640, 3)
    assert decode(tmp_path / "deep.png").image.max() == 40_000 // 256


def test_a_broken_photo_is_told_in_its_place_and_the_others_go_on(tmp_path, turned_photo):
    truncated, text, gone = tmp_path / "half.jpg", tmp_path / "text.jpg", tmp_path / "gone.jpg"
    truncated.write_bytes(turned_photo.read_bytes()[:2_000])
    text.write_text("no picture")
    paths = [turned_photo, truncated, turned_photo, text, gone, turned_photo]

    results = list(in_order(paths, decode, workers=2))

    assert [path for path, _ in results] == paths
    assert [isinstance(result, UnreadablePhoto) for _, result in results] == [False, True, False, True, True, False]
    assert "half.jpg is damaged" in str(results[1][1])
    assert "text.jpg is no JPEG" in str(results[3][1])
    assert "gone.jpg is gone" in str(results[4][1])


def test_no_more_than_twice_as_many_photos_as_workers_are_taken_ahead():
    taken = []
    endless = (taken.append(number) or number for number in count())

    first = list(islice(in_order(endless, lambda number: -number, workers=2), 5))

    assert first == [(number, -number) for number in range(5)]
    assert len(taken) <= 5 + 2 * 2


def test_a_fault_of_our_own_is_not_taken_for_a_broken_photo():
    with pytest.raises(ZeroDivisionError):
        list(in_order([1, 0, 1], lambda number: 1 // number, workers=2))
