"""The detector looks at each photo once, reads it once, and goes on after one that is broken."""

from dataclasses import replace

import numpy as np
import pytest

from haulout.db import writing
from haulout.propose import propose
from haulout.retrain import promote
from haulout.retrain.decisions import keep
from haulout.storage import MissingOriginal
from haulout.tables import ProposalRow, QuarantineRow
from haulout_models.starter import load_starter
from labeling_configs.vocabulary import COLD, ModelCard, ModelVersion

BOX = (50, 60, 150, 120)


@pytest.fixture
def coordinator(coordinator):
    coordinator.set(starter="builtin")
    return coordinator


def proposals(coordinator, photo):
    return {row.model: row for row in coordinator.rows(ProposalRow, ProposalRow.photo == photo.id)}


def forget(coordinator, photo):
    """Take away what is known of a photo, as if it had just been ingested."""
    known = list(proposals(coordinator, photo).values())
    with writing(coordinator.services.database) as session:
        for row in known:
            session.delete(session.merge(row))


def original(coordinator, photo):
    return coordinator.services.storage.original(photo.id, photo.suffix)


def test_a_new_photo_gets_boxes_and_an_impression(coordinator):
    photo = coordinator.photo([BOX])
    forget(coordinator, photo)

    assert propose(coordinator.services) == 1

    (row,) = proposals(coordinator, photo).values()
    assert row.model.startswith("starter-")
    assert np.linalg.norm(row.description()) == pytest.approx(1.0, abs=1e-2)
    assert 90 < row.brightness < 110 and 0 < row.contrast < 30


def test_animals_that_a_detector_is_known_to_overlook_are_expected_too(coordinator):
    network = load_starter()
    network.settings = replace(network.settings, threshold=0.001, found=0.5)
    card = ModelCard(ModelVersion("det-0001"), "detector", 0, network.stored_settings(), {})
    version = keep(coordinator.services, card, network.trained_tensors(), None)
    promote(coordinator.services, version, "a test", "to look")
    photo = coordinator.photo([BOX])

    propose(coordinator.services)

    row = proposals(coordinator, photo)[version]
    assert row.scores().sum() > 0
    assert row.expected_animals == pytest.approx(2 * row.scores().sum(), rel=1e-5)


def test_another_detector_takes_over_the_impression(coordinator):
    photo = coordinator.photo([BOX])

    propose(coordinator.services)

    rows = proposals(coordinator, photo)
    assert len(rows) == 2
    (new,) = (row for model, row in rows.items() if model != COLD)
    assert (new.features, new.brightness) == (rows[COLD].features, rows[COLD].brightness)


def test_each_photo_is_looked_at_once(coordinator):
    for _ in range(3):
        coordinator.photo([BOX])

    assert propose(coordinator.services) == 3
    assert propose(coordinator.services) == 0


def test_an_interrupted_call_goes_on_where_it_stopped(coordinator):
    for _ in range(5):
        coordinator.photo([BOX])

    def stop(_message, done, _total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        propose(coordinator.services, stop)

    assert propose(coordinator.services) == 2


def test_a_broken_photo_is_noted_once_and_the_others_are_looked_at(coordinator):
    broken, gone, *whole = (coordinator.photo([BOX]) for _ in range(4))
    kept = original(coordinator, broken).read_bytes()
    original(coordinator, broken).write_bytes(b"no picture")
    original(coordinator, gone).unlink()

    assert propose(coordinator.services) == len(whole)
    assert propose(coordinator.services) == 0

    noted = {row.sha256: row.reason for row in coordinator.rows(QuarantineRow)}
    assert noted.keys() == {broken.id, gone.id}
    assert "is no JPEG" in noted[broken.id] and "is gone" in noted[gone.id]
    assert len(coordinator.rows(QuarantineRow)) == 2

    original(coordinator, broken).write_bytes(kept)
    assert propose(coordinator.services) == 1


def test_a_disk_that_is_gone_is_not_a_season_of_broken_photos(coordinator):
    coordinator.photo([BOX])
    originals = coordinator.services.storage.originals
    originals.rename(originals.with_name("elsewhere"))

    with pytest.raises(MissingOriginal, match="disk"):
        propose(coordinator.services)
    assert not coordinator.rows(QuarantineRow)


def test_without_a_detector_photos_are_described_only(coordinator):
    coordinator.set(starter="none")
    photo = coordinator.photo([BOX])
    forget(coordinator, photo)

    propose(coordinator.services)

    (row,) = proposals(coordinator, photo).values()
    assert (row.model, len(row.boxes())) == (COLD, 0)
    assert len(row.description()) == 432
