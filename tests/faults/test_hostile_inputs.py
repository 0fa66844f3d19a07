"""Tables, files of boxes, answers, networks and requests that mean harm: refused with a reason, or read in part."""

import hashlib
import json
import pickle
import re
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import safetensors.torch
import torch

from haulout.collect import collect
from haulout.dispatch import dispatch
from haulout.errors import BadImport
from haulout.identify.step import identify
from haulout.imports import import_boxes
from haulout.selection import select_batch
from haulout.settle import settle
from haulout.tables import AnswerRow, ConsensusRow
from haulout.testing import enters
from haulout.tides import BadTides, read_tides
from haulout.web import create_app
from haulout_models.checkpoints import CARD, TENSORS, BrokenCheckpoint
from haulout_models.detector import Detector, DetectorSettings
from haulout_models.onnx_detector import OnnxDetector, UnusableNetwork
from haulout_models.registry import Registry
from labeling_configs import box_dispute, boxes, gallery, pair
from labeling_configs.vocabulary import AnimalId, ModelCard, ModelVersion
from tests.faults import hostile_answers, hostile_documents
from tests.faults.hostile_answers import MARKUP, TILE, WHOLE

ZONE = ZoneInfo("Asia/Yekaterinburg")


def outcome(work: Callable[[], object], refusal: type[Exception]) -> str:
    """Return why it was refused, nothing when it was not; any other exception is what this must never raise."""
    try:
        work()
    except refusal as error:
        return str(error)
    return ""


def unexpected(told: dict[str, str], expected: dict[str, str]) -> dict[str, str]:
    """Return what ended otherwise than expected."""
    return {
        what: f"{told[what][:200]!r} instead of {wanted!r}"
        for what, wanted in expected.items()
        if not re.search(wanted or "^$", told[what])
    }


def test_every_table_of_tides_is_read_or_refused_with_the_line_that_is_wrong(tmp_path) -> None:
    file = tmp_path / "tides.csv"
    told, expected = {}, {}
    for what, content, wanted in hostile_documents.tides():
        file.write_bytes(content)
        expected[what] = wanted
        told[what] = outcome(lambda: read_tides(file, ZONE), BadTides)

    assert unexpected(told, expected) == {}
    assert all(str(file) in reason for reason in told.values() if reason), "each names the file"
    assert all(len(reason) < 2000 for reason in told.values())
    assert len(told) >= 45


def test_every_file_of_boxes_is_read_or_refused_with_the_place_that_is_wrong(coordinator, tmp_path) -> None:
    coordinator.photo(size=(400, 300))
    file = tmp_path / "boxes.json"
    told, expected = {}, {}
    for what, content, wanted in hostile_documents.boxes():
        file.write_bytes(content)
        expected[what] = wanted
        told[what] = outcome(lambda: import_boxes(coordinator.services, file, f"n{len(told)}"), BadImport)

    assert unexpected(told, expected) == {}
    assert all(str(file) in reason for reason in told.values() if reason), "each names the file"
    assert len(told) >= 90
    for row in coordinator.rows(AnswerRow):
        assert boxes.read(row.result, TILE).broken == ()


def test_no_answer_breaks_the_readers_and_each_gives_no_more_than_it_may() -> None:
    wrong = {}
    for what, result, most in hostile_answers.answers():
        for read in (boxes.read, box_dispute.read):
            found = read(result, TILE)
            finite = np.isfinite(found.boxes).all() and (found.boxes >= 0).all() and (found.boxes <= 400).all()
            if len(found.boxes) > most or not finite or not (most or found.broken):
                wrong[what] = found
    assert {what: (len(found.boxes), found.broken[:2]) for what, found in wrong.items()} == {}


def test_no_answer_breaks_the_readers_of_experts_questions() -> None:
    first, second = AnimalId("a"), AnimalId("b")
    asked = 0
    for what, result in hostile_answers.others():
        compared = pair.read(result, first, second, WHOLE, WHOLE)
        found = gallery.read(result, ["c", "d"])
        assert found.choice is None and not found.is_new and (compared.broken and found.broken), what
        assert all(0 <= mark.x <= 400 and 0 <= mark.y <= 300 for _, mark in compared.marks), what
        asked += 1
    assert asked >= 200


