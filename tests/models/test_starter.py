"""The detector for the first day ships with the package, small, checked and honest about itself."""

import shutil

import numpy as np
import pytest

from haulout_models.checkpoints import CARD, TENSORS, BrokenCheckpoint, read_card
from haulout_models.starter import FOLDER, load_starter


def test_the_built_in_starter_loads_and_looks_at_a_photo():
    starter = load_starter()

    boxes, scores = starter.detect(np.full((240, 320, 3), 120, dtype=np.uint8))

    assert starter.version.startswith("starter-")
    assert boxes.shape == (len(scores), 4)


def test_its_card_says_what_it_learned_from_and_how_good_it_was():
    card, _ = read_card(FOLDER)

    assert card.data["what"] == "drawn seasons only, no photograph"
    assert "models/starter/train.py" in str(card.data["command"])
    assert all(0 <= score <= 1 for score in card.scores.values()) and card.scores
    assert (FOLDER / TENSORS).stat().st_size < 1_000_000


def test_a_damaged_starter_is_refused(tmp_path):
    for name in (CARD, TENSORS):
        shutil.copy(FOLDER / name, tmp_path / name)
    with (tmp_path / TENSORS).open("ab") as file:
        file.write(b"?")

    with pytest.raises(BrokenCheckpoint, match="SHA-256"):
        load_starter(tmp_path)
