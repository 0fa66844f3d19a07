"""What is stored comes back as it was, or not at all."""

import json

import numpy as np
import pytest
import torch

from haulout_models.checkpoints import CARD, TENSORS, BrokenCheckpoint
from haulout_models.detector import Detector, DetectorSettings
from haulout_models.registry import EXAM, Registry, UnknownModel, VersionTaken
from labeling_configs.vocabulary import ModelCard, ModelVersion

SMALL = DetectorSettings(width=8)


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "models")


def _store(registry, seed=0):
    version = registry.next_version("detector")
    detector = Detector.untrained(version, SMALL, seed)
    with torch.no_grad():
        detector.head.out.bias[0] = 0.0
    card = ModelCard(version, "detector", seed, detector.stored_settings(), {"tiles": 3}, {"ap50": 0.5})
    return detector, registry.save(card, detector.trained_tensors())


def test_a_stored_detector_answers_as_the_original(registry):
    original, stored = _store(registry)
    image = np.random.default_rng(0).integers(0, 255, (96, 128, 3)).astype(np.uint8)

    loaded = registry.load_detector(stored.version)

    assert loaded.version == "det-0001"
    for first, second in zip(original.detect(image), loaded.detect(image), strict=True):
        assert len(first)
        assert first == pytest.approx(second)
    assert registry.card(stored.version).scores == {"ap50": 0.5}


def test_versions_count_up_and_nothing_is_replaced(registry):
    _, first = _store(registry)
    _, second = _store(registry, seed=1)

    with pytest.raises(VersionTaken, match="det-0001 is stored already"):
        registry.save(registry.card(first.version), {"head.out.bias": torch.zeros(5)})

    assert registry.versions() == [first.version, second.version] == ["det-0001", "det-0002"]
    assert registry.versions("reidentifier") == []
    assert registry.next_version("reidentifier") == "reid-0001"
    assert not list(registry.folder.glob(".waiting-*"))


def test_one_changed_bit_is_noticed(registry):
    _, stored = _store(registry)
    content = bytearray((stored.path / TENSORS).read_bytes())
    content[-1] ^= 1
    (stored.path / TENSORS).write_bytes(content)

    with pytest.raises(BrokenCheckpoint, match="restore the file or roll back"):
        registry.load_detector(stored.version)


def test_a_broken_card_is_named(registry):
    _, stored = _store(registry)
    (stored.path / CARD).write_text('{"kind": "detector"')

    with pytest.raises(BrokenCheckpoint, match=r"card\.json is no model card"):
        registry.load_detector(stored.version)


def test_a_card_tells_all_that_is_needed_and_is_json(registry):
    _, stored = _store(registry)

    card = json.loads((stored.path / CARD).read_text())

    assert card["sha256"] == stored.sha256
    assert card["settings"]["width"] == 8


def test_unknown_models_and_wrong_kinds_are_refused(registry):
    _, stored = _store(registry)

    with pytest.raises(UnknownModel, match="there are det-0001"):
        registry.load_detector(ModelVersion("det-0009"))
    with pytest.raises(UnknownModel, match="is a detector"):
        registry.load_reidentifier(stored.version)
    with pytest.raises(UnknownModel, match="cannot be called"):
        registry.save(ModelCard(ModelVersion("../evil"), "detector", 0), {})
    with pytest.raises(UnknownModel, match="a model is a"):
        registry.next_version("oracle")


def test_what_lies_about_in_the_folder_is_no_model(registry):
    _store(registry)
    (registry.folder / "det-0002.unfinished").write_bytes(b"")
    (registry.folder / ".waiting-x").mkdir()

    assert registry.versions() == ["det-0001"]
    assert registry.next_version("detector") == "det-0002"


def test_tensors_and_card_that_were_changed_together_are_found_out_by_the_checksum_noted_elsewhere(registry):
    _, stored = _store(registry)
    other = Registry(registry.folder.with_name("other"))
    _, forged = _store(other, seed=1)
    for name in (TENSORS, CARD):
        (stored.path / name).write_bytes((forged.path / name).read_bytes())

    registry.verify(stored.version)
    with pytest.raises(BrokenCheckpoint, match=f"when it was stored it had {stored.sha256}"):
        registry.load_detector(stored.version, stored.sha256)


def test_the_exam_is_kept_beside_the_card(registry):
    _, stored = _store(registry)

    registry.keep_exam(stored.version, {"ap50": 0.5, "recall": None})

    assert json.loads((stored.path / EXAM).read_text()) == {"ap50": 0.5, "recall": None}
    registry.verify(stored.version, stored.sha256)
