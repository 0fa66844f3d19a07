"""Ten thousand inputs made from good ones by breaking them anywhere: no crash, no hang, no memory, no nonsense.

HAULOUT_FAULTS_LONG=1 makes twenty times as many.
"""

import copy
import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from PIL import Image

from haulout.errors import BadImport
from haulout.imports.coco import read_coco
from haulout.imports.document import read_document
from haulout.imports.megadetector import read_megadetector
from haulout.storage.decoder import BrokenPicture, Decoder
from haulout.tides import BadTides, read_tides
from labeling_configs import boxes, gallery, pair
from labeling_configs.vocabulary import AnimalId
from tests.faults.hostile_answers import MARKUP, TILE, WHOLE, region
from tests.faults.hostile_documents import megadetector, whole
from tests.faults.hostile_pictures import SECRETS, animated, exif, photo

TIMES = 20 if os.environ.get("HAULOUT_FAULTS_LONG") else 1
STARTED_ANEW = 0.02
"""Of the pictures, at most so many may end the process that decodes them."""

Mutation = Callable[[bytes, np.random.Generator], bytes]


def flip(content: bytes, rng: np.random.Generator) -> bytes:
    """Change some bytes."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 12))):
        changed[int(rng.integers(len(changed)))] = int(rng.choice([0, 0xFF, 0x7F, 0x80, int(rng.integers(256))]))
    return bytes(changed)


def cut(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: int(rng.integers(len(content)))]


def leave_out(content: bytes, rng: np.random.Generator) -> bytes:
    at, much = int(rng.integers(len(content))), int(rng.integers(1, 40))
    return content[:at] + content[at + much :]


def repeat(content: bytes, rng: np.random.Generator) -> bytes:
    at, much = int(rng.integers(len(content))), int(rng.integers(1, 60))
    return content[:at] + content[at : at + much] * int(rng.integers(2, 30)) + content[at:]


def put_in(content: bytes, rng: np.random.Generator) -> bytes:
    words = [
        b"\0",
        b"\xff" * 4,
        b"\x7f\xff\xff\xff",
        b"NaN",
        b"1e308",
        b'"',
        b"{",
        b"[",
        b"]",
        b",",
        b"\n",
        MARKUP.encode(),
    ]
    at = int(rng.integers(len(content)))
    return content[:at] + words[int(rng.integers(len(words)))] + content[at:]


MUTATIONS: Sequence[Mutation] = (flip, flip, cut, leave_out, repeat, put_in)


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    for _ in range(int(rng.integers(1, 4))):
        content = MUTATIONS[int(rng.integers(len(MUTATIONS)))](content, rng) or b"\0"
    return content[: 1 << 16]


def good_pictures() -> list[bytes]:
    telling = exif(**{"Exif": {0xA431: b"SECRET serial"}, "GPS": {0x12: b"SECRET 71.5"}})
    plain = [photo(form=form) for form in ("JPEG", "PNG", "WEBP")]
    return [
        *plain,
        telling,
        photo(progressive=True),
        photo(mode="CMYK"),
        animated("WEBP"),
        animated("PNG"),
        animated("MPO"),
    ]


@pytest.mark.parametrize("part", range(4))
def test_no_broken_picture_is_more_than_refused(tmp_path, part) -> None:
    """One process takes nearly all of them: what ends it is refused too, but must be rare."""
    path, web, taken = tmp_path / "picture", tmp_path / "web.jpg", 0
    good, processes = good_pictures(), set()
    with Decoder() as decoder:
        for number in range(700 * TIMES):
            rng = np.random.default_rng([part, number])
            path.write_bytes(mutated(good[int(rng.integers(len(good)))], rng))
            try:
                decoder.examine(path, web)
            except BrokenPicture as error:
                assert str(error) and len(str(error)) < 500, number
            else:
                taken += 1
                _only_pixels(web)
            processes.add(decoder._process and decoder._process.pid)
        status = Path(f"/proc/{decoder._running().pid}/status").read_text()

    assert 50 < taken < 650 * TIMES
    assert len(processes) <= 2 + STARTED_ANEW * 700 * TIMES
    assert int(re.search(r"VmHWM:\s+(\d+)", status)[1]) < 512 << 10
    assert {one.name for one in tmp_path.iterdir()} <= {"picture", "web.jpg"}


def _only_pixels(web: Path) -> None:
    content = web.read_bytes()
    assert not [secret for secret in SECRETS if secret in content]
    with Image.open(web) as image:
        assert (image.format, image.mode) == ("JPEG", "RGB")


def test_no_broken_table_of_tides_is_more_than_refused(tmp_path) -> None:
    file = tmp_path / "tides.csv"
    lines = [f"2031-08-{day:02} {hour:02}:00,{hour / 10:.1f}" for day in range(1, 4) for hour in range(0, 24, 4)]
    good = "\n".join(["time,metres", *lines]).encode()
    for number in range(1700 * TIMES):
        file.write_bytes(mutated(good, np.random.default_rng([10, number])))
        try:
            found = read_tides(file, ZoneInfo("Asia/Yekaterinburg"), skip_bad=bool(number % 2))
        except BadTides as error:
            assert str(file) in str(error), number
        else:
            assert all(abs(metres) <= 30 for metres in found.heights.values()), number


def test_no_broken_file_of_boxes_is_more_than_refused(tmp_path) -> None:
    file = tmp_path / "boxes.json"
    box = {"conf": 0.9, "category": "1", "bbox": [0.1, 0.1, 0.2, 0.2]}
    good = [whole(), whole(iscrowd=0, extra=MARKUP), megadetector(detections=[box, box])]
    for number in range(2000 * TIMES):
        rng = np.random.default_rng([20, number])
        source = good[number % 3]
        bent = json.dumps(bend(json.loads(source), rng)).encode() if number % 2 else mutated(source, rng)
        file.write_bytes(bent)
        try:
            value = read_document(file).value
            if isinstance(value, dict):
                read = read_megadetector if "detection_categories" in value else read_coco
                listing = read(value, str(file))
                assert all(np.isfinite(photo.boxes()).all() for photo in listing.photos), number
        except BadImport as error:
            assert str(file) in str(error) and len(str(error)) < 2000, number


JUNK = (
    None,
    True,
    0,
    -1,
    1e308,
    -1e308,
    10**400,
    5e-324,
    "",
    MARKUP,
    "walrus",
    "x" * 999,
    [],
    {},
    [[]],
    {"a": {}},
    [1, 2, 3],
)


def bend(value: object, rng: np.random.Generator, chance: float = 0.08) -> object:
    """Return JSON of nearly the same shape, with junk in some places, some things gone and some twice."""
    if rng.random() < chance:
        return copy.deepcopy(JUNK[int(rng.integers(len(JUNK)))])
    if isinstance(value, list):
        kept = [bend(one, rng, chance) for one in value if rng.random() > chance / 2]
        return kept * 2 if rng.random() < chance / 2 else kept
    if isinstance(value, dict):
        return {key: bend(one, rng, chance) for key, one in value.items() if rng.random() > chance / 2}
    return value


def test_no_bent_answer_breaks_a_reader() -> None:
    good_boxes = [*(region(x=10 * n) for n in range(4)), *boxes.write([[0, 0, 50, 50]], None, TILE, unusable=True)]
    point = {"type": "keypointlabels", "from_name": "marks_first", "to_name": "first", "id": "a"}
    expert = [
        {"type": "choices", "from_name": "same", "to_name": "first", "value": {"choices": ["same"]}},
        {"type": "choices", "from_name": "identity", "to_name": "query", "value": {"choices": ["c"]}},
        {**point, "value": {"x": 5, "y": 5, "keypointlabels": ["scar"]}},
        {"type": "relation", "from_id": "a", "to_id": "b", "labels": []},
    ]
    for number in range(3500 * TIMES):
        rng = np.random.default_rng([30, number])
        result = bend([*good_boxes, *expert], rng, chance=float(rng.choice([0.01, 0.05, 0.2])))
        found = boxes.read(result, TILE)
        assert np.isfinite(found.boxes).all() and len(found.boxes) == len(found.origins) <= 500, number
        assert (found.boxes >= 0).all() and (found.boxes <= 400).all(), number
        compared = pair.read(result, AnimalId("a"), AnimalId("b"), WHOLE, WHOLE)
        assert all(0 <= mark.x <= 400 and 0 <= mark.y <= 300 for _, mark in compared.marks), number
        assert gallery.read(result, ["c", "d"]).choice in (None, "c", "d"), number