def test_reasons_are_short_and_never_repeat_what_a_stranger_sent() -> None:
    for what, result, _ in hostile_answers.answers():
        broken = boxes.read(result, TILE).broken
        assert len(broken) <= 1001 and all(len(str(one)) < 300 for one in broken), what


def test_fifty_thousand_boxes_are_read_in_little_memory() -> None:
    flood = [hostile_answers.region(x=n % 70, y=n // 70 % 70) for n in range(50_000)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]

    read = boxes.read(flood, TILE)

    most = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert len(read.boxes) <= 500 and "50000 entries" in read.broken[0].reason
    assert most < 8 << 20


@pytest.fixture
def services(tmp_path, make_services):
    """Keep the season in a file: parts of a page read on their own, and in memory there is one connection alone."""
    return make_services(tmp_path / "home", f"sqlite:///{tmp_path / 'season.sqlite'}")


def test_hostile_answers_pass_through_the_loop_and_spoil_nobody_elses(coordinator) -> None:
    results = [(what, one) for what, one, _ in hostile_answers.answers() if hostile_answers.storable(one)]
    results = [(what, one) for what, one in results if len(one) < 1000]
    coordinator.set(least_votes=2, batch_size=20, exam_share=0.0, random_share=0.1)
    photos = [coordinator.photo([[50, 50, 150, 120]]) for _ in range(12)]
    select_batch(coordinator.services)
    dispatch(coordinator.services)
    tiles = [coordinator.tile(photo) for photo in photos]
    for number, (_, result) in enumerate(results):
        coordinator.say(f"enemy-{number}", tiles[number % 11].id, result)
    for name in ("anna", "boris"):
        coordinator.draw(name, tiles[11], [50, 50, 150, 120])

    for _ in range(2):
        collect(coordinator.services, sweep=True)
        settle(coordinator.services)
        identify(coordinator.services)
    dispatch(coordinator.services)

    assert len(coordinator.rows(AnswerRow)) == len(results) + 2 > 120, "stored as given, each once"
    client = enters(create_app(coordinator.services).test_client())
    (consensus,) = coordinator.rows(ConsensusRow, ConsensusRow.tile == tiles[11].id)
    assert consensus.state == "agreed" and len(consensus.boxes) == 1
    for address in ("/", "/people", "/report", "/photos", *(f"/tiles/{tile.id}" for tile in tiles)):
        page = client.get(address)
        assert page.status_code in (200, 404) and MARKUP.encode() not in page.data, address
    assert client.get(f"/tiles/{tiles[0].id}").status_code == 200


class Canary:
    """Leaves a file where it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.file,)


def bad_networks(canary: Path, good: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield files in place of a network's tensors."""
    pickled = pickle.dumps(Canary(canary))
    yield "nothing", b""
    yield "a pickle", pickled
    yield "text", b"tensors\n" * 99
    yield "zeros", bytes(4096)
    yield "half", good[: len(good) // 2]
    yield "all but a byte", good[:-1]
    yield "a byte more", good + b"\0"
    yield "a flipped bit", good[:40] + bytes([good[40] ^ 1]) + good[41:]
    yield "a pickle behind", good + pickled
    yield "a head of 2^63 bytes", b"\xff" * 7 + b"\x7f" + good[8:]
    yield "a head of nested lists", (100_000).to_bytes(8, "little") + b"[" * 100_000
    head = json.dumps({"x": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}).encode()
    yield "a tensor larger than the file", len(head).to_bytes(8, "little") + head + bytes(4)
    yield "a zip as torch.save makes", _saved(canary)


def _saved(canary: Path) -> bytes:
    file = canary.with_suffix(".pt")
    torch.save({"weights": Canary(canary)}, file)
    return file.read_bytes()


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("networks")
    registry = Registry(folder)
    detector = Detector.untrained(ModelVersion("det-0001"), DetectorSettings(width=8), 0)
    registry.save(
        ModelCard(detector.version, "detector", 0, detector.stored_settings(), {}, {}), detector.trained_tensors()
    )
    return folder


def test_no_file_in_place_of_a_networks_tensors_is_loaded_or_run(network, tmp_path) -> None:
    shutil.copytree(network, tmp_path / "models")
    registry, place, canary = Registry(tmp_path / "models"), tmp_path / "models" / "det-0001", tmp_path / "fired"
    good = (place / TENSORS).read_bytes()
    card = json.loads((place / CARD).read_text())
    for what, content in bad_networks(canary, good):
        (place / TENSORS).write_bytes(content)
        with pytest.raises(BrokenCheckpoint, match=r"tensors\.safetensors"):
            registry.load_detector(ModelVersion("det-0001"))
        card["sha256"] = hashlib.sha256(content).hexdigest()  # whoever can write the file can write its card too
        forged = json.dumps(card)
        true = (place / CARD).read_text()
        (place / CARD).write_text(forged)
        try:
            registry.load_detector(ModelVersion("det-0001"))
        except (BrokenCheckpoint, ValueError) as error:
            assert str(error), what
        (place / CARD).write_text(true)
        assert not canary.exists(), what


def test_no_file_in_place_of_a_card_is_believed(network, tmp_path) -> None:
    shutil.copytree(network, tmp_path / "models")
    registry, place, canary = Registry(tmp_path / "models"), tmp_path / "models" / "det-0001", tmp_path / "fired"
    whole = json.loads((place / CARD).read_text())
    cards = {
        "nothing": b"",
        "a pickle": pickle.dumps(Canary(canary)),
        "a list": b"[]",
        "null": b"null",
        "bad UTF-8": b'{"version": "\xff"}',
        "open lists": b"[" * 100_000,
        "no checksum": json.dumps({name: value for name, value in whole.items() if name != "sha256"}).encode(),
        "one more field": json.dumps({**whole, "more": 1}).encode(),
        "cut": json.dumps(whole).encode()[:40],
    }
    for what, content in cards.items():
        (place / CARD).write_bytes(content)
        with pytest.raises(BrokenCheckpoint, match=r"card\.json"):
            registry.load_detector(ModelVersion("det-0001"))
        assert not canary.exists(), what


def test_no_file_in_place_of_a_starter_is_taken_for_a_network(tmp_path) -> None:
    canary = tmp_path / "fired"
    tensors = safetensors.torch.save({"x": torch.zeros(3)})
    for what, content in bad_networks(canary, tensors):
        file = tmp_path / "starter.onnx"
        file.write_bytes(content)
        with pytest.raises(UnusableNetwork, match=r"starter\.onnx"):
            OnnxDetector.open(file)
        assert not canary.exists(), what
    with pytest.raises(UnusableNetwork, match="absent"):
        OnnxDetector.open(tmp_path / "absent.onnx")


HOSTILE_TEXTS = (
    "../../etc/passwd",
    "%00",
    "a%00b",
    "\u202e",
    "%ff%fe",
    "%ed%a0%80",
    "' OR 1=1 --",
    "{{7*7}}",
    MARKUP,
    "1e308",
    "NaN",
    "-1",
    "9" * 400,
    "x" * 5000,
    "[]",
    "null",
    "２",
    "\n\r\nX-Evil: 1",
    "=1+1",
    "%",
)


def test_no_text_in_an_address_or_a_question_breaks_a_page(app) -> None:
    client = enters(app.test_client())
    asked = 0
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint == "static":
            continue
        for text in HOSTILE_TEXTS if rule.arguments else HOSTILE_TEXTS[:1]:
            path = re.sub(r"<[^>]+>", lambda _, text=text: text, rule.rule)
            names = ("site", "page", "after", "before", "year", "day", "cursor", "lang", "camera")
            for query in ({}, dict.fromkeys(names, text)):
                answer = client.get(path, query_string=query)
                asked += 1
                assert answer.status_code < 500, (path, query)
                assert MARKUP.encode() not in answer.data and "X-Evil" not in answer.headers, path
    assert asked > 200


def test_no_token_opens_what_it_was_not_made_for_and_none_breaks_the_door(interface) -> None:
    client = enters(interface.test_client())
    for text in (*HOSTILE_TEXTS, "", "Bearer", "Basic QTpC", "Bearer  ", "Bearer \xff", "bearer " + "a" * 9000):
        if "\n" in text:
            continue  # no client can send it
        for header in (text, f"Bearer {text}"):
            answer = client.get("/api/v1/photos", headers={"Authorization": header.encode().decode("latin-1")})
            assert answer.status_code in (200, 401, 403) and answer.mimetype.endswith("json"), header
            answer = client.get("/api/v1/people", headers={"Authorization": header.encode().decode("latin-1")})
            assert answer.status_code in (401, 403), header
