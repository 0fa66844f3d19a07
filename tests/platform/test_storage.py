"""Originals are kept whole, people see pixels and nothing else."""

import errno
import hashlib
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import piexif
import pytest
from PIL import Image

from haulout.errors import HauloutError
from haulout.storage import CannotWrite, MissingOriginal, Storage, StorageFull, Unreadable
from haulout.storage.decoder import BrokenPicture, Decoder
from haulout.storage.files import appearing_at
from labeling_configs.vocabulary import PhotoId, Rectangle, Tile, TileId

SECRETS = (b"SECRET", b"GPS", b"Exif", b"71.5", b"<script")


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    storage = Storage(tmp_path / "home")
    storage.make_folders()
    return storage


def quarters(width: int = 120, height: int = 80) -> Image.Image:
    """Top left red, top right green, bottom left blue, bottom right white."""
    pixels = np.full((height, width, 3), 255, dtype=np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    pixels[: height // 2, width // 2 :] = (0, 255, 0)
    pixels[height // 2 :, : width // 2] = (0, 0, 255)
    return Image.fromarray(pixels)


def telling_exif(orientation: int = 1) -> bytes:
    return piexif.dump(
        {
            "0th": {piexif.ImageIFD.Orientation: orientation, piexif.ImageIFD.Make: b"SECRET maker"},
            "Exif": {piexif.ExifIFD.BodySerialNumber: b"SECRET serial"},
            "GPS": {piexif.GPSIFD.GPSLatitudeRef: b"N", piexif.GPSIFD.GPSMapDatum: b"SECRET 71.5"},
        }
    )


def keep(storage: Storage, picture: Path, suffix: str = ".jpg") -> PhotoId:
    photo = PhotoId(hashlib.sha256(picture.read_bytes()).hexdigest())
    storage.keep_original(picture, photo, suffix)
    return photo


@pytest.fixture
def lying_photo(tmp_path: Path, storage: Storage) -> PhotoId:
    """A photo that must be turned by 90 degrees, telling everything it should not."""
    path = tmp_path / "lying.jpg"
    quarters().save(path, exif=telling_exif(orientation=6), comment=b"SECRET comment", quality=95)
    path.write_bytes(path.read_bytes() + b"SECRET <script>")
    return keep(storage, path)


def near(pixel: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() < 40)


def test_a_photo_is_read_as_it_is_displayed(storage: Storage, lying_photo: PhotoId) -> None:
    pixels = storage.read_photo(lying_photo, ".jpg")

    assert pixels.shape == (120, 80, 3)
    assert pixels.dtype == np.uint8
    assert near(pixels[10, 10], (0, 0, 255))  # turned clockwise: bottom left comes to the top left
    assert near(pixels[10, 70], (255, 0, 0))


def test_an_original_keeps_every_byte(tmp_path: Path, storage: Storage, lying_photo: PhotoId) -> None:
    assert storage.original(lying_photo, ".jpg").read_bytes() == (tmp_path / "lying.jpg").read_bytes()


def test_nothing_that_people_see_carries_metadata(storage: Storage, lying_photo: PhotoId) -> None:
    whole = Rectangle(0, 0, 80, 120)
    names = [
        storage.make_web_photo(lying_photo, ".jpg"),
        storage.make_tile(Tile(TileId(f"{lying_photo}-0"), lying_photo, whole, whole), ".jpg"),
        storage.make_crop("animal-1", Rectangle(0, 0, 40, 60), lying_photo, ".jpg"),
    ]

    for name in names:
        served = (storage.public / name).read_bytes()
        assert not [secret for secret in SECRETS if secret in served], name
        with Image.open(storage.public / name) as image:
            assert not image.getexif()
            assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_a_tile_shows_its_rectangle_of_the_displayed_photo(storage: Storage, lying_photo: PhotoId) -> None:
    tile = Tile(TileId("tile-1"), lying_photo, Rectangle(40, 0, 80, 60), Rectangle(40, 0, 80, 60))

    name = storage.make_tile(tile, ".jpg")

    assert name == "tiles/tile-1.jpg"
    with Image.open(storage.public / name) as image:
        pixels = np.asarray(image)
    assert pixels.shape == (60, 40, 3)
    assert near(pixels.reshape(-1, 3).mean(axis=0), (255, 0, 0))


def test_a_picture_that_exists_is_not_made_again(storage: Storage, lying_photo: PhotoId) -> None:
    path = storage.public / storage.make_crop("animal-1", Rectangle(0, 0, 9, 9), lying_photo, ".jpg")
    path.write_bytes(b"as it was")

    storage.make_crop("animal-1", Rectangle(0, 0, 9, 9), lying_photo, ".jpg")

    assert path.read_bytes() == b"as it was"


def test_a_web_photo_is_at_most_2048_pixels_long(tmp_path: Path, storage: Storage) -> None:
    path = tmp_path / "wide.png"
    quarters(4000, 1000).save(path)
    photo = keep(storage, path, ".png")

    name = storage.make_web_photo(photo, ".png")

    with Image.open(storage.public / name) as image:
        assert (image.size, image.format) == ((2048, 512), "JPEG")


def test_a_16_bit_picture_is_scaled_and_not_clipped_to_white(tmp_path: Path, storage: Storage) -> None:
    path = tmp_path / "thermal.png"
    Image.fromarray(np.full((8, 8), 32768, dtype=np.uint16)).save(path)

    pixels = storage.read_photo(keep(storage, path, ".png"), ".png")

    assert pixels.shape == (8, 8, 3)
    assert np.unique(pixels).tolist() == [128]


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "", ".hidden", "a\0b"])
def test_an_id_never_leads_out_of_its_folder(storage: Storage, lying_photo: PhotoId, name: str) -> None:
    with pytest.raises(HauloutError, match="cannot name a file"):
        storage.make_crop(name, Rectangle(0, 0, 9, 9), lying_photo, ".jpg")


def test_a_rectangle_outside_the_photo_is_refused(storage: Storage, lying_photo: PhotoId) -> None:
    with pytest.raises(HauloutError, match="80 x 120"):
        storage.make_crop("animal-1", Rectangle(500, 0, 600, 90), lying_photo, ".jpg")


def test_a_file_that_changes_between_two_readings_is_not_kept(tmp_path: Path, storage: Storage) -> None:
    path = tmp_path / "failing_card.jpg"
    quarters().save(path)
    photo = PhotoId("0" * 64)

    with pytest.raises(Unreadable, match="other bytes"):
        storage.keep_original(path, photo, ".jpg")

    assert [p for p in storage.originals.rglob("*") if p.is_file()] == []


def test_a_missing_original_is_named(storage: Storage) -> None:
    with pytest.raises(MissingOriginal, match=r"originals/00/0+\.jpg is gone"):
        storage.read_photo("0" * 64, ".jpg")


def test_a_full_disk_is_named_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    with pytest.raises(StorageFull, match=r"The disk mounted at / .*HAULOUT_HOME") as caught:
        with appearing_at(tmp_path / "photo.jpg") as part:
            part.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert caught.value.exit_code != 0
    assert list(tmp_path.iterdir()) == []


def test_a_really_full_file_system_is_noticed_by_the_decoder(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    quarters().save(path)

    with Decoder() as decoder, pytest.raises(StorageFull):
        decoder.examine(path, Path("/dev/full"))


def test_a_folder_that_refuses_writing_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(CannotWrite, match=r"photo\.jpg could not be written"):
        with appearing_at(tmp_path / "file" / "photo.jpg"):
            pass


def test_only_what_was_abandoned_long_ago_is_swept(storage: Storage) -> None:
    old, new = storage.public / "tiles" / ".part-old.jpg", storage.public / "tiles" / ".part-new.jpg"
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))

    storage.sweep(datetime(2000, 1, 1))

    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_picture_cut_anywhere_is_broken(tmp_path: Path, form: str) -> None:
    path, web = tmp_path / "cut", tmp_path / "web.jpg"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(path, format=form)
    whole = path.read_bytes()

    with Decoder() as decoder:
        for share in range(1, 100, 7):
            path.write_bytes(whole[: len(whole) * share // 100])
            with pytest.raises(BrokenPicture, match=r"truncated|is no JPEG"):
                decoder.examine(path, web)

    assert not web.exists()


def test_a_jpeg_whose_tail_is_zeros_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "pulled_out.jpg"
    quarters(600, 400).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) // 2))

    with Decoder() as decoder, pytest.raises(BrokenPicture, match="truncated"):
        decoder.examine(path, tmp_path / "web.jpg")


def test_a_decoder_that_was_killed_is_started_again(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    quarters().save(path, exif=telling_exif(orientation=8))

    with Decoder() as decoder:
        decoder.examine(path, tmp_path / "web.jpg")
        decoder._process.kill()  # type: ignore[union-attr]
        examined = decoder.examine(path, tmp_path / "web.jpg")

    assert (examined.width, examined.height, examined.exif["serial"]) == (80, 120, "SECRET serial")


def test_a_file_on_which_the_decoder_hangs_is_broken_and_the_next_one_is_read(tmp_path: Path) -> None:
    pipe, path = tmp_path / "pipe.jpg", tmp_path / "photo.jpg"
    os.mkfifo(pipe)
    quarters().save(path)

    with Decoder(patience=1.5) as decoder:
        with pytest.raises(BrokenPicture, match="ran out of its time"):
            decoder.examine(pipe, tmp_path / "web.jpg")
        examined = decoder.examine(path, tmp_path / "web.jpg")

    assert examined.width == 120


def test_the_decoder_sees_no_secret_of_the_environment(tmp_path: Path) -> None:
    quarters().save(tmp_path / "photo.jpg")

    with Decoder() as decoder:
        decoder.examine(tmp_path / "photo.jpg", tmp_path / "web.jpg")
        environment = Path(f"/proc/{decoder._process.pid}/environ").read_bytes()  # type: ignore[union-attr]

    names = {entry.split(b"=")[0] for entry in environment.split(b"\0") if entry}
    assert names <= {b"PYTHONPATH", b"OPENBLAS_NUM_THREADS", b"LC_ALL"}


def test_the_decoder_cannot_take_all_memory() -> None:
    code = "from haulout.storage import decoder_process as d; d._limit(); bytearray(3 << 30)"

    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"},
    )

    assert "MemoryError" in ended.stderr
