"""Boxes leave in open formats, are read by others' programs, and come back as they left."""

import json

import numpy as np
import pytest
from pycocotools.coco import COCO

from haulout.db import reading
from haulout.errors import BadImport
from haulout.exports.coco import coco_contents, coco_files
from haulout.imports import import_boxes
from haulout.services import silently
from haulout.settle import settle
from haulout.tables import (
    AnimalRow,
    ConsensusRow,
    ImportedRow,
    IndividualRow,
    PhotoRow,
    ProposalRow,
    SightingRow,
    SiteRow,
    TileRow,
)
from labeling_configs.vocabulary import COLD

LEFT, RIGHT = (20.125, 50.333, 120.5, 150.0), (220.0, 50.0, 320.004, 150.006)


def files(coordinator, site="Beach"):
    with reading(coordinator.services.database) as session:
        return dict(coco_files(session, site))


def read(coordinator, name):
    return json.loads(files(coordinator)[name])


def settled(coordinator, photo, *boxes, state="agreed", core=None, individual=None):
    """Store a tile of a photo, what people agree on there, and its animals."""
    core = core or [0, 0, photo.width, photo.height]
    tile = f"{photo.id}-{'-'.join(map(str, core))}"
    coordinator.store(TileRow(id=tile, photo=photo.id, shown=core, core=core))
    consensus = ConsensusRow(tile=tile, state=state, voters=2, agreement=1, boxes=[], settled_at=photo.ingested_at)
    coordinator.store(consensus)
    for number, box in enumerate(boxes):
        animal = AnimalRow(
            id=f"{tile}-{number}", photo=photo.id, tile=tile, box=list(box), crop=[0, 0, 9, 9], probability=0.98765
        )
        animal.settled_at = photo.ingested_at
        coordinator.store(animal)
        if individual:
            coordinator.store(IndividualRow(id=individual, first_animal=animal.id, named_at=photo.ingested_at))
            coordinator.store(SightingRow(animal=animal.id, individual=individual))


@pytest.fixture
def another(coordinator, make_services, tmp_path):
    """Return a fresh home with the same photos, that nobody has looked at."""
    made = []

    def home():
        fresh = type(coordinator)(make_services(tmp_path / f"home-{len(made)}"))
        made.append(fresh)
        for photo in coordinator.rows(PhotoRow):
            fresh.store(PhotoRow(**photo.model_dump()))
            fresh.propose(photo, [], COLD)
        return fresh

    return home


def take(coordinator, content, tmp_path, name):
    path = tmp_path / "boxes.json"
    path.write_bytes(content)
    return import_boxes(coordinator.services, path, name, "Beach")


def test_pycocotools_reads_the_animals_and_what_the_machine_drew(coordinator, tmp_path, capsys):
    empty, full = coordinator.photo(model="starter-1"), coordinator.photo([LEFT, RIGHT], model="starter-1", score=0.75)
    settled(coordinator, full, LEFT, RIGHT, individual="W001")
    settled(coordinator, empty)
    for name, content in files(coordinator).items():
        (tmp_path / name).write_bytes(content)

    people, photos = (COCO(str(tmp_path / name)) for name in ("annotations.json", "image_info.json"))
    machine = photos.loadRes(str(tmp_path / "predictions.json"))
    (image,) = [image for image in people.loadImgs(people.getImgIds()) if image["sha256"] == full.id]

    drawn = people.loadAnns(people.getAnnIds(image["id"], catIds=people.getCatIds("walrus"), iscrowd=False))
    assert [one["bbox"] for one in drawn] == [[20.12, 50.33, 100.38, 99.67], [220.0, 50.0, 100.0, 100.01]]
    assert [(one["area"], one["score"]) for one in drawn] == [(10004.87, 1.0), (10001.0, 1.0)]
    assert {one["attributes"]["individual"] for one in drawn} == {"W001"}
    assert sorted(people.getImgIds()) == sorted(photos.getImgIds()) == [1, 2]
    assert [one["score"] for one in machine.loadAnns(machine.getAnnIds(image["id"]))] == [0.75, 0.75]


