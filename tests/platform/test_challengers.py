"""No worse detector serves, none that has seen its exam, none that was changed: real trainings, small ones."""

import hashlib
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from haulout.db import reading
from haulout.errors import BrokenModel
from haulout.retrain import promote, retrain_detector, rollback
from haulout.retrain.challenger import train_challenger
from haulout.retrain.decisions import Exam, decide, keep
from haulout.retrain.examination import examine_challenger
from haulout.retrain.leaks import ExamPhotoInTraining
from haulout.retrain.material import Material, labelled_tiles
from haulout.services import silently
from haulout.serving import serving_detector
from haulout.tables import BatchRow, ChosenRow, ConsensusRow, DecisionRow, ExaminedRow, ModelRow, PhotoRow, TileRow
from haulout_models.checkpoints import CARD, TENSORS
from haulout_models.data import NO_CHANGE, LabelledTile
from haulout_models.detector import Detector
from haulout_models.origin import code_version, photos_of
from haulout_models.training import DetectorTraining, train_detector
from labeling_configs.vocabulary import ModelCard, ModelVersion

SIZE = (192, 144)
MOMENT = 0.004
"""Minutes of a training too short to learn anything."""


class Beach:
    """A coordinator's photos, each with animals at places of its own, about which people agree."""

    def __init__(self, coordinator, rng: np.random.Generator) -> None:
        self.coordinator, self.rng = coordinator, rng

    @property
    def services(self):
        return self.coordinator.services

    def photo(self, split: str, **values: object) -> PhotoRow:
        boxes = animals(self.rng)
        photo = self.coordinator.photo(boxes, split=split, size=SIZE)
        self.agree(photo, boxes, **values)
        return photo

    def agree(self, photo: PhotoRow, boxes: np.ndarray, **values: object) -> None:
        tile, now = f"{photo.id}-tile", self.services.now()
        whole = [0, 0, photo.width, photo.height]
        stored = [[*map(float, box), 0.97, ["person-1"]] for box in boxes]
        self.coordinator.store(TileRow(id=tile, photo=photo.id, shown=whole, core=whole))
        settled = {"voters": 2, "agreement": 1.0, "state": "agreed", "settled_at": now} | values
        self.coordinator.store(ConsensusRow(tile=tile, boxes=stored, **settled))

    def fill(self, train: int = 14, exam: int = 6) -> None:
        for split in train * ["train"] + exam * ["exam"]:
            self.photo(split)

    def material(self) -> Material:
        with reading(self.services.database) as session:
            return Material.read(session, self.services.storage, self.services.settings)

    def mistake_labels(self) -> None:
        """Give each training photo the animals of another one."""
        rows = [
            row
            for row in self.coordinator.rows(ConsensusRow)
            if self.coordinator.rows(PhotoRow, PhotoRow.id == row.tile.removesuffix("-tile"))[0].split == "train"
        ]
        boxes = [row.boxes for row in rows]
        for row, others in zip(rows, boxes[1:] + boxes[:1], strict=True):
            row.boxes = others
            self.coordinator.store(row)

    def stored(self, detector: Detector, photos: list[str]) -> ModelVersion:
        """Store a detector as training does."""
        card = ModelCard(
            detector.version,
            "detector",
            1,
            detector.stored_settings(),
            {"photos": photos, "digest": f"lesson {len(self.services.registry.versions())}"},
        )
        return keep(self.services, card, detector.trained_tensors(), None)

    def examine(self, version: ModelVersion) -> bool:
        champion = serving_detector(self.services)
        return examine_challenger(self.services, version, champion, self.material().exam, silently)

    def last(self) -> DecisionRow:
        return self.coordinator.rows(DecisionRow)[-1]


def animals(rng: np.random.Generator) -> np.ndarray:
    """Return one or two places that do not touch."""
    left = rng.integers([2, 2], [40, 80], 2)
    right = rng.integers([100, 2], [135, 80], 2)
    places = [left, right][: int(rng.integers(1, 3))]
    return np.array([[*place, *(place + rng.integers(40, 54, 2))] for place in places], dtype=np.float64)


@pytest.fixture
def beach(coordinator) -> Beach:
    coordinator.set(least_ap50=0.0, detector_minutes=MOMENT)
    return Beach(coordinator, np.random.default_rng(5))


