"""What is trained, what it is examined on, and what is decided about it."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
import torch
from sqlmodel import select

from haulout.db import reading, writing
from haulout.errors import LeaseLost
from haulout.lease import SEASON, lease
from haulout.retrain import NoSuchModel, promote, retrain_detector, retrain_reidentifier, rollback
from haulout.retrain.decisions import Exam, decide, keep, trained_on, waiting
from haulout.retrain.material import labelled_tiles
from haulout.retrain.weighing import weigh
from haulout.serving import FROZEN, ON_THIS_CATALOGUE, serving_detector, serving_fusion, serving_version
from haulout.tables import (
    AnimalRow,
    ConsensusRow,
    DecisionRow,
    IndividualRow,
    LeaseRow,
    ModelRow,
    PhotoRow,
    SightingRow,
    TileRow,
)
from haulout_models.checkpoints import TENSORS
from haulout_models.fusion import FIRST_DAY, Pairs
from haulout_models.registry import Registry
from labeling_configs.vocabulary import COLD, ModelCard, ModelVersion

NOON = datetime(2026, 11, 23, 12)
PASSED = Exam({"ap50": 0.5}, True, "better by 0.1")
FAILED = Exam({"ap50": 0.1}, False, "worse by 0.3")
LEFT, RIGHT = (20, 50, 120, 150), (220, 50, 320, 150)


def candidate(services, kind: str = "detector") -> str:
    card = ModelCard(ModelVersion("untitled"), kind, seed=1, settings={"rate": 0.1}, data={"tiles": 12})
    return keep(services, card, {"head.weight": torch.zeros(2)}, None)


def decisions(coordinator) -> list[tuple[str, str, str | None]]:
    return [(row.version, row.decision, row.replaced) for row in coordinator.rows(DecisionRow)]


def states(coordinator) -> dict[str, str]:
    return {row.version: row.state for row in coordinator.rows(ModelRow)}


def test_a_trained_network_is_stored_under_the_next_free_version_with_its_card(coordinator):
    versions = [candidate(coordinator.services) for _ in range(2)]

    rows = coordinator.rows(ModelRow)
    assert versions == ["det-0001", "det-0002"] == [row.version for row in rows]
    assert {row.state for row in rows} == {"candidate"}
    assert rows[0].card["version"] == "det-0001" and rows[0].card["data"] == {"tiles": 12}
    assert len(rows[0].sha256) == 64


def learned(lesson: str) -> ModelCard:
    return ModelCard(ModelVersion("untitled"), "detector", seed=1, settings={}, data={"digest": lesson, "run": None})


WEIGHTS = {"head.weight": torch.zeros(2)}


def test_the_same_lesson_is_kept_once_whatever_was_learned_since(coordinator):
    services = coordinator.services

    kept = [keep(services, learned(lesson), WEIGHTS, None) for lesson in ("monday", "tuesday", "monday")]

    assert kept == ["det-0001", "det-0002", "det-0001"]
    assert services.registry.versions("detector") == ["det-0001", "det-0002"]
    assert [row.lesson for row in coordinator.rows(ModelRow)] == ["monday", "tuesday"]
    assert waiting(services, "detector", "monday") == "det-0001"
    decide(services, "det-0001", FAILED)
    assert (waiting(services, "detector", "monday"), trained_on(services, "detector", "monday")) == (None, "det-0001")


def test_a_model_from_before_lessons_were_noted_is_known_by_its_card(coordinator):
    services = coordinator.services
    version = keep(services, learned("monday"), WEIGHTS, None)
    with writing(services.database) as session:
        session.get_one(ModelRow, version).lesson = None

    assert keep(services, learned("monday"), WEIGHTS, None) == version == waiting(services, "detector", "monday")
    assert waiting(services, "detector", "tuesday") is None


def test_of_two_that_learned_the_same_at_once_one_is_kept(coordinator):
    """The second looked before the first had stored its row; the database itself lets in one only."""
    services = coordinator.services

    class Overtaken(Registry):
        def next_version(self, kind):
            first = Registry(self.folder).save(replace(learned("monday"), version=ModelVersion("det-0001")), WEIGHTS)
            coordinator.store(row_of(first.version, first.sha256, "monday"))
            return super().next_version(kind)

    services.__dict__["registry"] = Overtaken(services.weights)

    assert keep(services, learned("monday"), WEIGHTS, None) == "det-0001"
    assert [row.version for row in coordinator.rows(ModelRow)] == ["det-0001"]
    assert services.registry.versions("detector") == ["det-0001", "det-0002"], "the folder of the second is left alone"


def row_of(version: str, sha256: str, lesson: str) -> ModelRow:
    return ModelRow(version=version, kind="detector", sha256=sha256, lesson=lesson, created_at=NOON)


def test_weights_whose_training_was_killed_before_the_database_named_them_are_taken_up(coordinator):
    services = coordinator.services
    services.registry.save(replace(learned("monday"), version=ModelVersion("det-0001")), WEIGHTS)

    assert waiting(services, "detector", "tuesday") is None
    assert waiting(services, "detector", "monday") == "det-0001"

    (row,) = coordinator.rows(ModelRow)
    services.registry.verify(ModelVersion("det-0001"), row.sha256)
    assert (row.state, row.lesson) == ("candidate", "monday")


def test_damaged_weights_that_the_database_does_not_name_are_left_alone_and_block_nothing(coordinator):
    services = coordinator.services
    services.registry.save(replace(learned("monday"), version=ModelVersion("det-0001")), WEIGHTS)
    (services.weights / "det-0001" / TENSORS).write_bytes(b"half")

    assert waiting(services, "detector", "monday") is None
    assert keep(services, learned("monday"), WEIGHTS, None) == "det-0002"


def test_who_lost_the_lease_while_training_names_no_model(coordinator):
    services = coordinator.services
    with lease(services.database, SEASON) as held:
        with writing(services.database) as session:
            session.get_one(LeaseRow, SEASON).fence += 1
        with pytest.raises(LeaseLost):
            keep(replace(services, database=held), learned("monday"), WEIGHTS, None)

    assert coordinator.rows(ModelRow) == []
    assert waiting(services, "detector", "monday") == "det-0001"


def test_a_candidate_that_passes_its_exam_replaces_the_champion(coordinator):
    first, second = (candidate(coordinator.services) for _ in range(2))

    told = [decide(coordinator.services, version, PASSED) for version in (first, second)]

    assert told == [True, True]
    assert states(coordinator) == {first: "retired", second: "serving"}
    assert decisions(coordinator) == [(first, "promoted", None), (second, "promoted", first)]
    assert coordinator.rows(ModelRow)[1].exam == {"ap50": 0.5}


def test_a_candidate_that_fails_is_refused_and_the_champion_goes_on(coordinator):
    first, second = (candidate(coordinator.services) for _ in range(2))
    decide(coordinator.services, first, PASSED)

    assert not decide(coordinator.services, second, FAILED)

    assert states(coordinator) == {first: "serving", second: "refused"}
    refusal = coordinator.rows(DecisionRow)[-1]
    assert (refusal.decision, refusal.reason, refusal.by) == ("refused", "worse by 0.3", "exam")


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_figures_that_cannot_be_measured_are_stored_as_none(kind, request, make_services, tmp_path):
    postgres = kind == "postgresql"
    services = make_services(tmp_path, request.getfixturevalue("new_postgres_database")() if postgres else "sqlite://")
    scores = {"ap50": 0.5, "count_relative_error": float("inf"), "difference": [0.1, float("nan")], "tiles": 4}

    decide(services, candidate(services), Exam(scores, True, "better"))

    with reading(services.database) as session:
        exam = session.get_one(ModelRow, "det-0001").exam
    services.database.dispose()
    assert exam == {"ap50": 0.5, "count_relative_error": None, "difference": [0.1, None], "tiles": 4}


def test_a_rollback_brings_back_who_served_before_and_can_be_rolled_back(coordinator):
    first, second = (candidate(coordinator.services) for _ in range(2))
    for version in (first, second):
        decide(coordinator.services, version, PASSED)

    back = rollback(coordinator.services, "detector", "operator")

    assert back == first
    assert states(coordinator) == {first: "serving", second: "retired"}
    assert decisions(coordinator)[-1] == (first, "rolled back", second)
    with pytest.raises(NoSuchModel, match="is the first detector that served"):
        rollback(coordinator.services, "detector", "operator")


def test_the_operator_may_let_a_refused_model_serve_and_it_is_written_down(coordinator):
    version = candidate(coordinator.services)
    decide(coordinator.services, version, FAILED)

    promote(coordinator.services, version, "operator", "the exam was foggy")

    assert states(coordinator) == {version: "serving"}
    assert [row.reason for row in coordinator.rows(DecisionRow)] == ["worse by 0.3", "the exam was foggy"]
    with pytest.raises(NoSuchModel, match="serves already"):
        promote(coordinator.services, version, "operator", "again")


def test_a_model_that_does_not_exist_cannot_serve_and_the_known_ones_are_named(coordinator):
    known = candidate(coordinator.services)

    with pytest.raises(NoSuchModel, match=f"'det-0009'. Known: {known}"):
        promote(coordinator.services, "det-0009", "operator", "")
    with pytest.raises(NoSuchModel, match="No detector was ever promoted"):
        rollback(coordinator.services, "detector", "operator")


def test_one_kind_of_model_does_not_replace_the_other(coordinator):
    for kind in ("detector", "reidentifier"):
        decide(coordinator.services, candidate(coordinator.services, kind), PASSED)

    assert states(coordinator) == {"det-0001": "serving", "reid-0001": "serving"}
    with reading(coordinator.services.database) as session:
        assert serving_version(session, "reidentifier") == "reid-0001"


def settled(coordinator, split: str, boxes=(LEFT, RIGHT), state: str = "agreed", probability: float = 0.97) -> PhotoRow:
    """Add a photo about which people have said their word."""
    photo = coordinator.photo(boxes, split=split)
    whole, now = [0, 0, photo.width, photo.height], coordinator.services.now()
    stored = [[*map(float, box), probability, ["person-1"]] for box in boxes]
    with writing(coordinator.services.database) as session:
        session.add(TileRow(id=f"{photo.id}-tile", photo=photo.id, shown=whole, core=whole))
        session.flush()
        values = {"voters": 3, "agreement": 1.0, "settled_at": now}
        session.add(ConsensusRow(tile=f"{photo.id}-tile", state=state, boxes=stored, **values))
    return photo


def test_exam_photos_are_never_trained_on(coordinator):
    for split in ("train", "exam", "train"):
        settled(coordinator, split)

    with reading(coordinator.services.database) as session:
        tiles = {
            split: {tile.truth.image for tile in labelled_tiles(session, coordinator.services.storage, split)}
            for split in ("train", "exam")
        }

    assert (len(tiles["train"]), len(tiles["exam"])) == (2, 1)
    assert tiles["train"].isdisjoint(tiles["exam"])


def test_only_what_people_agree_about_is_learned_and_doubtful_boxes_are_left_out(coordinator):
    for state in ("open", "disputed", "unusable"):
        settled(coordinator, "train", state=state)
    settled(coordinator, "train", probability=0.1)
    settled(coordinator, "train", probability=0.6)

    with reading(coordinator.services.database) as session:
        tiles = labelled_tiles(session, coordinator.services.storage, "train")

    found = sorted((len(tile.truth.boxes), tuple(tile.truth.weights)) for tile in tiles)
    assert found == [(0, ()), (2, (0.6, 0.6))]


@pytest.mark.parametrize(("train", "exam"), [(11, 4), (12, 3)])
def test_too_little_is_labelled_to_train(coordinator, train, exam):
    for split in train * ["train"] + exam * ["exam"]:
        settled(coordinator, split)
    told = []

    version = retrain_detector(coordinator.services, tell=lambda message, _done, _total: told.append(message))

    assert version is None
    assert told == [f"Too little is labelled to train a detector: {train} tiles, {exam} for the exam"]
    assert coordinator.rows(ModelRow) == coordinator.rows(DecisionRow) == []


@pytest.mark.parametrize("empty", ["train", "exam"])
def test_without_any_animal_there_is_nothing_to_learn_and_nothing_to_examine(coordinator, empty):
    for split in 12 * ["train"] + 4 * ["exam"]:
        settled(coordinator, split, boxes=() if split == empty else (LEFT, RIGHT))

    assert retrain_detector(coordinator.services) is None


def test_a_detector_is_trained_examined_against_the_champion_and_promoted(coordinator):
    for split in 12 * ["train"] + 4 * ["exam"]:
        settled(coordinator, split)
    coordinator.set(detector_minutes=0.02, least_ap50=0.0)

    version = retrain_detector(coordinator.services)

    (model,) = coordinator.rows(ModelRow)
    assert (version, model.state, model.exam["champion"], model.exam["tiles"]) == ("det-0001", "serving", COLD, 4)
    learned = model.card["data"]
    assert learned["tiles"] + learned["held_out_tiles"] == 12 and learned["boxes"] == 2 * learned["tiles"]
    assert (learned["run"], learned["start"]) == (None, "scratch")
    assert model.card["kind"] == "detector" and model.card["seed"] and model.card["settings"]["seconds"] == 1.2
    assert decisions(coordinator) == [("det-0001", "promoted", None)]
    assert serving_detector(coordinator.services).version == "det-0001"
    assert not list(coordinator.services.registry.folder.glob("*.unfinished"))


def test_a_detector_that_finds_next_to_nothing_never_serves(coordinator):
    for split in 12 * ["train"] + 4 * ["exam"]:
        settled(coordinator, split)
    coordinator.set(detector_minutes=0.001, least_ap50=0.9)

    version = retrain_detector(coordinator.services)

    assert states(coordinator) == {version: "refused"}
    (decision,) = coordinator.rows(DecisionRow)
    assert "below 0.9" in decision.reason
    assert serving_detector(coordinator.services).version == COLD


def test_the_same_votes_are_not_learned_from_twice(coordinator):
    for split in 12 * ["train"] + 4 * ["exam"]:
        settled(coordinator, split)
    coordinator.set(detector_minutes=0.001)
    first = retrain_detector(coordinator.services)

    again = retrain_detector(coordinator.services)
    settled(coordinator, "train")
    with_one_more = retrain_detector(coordinator.services)

    assert (first, again, with_one_more) == ("det-0001", None, "det-0002")


def recaptured(coordinator, individuals: int, bursts: int = 2) -> None:
    """Add individuals that were each seen in so many bursts."""
    rng = np.random.default_rng(0)
    for number in range(individuals):
        name = f"W-{number:04d}"
        for _ in range(bursts):
            photo = settled(coordinator, "train", (LEFT,))
            animal = f"animal-{rng.integers(1 << 40)}"
            with writing(coordinator.services.database) as session:
                values = {"tile": f"{photo.id}-tile", "box": list(LEFT), "crop": list(LEFT), "probability": 0.9}
                session.add(AnimalRow(id=animal, photo=photo.id, settled_at=coordinator.services.now(), **values))
                if session.get(IndividualRow, name) is None:
                    session.add(IndividualRow(id=name, first_animal=animal, named_at=coordinator.services.now()))
                session.flush()
                session.add(SightingRow(animal=animal, individual=name))


def test_individuals_seen_in_one_burst_only_do_not_teach_who_is_who(coordinator):
    recaptured(coordinator, individuals=20, bursts=1)

    assert retrain_reidentifier(coordinator.services) is None


def test_a_reidentifier_is_examined_on_individuals_it_was_not_trained_on(coordinator):
    recaptured(coordinator, individuals=16)
    coordinator.set(reidentifier_minutes=0.02)

    version = retrain_reidentifier(coordinator.services)

    (model,) = coordinator.rows(ModelRow)
    trained, examined = model.card["data"]["individuals"], model.exam["individuals"]
    assert (version, model.exam["champion"]) == ("reid-0001", "reid-frozen")
    assert trained >= 4 and examined >= 2 and trained + examined == 16
    assert model.state in ("serving", "refused")
    with reading(coordinator.services.database) as session:
        assert len(session.exec(select(DecisionRow)).all()) == 1


def test_what_a_new_network_s_likenesses_are_worth_is_on_its_card_and_serves(coordinator):
    recaptured(coordinator, individuals=12)
    coordinator.set(reidentifier_minutes=0.02)

    version = retrain_reidentifier(coordinator.services)

    # Too few sightings were held back to weigh anything: of a new network only the match of keypoints is believed.
    assert serving_fusion(coordinator.services, version) == FIRST_DAY.of_matches_only()
    assert serving_fusion(coordinator.services, FROZEN) == FIRST_DAY
    assert not list(coordinator.services.registry.folder.glob("*.unfinished"))


class Looks:
    """A network that knows everybody by the colour of the crop."""

    def embed(self, crops):
        colours = np.array([crop[0, 0] for crop in crops], dtype=np.float64) - 127
        return colours / np.linalg.norm(colours, axis=1, keepdims=True)


def test_likenesses_are_weighed_on_sightings_of_other_bursts_only(coordinator):
    recaptured(coordinator, individuals=12, bursts=8)
    rng = np.random.default_rng(1)
    with reading(coordinator.services.database) as session:
        query = select(SightingRow.individual, AnimalRow, PhotoRow).where(SightingRow.animal == AnimalRow.id)
        query = query.where(AnimalRow.photo == PhotoRow.id)
        rows = [tuple(row) for row in session.exec(query)]
    colour = {name: rng.integers(30, 225, 3) for name in {row[0] for row in rows}}
    crops = [np.full((40, 60, 3), colour[name] + rng.integers(-9, 9, 3), dtype=np.uint8) for name, _, _ in rows]

    fusion = weigh(Looks(), crops, rows)

    # Those of one individual were taken on neighbouring days, so that nearness in time tells too.
    pairs = Pairs.of(np.array([0.9999, 0.5]), np.zeros(2), days=np.array([3.0, 40.0]))
    assert fusion.measured == ON_THIS_CATALOGUE and fusion.pairs >= 12 * 7 * 8 / 2
    assert fusion.evidence(pairs)[0] > 0 > fusion.evidence(pairs)[1]