def test_a_photo_is_told_with_its_time_its_camera_and_its_checksum_but_never_with_its_place(coordinator):
    photo = coordinator.photo()
    moment = photo.ingested_at
    site = SiteRow(
        name="Beach", latitude=69.123456, longitude=58.654321, geoprivacy="exact", time_zone="Asia/Kamchatka"
    )
    site.changed_at = moment
    coordinator.store(site)
    undated = coordinator.photo()
    undated.taken_at = None
    coordinator.store(undated)

    images = {image["sha256"]: image for image in read(coordinator, "image_info.json")["images"]}

    assert images[photo.id] == {
        "id": images[photo.id]["id"],
        "file_name": photo.name,
        "width": 400,
        "height": 300,
        "date_captured": "2026-11-24T12:00:00+12:00",
        "sha256": photo.id,
        "site": "Beach",
        "camera": "CAM1",
    }
    assert images[undated.id]["date_captured"] is None
    assert not any(b"69.1" in content or b"58.6" in content for content in files(coordinator).values())


def test_only_photos_that_people_settled_as_a_whole_are_told_as_annotated(coordinator):
    whole, half, foggy, _ = (coordinator.photo([LEFT]) for _ in range(4))
    settled(coordinator, whole)
    settled(coordinator, half, LEFT, core=[0, 0, 200, 300])
    settled(coordinator, half, state="open", core=[200, 0, 400, 300])
    settled(coordinator, foggy, state="unusable")

    told = read(coordinator, "annotations.json")

    assert [image["sha256"] for image in told["images"]] == [whole.id] and told["annotations"] == []
    assert len(read(coordinator, "image_info.json")["images"]) == 4


def test_a_photo_keeps_its_number_in_all_files(coordinator):
    photos = [coordinator.photo([LEFT], model="starter-1") for _ in range(3)]
    settled(coordinator, max(photos, key=lambda photo: photo.id), LEFT)

    (told,) = read(coordinator, "annotations.json")["images"]

    assert told["id"] == 3 and read(coordinator, "annotations.json")["annotations"][0]["image_id"] == 3
    assert [one["image_id"] for one in read(coordinator, "predictions.json")] == [1, 2, 3]


def test_other_sites_are_left_out(coordinator):
    here, there = coordinator.photo([LEFT], model="starter-1"), coordinator.photo([LEFT], model="starter-1")
    there.site = "Another"
    coordinator.store(there)
    settled(coordinator, there, LEFT)

    assert read(coordinator, "annotations.json")["images"] == []
    assert [image["sha256"] for image in read(coordinator, "image_info.json")["images"]] == [here.id]
    assert len(read(coordinator, "predictions.json")) == len(read(coordinator, "megadetector.json")["images"]) == 1


def test_what_no_machine_looked_at_is_not_told_as_empty(coordinator):
    coordinator.photo()

    assert read(coordinator, "predictions.json") == []
    assert read(coordinator, "megadetector.json")["images"] == []


def test_the_same_data_give_the_same_bytes_and_are_strict_json(coordinator):
    for _ in range(3):
        settled(coordinator, coordinator.photo([LEFT], model="starter-1"), RIGHT, LEFT)

    first, again = files(coordinator), files(coordinator)

    assert first == again and len(first) == 4
    for content in first.values():
        json.loads(content, parse_constant=lambda _: pytest.fail("no strict JSON"))


def test_contents_say_how_much_they_hold_as_they_are_written(coordinator, tmp_path):
    settled(coordinator, coordinator.photo([LEFT], model="starter-1"), RIGHT, LEFT)

    with reading(coordinator.services.database) as session:
        written = {}
        for content in coco_contents(session, "Beach"):
            with (tmp_path / content.name).open("wb") as out:
                written[content.name] = content.write(out, silently)

    assert written == {"annotations.json": 2, "image_info.json": 1, "predictions.json": 1, "megadetector.json": 1}
    assert {name: (tmp_path / name).read_bytes() for name in written} == files(coordinator)


# There and back again