@pytest.fixture(scope="module")
def able(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    """A detector that has learned, from other photos, to find what the photos here show."""
    folder, rng, tiles = tmp_path_factory.mktemp("able"), np.random.default_rng(1), []
    for number in range(24):
        boxes, image = animals(rng), np.full((SIZE[1], SIZE[0], 3), 100, dtype=np.uint8)
        for x1, y1, x2, y2 in boxes.astype(int):
            image[y1:y2, x1:x2] = (150, 90, 60)
        file = folder / f"{number}.png"
        Image.fromarray(image).save(file)
        tiles.append(LabelledTile(file, None, boxes, np.ones(len(boxes))))
    settings = DetectorTraining(steps=70, usual_size=30.0, augmentation=replace(NO_CHANGE, flip=0.5))
    return train_detector(tiles, settings, 0).detector


@pytest.fixture
def champion(beach: Beach, able: Detector) -> ModelVersion:
    beach.fill()
    version = beach.stored(able, [])
    promote(beach.services, version, "operator", "knows what walruses here look like")
    return version


def still_serves(beach: Beach, champion: ModelVersion) -> bool:
    """Say whether the champion serves, and finds the animals."""
    serving, exam = serving_detector(beach.services), beach.material().exam
    seen = [serving.detect(tile.truth.read())[1].max(initial=0.0) for tile in exam]
    return serving.version == champion and max(seen) > 0.3


def test_a_challenger_that_learned_from_shuffled_labels_is_refused(beach, champion):
    beach.coordinator.set(warm_share=0.0)
    beach.mistake_labels()

    version = retrain_detector(beach.services)

    refusal = beach.last()
    assert (refusal.version, refusal.decision) == (version, "refused")
    assert "not shown to be as good: AP50 -" in refusal.reason
    (model,) = beach.coordinator.rows(ModelRow, ModelRow.version == version)
    assert model.exam["champion_ap50"] > model.exam["ap50"] + 0.3
    assert still_serves(beach, champion)


def test_a_challenger_that_learned_from_an_exam_photo_is_refused_and_the_photo_named(beach, champion, tmp_path):
    exam, training = beach.material().exam, beach.material().training
    copied = tmp_path / "under_another_name.png"
    copied.write_bytes(exam[0].truth.image.read_bytes())
    learned = [tile.truth for tile in training] + [replace(exam[0].truth, image=copied)]
    leaking = train_detector(learned, DetectorTraining(steps=2), 0).detector
    version = beach.stored(leaking, photos_of(learned))

    serves = beach.examine(version)

    assert not serves
    assert beach.last().decision == "refused"
    assert f"it has learned from a photo of the exam, {exam[0].photo.name} (Beach, " in beach.last().reason
    assert beach.coordinator.rows(ModelRow)[-1].exam == {}, "its score would mean nothing"
    assert still_serves(beach, champion)


def test_a_challenger_whose_card_keeps_silent_about_its_photos_is_refused(beach, champion, able):
    card = ModelCard(able.version, "detector", 1, able.stored_settings(), {"tiles": 12})
    version = keep(beach.services, card, able.trained_tensors(), None)

    assert not beach.examine(version)
    assert "does not say which photos" in beach.last().reason


@pytest.mark.parametrize("forged", [False, True], ids=["weights", "weights and card"])
def test_a_challenger_whose_weights_were_changed_is_refused(beach, champion, able, forged):
    version = beach.stored(able, [])
    folder = beach.services.weights / version
    changed = bytearray((folder / TENSORS).read_bytes())
    changed[-1] ^= 1
    was = hashlib.sha256((folder / TENSORS).read_bytes()).hexdigest()
    (folder / TENSORS).write_bytes(changed)
    if forged:
        card = (folder / CARD).read_text().replace(was, hashlib.sha256(changed).hexdigest())
        (folder / CARD).write_text(card)

    assert not beach.examine(version)

    assert beach.last().decision == "refused"
    assert f"has SHA-256 {hashlib.sha256(changed).hexdigest()}" in beach.last().reason and was in beach.last().reason
    assert still_serves(beach, champion)


def test_a_challenger_that_is_as_good_is_promoted(beach, champion, able):
    version = beach.stored(able, [])

    assert beach.examine(version)
    assert beach.last().reason.startswith("not worse: AP50 +0.000")
    assert still_serves(beach, version)


def test_training_refuses_a_photo_of_the_exam_by_its_bytes(beach):
    beach.fill()
    whole = beach.material()
    copied = whole.training[0].truth.image.with_name("copy.png")
    copied.write_bytes(whole.exam[0].truth.image.read_bytes())
    smuggled = replace(whole.training[0], truth=replace(whole.training[0].truth, image=copied))
    leaking = replace(whole, training=[*whole.training[1:], smuggled])

    with pytest.raises(ExamPhotoInTraining, match=whole.exam[0].photo.name):
        train_challenger(beach.services, leaking, serving_detector(beach.services), {"run": None}, silently)

    assert beach.coordinator.rows(ModelRow) == []


def test_the_card_names_photos_code_seed_settings_and_data_of_the_training(beach):
    beach.fill()
    beach.coordinator.set(held_out_share=0.5)

    version = retrain_detector(beach.services)

    (model,) = beach.coordinator.rows(ModelRow)
    card, material = beach.services.registry.card(version), beach.material()
    assert {**asdict(card)} == model.card
    assert card.code == code_version() and card.seed > 0 and len(card.data["digest"]) == 64
    assert card.settings["seconds"] == pytest.approx(60 * MOMENT) and card.settings["width"] == 64
    learned, looked_at = (photos_of([t.truth for t in tiles]) for tiles in (material.training, material.held_out))
    assert (card.data["photos"], card.data["held_out_photos"]) == (learned, looked_at)
    assert len(looked_at) >= 4 and not set(looked_at) & set(learned)
    assert set(card.scores) == {"held_out_ap50_from_scratch"}
    assert (beach.services.weights / version / "exam.json").is_file()


def test_what_learns_on_from_the_champion_is_examined_when_it_does_better_on_the_held_out_days(beach, champion):
    beach.coordinator.set(held_out_share=0.5)

    version = retrain_detector(beach.services)

    card = beach.services.registry.card(version)
    assert card.data["start"] == champion
    assert card.scores[f"held_out_ap50_from_{champion}"] > card.scores["held_out_ap50_from_scratch"]
    assert card.settings["seconds"] == pytest.approx(30 * MOMENT), "each has half of the time"
    assert beach.coordinator.rows(ModelRow)[-1].exam["sittings"] == 1, "the other one never sat the exam"
    assert not list(beach.services.registry.folder.glob("*.unfinished"))


@pytest.mark.parametrize("why", ["few held-out days", "the champion has learned from one", "switched off"])
def test_where_no_other_beginning_is_fair_training_starts_from_nothing(beach, able, why):
    beach.fill()
    beach.coordinator.set(
        held_out_share=0.01 if why == "few held-out days" else 0.5, warm_share=0.0 if why == "switched off" else 0.5
    )
    held_out = photos_of([tile.truth for tile in beach.material().held_out])
    version = beach.stored(able, held_out[:1] if why.startswith("the champion") else [])
    promote(beach.services, version, "operator", "for a test")

    challenger = retrain_detector(beach.services)

    card = beach.services.registry.card(challenger)
    assert card.data["start"] == "scratch"
    assert card.settings["seconds"] == pytest.approx(60 * MOMENT)


def test_an_exam_that_changed_under_a_model_is_noticed(beach, champion, able):
    beach.examine(beach.stored(able, []))
    first, second = (row for row in beach.coordinator.rows(ConsensusRow) if row.tile in exam_tiles(beach)[:2])
    first.boxes = first.boxes[:0]
    second.state = "disputed"
    beach.coordinator.store(first, second)
    beach.photo("exam")

    beach.examine(beach.stored(able, []))

    before, after = beach.coordinator.rows(ModelRow)[1:]
    assert before.exam["digest"] != after.exam["digest"]
    assert after.exam["since"] == {"version": before.version, "same": 4, "changed": 1, "new": 1, "gone": 1}
    assert (before.exam["since"], before.exam["sittings"], after.exam["sittings"]) == (None, 1, 2)


def exam_tiles(beach: Beach) -> list[str]:
    return sorted(tile.tile for tile in beach.material().exam)


def test_what_both_drew_is_kept_tile_by_tile_for_the_pages(beach, champion, able):
    version = beach.stored(able, [])
    beach.examine(version)

    rows = beach.coordinator.rows(ExaminedRow)
    assert [row.tile for row in rows] == exam_tiles(beach)
    assert {row.conditions["camera"] for row in rows} == {"Beach · CAM1"}
    there, drawn = (
        [np.frombuffer(one, np.float32).reshape(-1, 6) for one in part]
        for part in zip(*((row.there, row.drawn) for row in rows), strict=True)
    )
    assert all((tile[:, 5] == 1).all() and len(tile) for tile in there)
    assert all(set(boxes[:, 5]) <= {-1, *range(len(tile))} for tile, boxes in zip(there, drawn, strict=True))
    found = sum(int((boxes[boxes[:, 4] >= 0.3, 5] >= 0).sum()) for boxes in drawn)
    assert found > sum(map(len, there)) / 2
    same = [np.frombuffer(side, np.float32) for side in (rows[0].drawn, rows[0].champion)]
    np.testing.assert_allclose(*same, atol=1e-2)  # the same weights; a machine may add up in another order


def test_the_exam_reports_its_figures_as_a_whole_and_by_condition(beach, champion, able):
    beach.examine(beach.stored(able, []))

    exam = beach.coordinator.rows(ModelRow)[-1].exam
    assert 0 < exam["ap"] < exam["ap50"] <= 1
    assert exam["recall"] > 0.5 and exam["precision"] is not None and exam["ece"] is not None
    assert exam["intervals"]["ap50"][0] <= exam["ap50"] <= exam["intervals"]["ap50"][1]
    assert exam["champion_measures"]["ap50"] == exam["ap50"]
    kinds = {(one["kind"], one["name"]) for one in exam["conditions"]}
    assert kinds == {("camera", "Beach · CAM1"), ("crowd", "few"), ("light", "clear")}
    assert exam["conditions"][0]["champion"]["recall"] == exam["conditions"][0]["recall"]


def test_the_exam_holds_only_what_chance_drew(beach):
    drawn, picked = beach.photo("exam"), beach.photo("exam")
    beach.coordinator.store(BatchRow(id=1, created_at=beach.services.now(), seed=1, model="cold", code="0.1.0"))
    for photo, reason in ((drawn, "exam"), (picked, "figure")):
        beach.coordinator.store(ChosenRow(batch=1, tile=f"{photo.id}-tile", reason=reason, value=1.0, probability=0.5))

    assert [tile.photo.id for tile in beach.material().exam] == [drawn.id]


def test_training_leaves_out_days_that_became_the_exam_s_later(beach):
    old, new = beach.photo("train"), beach.photo("exam")
    old.taken_at = new.taken_at
    beach.coordinator.store(old)

    with reading(beach.services.database) as session:
        assert labelled_tiles(session, beach.services.storage, "train") == []


def test_a_training_that_ended_just_before_a_power_cut_is_examined_and_not_done_again(beach):
    beach.fill()
    first = retrain_detector(beach.services)
    (model,) = beach.coordinator.rows(ModelRow)
    model.state, model.exam = "candidate", {}
    beach.coordinator.store(model)

    again = retrain_detector(beach.services)

    (model,) = beach.coordinator.rows(ModelRow)
    assert first == again == model.version
    assert model.state in ("serving", "refused") and model.exam["tiles"] == 6


def test_a_damaged_network_is_neither_promoted_nor_gone_back_to(beach, champion, able):
    damaged, newest = beach.stored(able, []), beach.stored(able, [])
    decide(beach.services, damaged, Exam({}, True, "better"))
    decide(beach.services, newest, Exam({}, True, "better"))
    Path(beach.services.weights / damaged / TENSORS).write_bytes(b"no tensors")

    with pytest.raises(BrokenModel, match=f"{damaged} cannot serve: .*has SHA-256"):
        rollback(beach.services, "detector", "operator")
    with pytest.raises(BrokenModel, match="haulout promote VERSION"):
        promote(beach.services, damaged, "operator", "by mistake")

    assert still_serves(beach, newest)