def drawn_by_somebody(coordinator, rng):
    """Return a COCO file of some crowds, some single animals and some empty photos, drawn to fractions of a pixel."""
    images, annotations = [], []
    for number, many in enumerate((0, 1, 2, 60, 0, 7)):
        photo = coordinator.photo(size=(900, 700))
        images.append({"id": f"p{number}", "file_name": photo.name, "sha256": photo.id})
        places = rng.permutation(80)[:many]
        for place in places.tolist():
            x, y = 10 + 88 * (place % 10) + rng.uniform(0, 10), 8 + 85 * (place // 10) + rng.uniform(0, 10)
            side = rng.uniform(30, 70, 2)
            annotations.append({"image_id": f"p{number}", "category_id": 3, "bbox": [x, y, *side.tolist()]})
    categories = [{"id": 3, "name": "walrus"}]
    return json.dumps({"images": images, "annotations": annotations, "categories": categories}).encode()


@pytest.mark.parametrize("seed", [1, 2])
def test_boxes_of_people_that_are_exported_and_imported_elsewhere_are_exported_alike(
    coordinator, another, tmp_path, seed
):
    one_voice = {"least_votes": 1, "wanted_risk": 9.0, "most_animals_per_tile": 6}
    coordinator.set(**one_voice)
    take(coordinator, drawn_by_somebody(coordinator, np.random.default_rng(seed)), tmp_path, "first")
    settle(coordinator.services)
    sent = files(coordinator)["annotations.json"]

    fresh = another()
    fresh.set(**one_voice)
    take(fresh, sent, tmp_path, "second")
    settle(fresh.services)

    told = json.loads(sent)
    assert (len(told["images"]), len(told["annotations"])) == (6, 70)
    assert len(coordinator.rows(TileRow)) > 10
    assert files(fresh)["annotations.json"] == sent


def test_boxes_of_a_detector_that_are_exported_and_imported_elsewhere_are_exported_alike(
    coordinator, another, tmp_path
):
    rng = np.random.default_rng(5)
    images = []
    for many in (0, 1, 40):
        photo = coordinator.photo(size=(333, 777))
        corners, sides = rng.uniform(0, 0.6, (many, 2)), rng.uniform(0.01, 0.39, (many, 2))
        rows = np.hstack([corners, sides]).round(4).tolist()
        detections = [
            {"category": str(rng.integers(1, 4)), "conf": round(float(rng.uniform(0, 1)), 3), "bbox": row}
            for row in rows
        ]
        images.append({"file": photo.name, "sha256": photo.id, "detections": detections})
    coordinator.photo()
    categories = {"1": "animal", "2": "person", "3": "vehicle"}
    document = {"info": {"format_version": "1.5"}, "detection_categories": categories, "images": images}
    take(coordinator, json.dumps(document).encode(), tmp_path, "cards")
    sent = files(coordinator)["megadetector.json"]

    fresh = another()
    take(fresh, sent, tmp_path, "cards")

    there = {image["file"]: image["detections"] for image in images}
    assert {image["file"]: image["detections"] for image in json.loads(sent)["images"]} == there
    back = files(fresh)
    assert back["megadetector.json"] == sent and back["predictions.json"] == files(coordinator)["predictions.json"]
    packed = [[(row.photo, row.packed) for row in home.rows(ImportedRow)] for home in (coordinator, fresh)]
    assert len(packed[0]) == len(packed[1]) == 3


def test_boxes_of_our_own_detector_come_back_too(coordinator, another, tmp_path):
    rng = np.random.default_rng(6)
    for many in (0, 3, 30):
        corners = rng.uniform(0, 300, (many, 2))
        boxes = np.hstack([corners, corners + rng.uniform(5, 80, (many, 2))])
        photo = coordinator.photo(size=(400, 400))
        coordinator.propose(photo, boxes, "starter-1", score=0.123456789)
    sent = json.loads(files(coordinator)["megadetector.json"])

    fresh = another()
    take(fresh, files(coordinator)["megadetector.json"], tmp_path, "cards")

    assert json.loads(files(fresh)["megadetector.json"])["images"] == sent["images"]
    (row,) = fresh.rows(ProposalRow, ProposalRow.photo == photo.id, ProposalRow.model == "import-cards")
    assert row.boxes() == pytest.approx(boxes, abs=400e-6) and row.scores() == pytest.approx(0.1235)


def test_bare_results_are_not_taken_for_a_file_of_boxes(coordinator, tmp_path):
    coordinator.photo([LEFT], model="starter-1")

    for name, reason in (("predictions.json", "bare results"), ("image_info.json", "annotations")):
        with pytest.raises(BadImport, match=reason):
            take(coordinator, files(coordinator)[name], tmp_path, "again")


def test_an_export_of_this_home_is_no_new_voice_here(coordinator, tmp_path):
    photo = coordinator.photo([LEFT])
    settled(coordinator, photo, LEFT, RIGHT)

    found = take(coordinator, files(coordinator)["annotations.json"], tmp_path, "again")

    assert found.voiced == 0 and [one.photo.id for one in found.repeated] == [photo.id]
