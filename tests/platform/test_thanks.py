"""People hear what their answers did: what is finished, what is counted, and that a missed day costs nothing."""

from datetime import date, datetime, timedelta

import pytest

from haulout.db import reading
from haulout.tables import (
    AccountRow,
    AnimalRow,
    ConsensusRow,
    DecisionRow,
    ModelRow,
    ServedRow,
    SpoolRow,
    TaskRow,
    TileRow,
)
from haulout.thanks import Better, days_in_a_row, thank, thanks_due

NOW = datetime(2026, 11, 23, 18)
TODAY = NOW.date()


def days(*back: int) -> list[date]:
    return [TODAY - timedelta(days=one) for one in back]


@pytest.mark.parametrize(
    ("answered", "expected"),
    [((0,), 1), ((0, 1, 2), 3), ((1, 2), 2), ((0, 2, 3), 1), ((2, 3), 0), ((), 0), ((2, 1, 0, 5), 3)],
)
def test_days_in_a_row_end_today_or_yesterday(answered, expected):
    assert days_in_a_row(days(*answered), TODAY) == expected


class Helper:
    """Somebody who answers through the front door."""

    def __init__(self, coordinator) -> None:
        self.coordinator, self.answers = coordinator, 0
        for name in ("anna", "boris"):
            coordinator.store(AccountRow(id=name, name=name, folded=name, created_at=NOW))
        coordinator.store(*(model(number, ap50) for number, ap50 in ((1, 0.41), (2, 0.58), (3, 0.2))))

    def answer(self, tile: str, at: datetime = NOW, *, account="anna", skipped=False, question="boxes") -> None:
        self.answers += 1
        name = f"{tile}-{self.answers}"
        self.coordinator.store(TaskRow(id=self.answers, question=question, subject=tile, key=name, created_at=NOW))
        self.coordinator.store(ServedRow(id=name, task=self.answers, account=account, at=at, until=at))
        row = SpoolRow(
            unique_id=name, served=name, task=self.answers, account=account, result=[], skipped=skipped, given_at=at
        )
        self.coordinator.store(row)

    def tile(self, animals: int, state: str = "agreed") -> str:
        photo = self.coordinator.photo()
        tile = f"{photo.id[:16]}-0-0"
        self.coordinator.store(TileRow(id=tile, photo=photo.id, shown=[0, 0, 9, 9], core=[0, 0, 9, 9]))
        self.coordinator.store(ConsensusRow(tile=tile, state=state, voters=2, agreement=1, boxes=[], settled_at=NOW))
        for number in range(animals):
            place = {"box": [0, 0, 5, 5], "crop": [0, 0, 9, 9], "probability": 0.9, "settled_at": NOW}
            self.coordinator.store(AnimalRow(id=f"{tile}-{number}", photo=photo.id, tile=tile, **place))
        return tile

    def serves(self, number: int, at: datetime, decision: str = "promoted") -> None:
        version = f"detector-{number}"
        row = DecisionRow(kind="detector", version=version, decision=decision, reason="exam", by="exam", at=at)
        self.coordinator.store(row)

    def thanks(self):
        with reading(self.coordinator.services.database) as session:
            return thank(session, "anna", NOW)


def model(number: int, ap50: float) -> ModelRow:
    exam = {"ap50": ap50}
    return ModelRow(version=f"detector-{number}", kind="detector", sha256="1" * 64, exam=exam, created_at=NOW)


@pytest.fixture
def helper(coordinator) -> Helper:
    return Helper(coordinator)


def test_only_their_own_finished_tiles_and_the_animals_on_them_are_counted(helper):
    done, unfinished, boriss = helper.tile(3), helper.tile(0, "open"), helper.tile(5)
    helper.answer(done, NOW - timedelta(days=1))
    helper.answer(unfinished)
    helper.answer(boriss, account="boris")

    thanks = helper.thanks()

    assert (thanks.tiles, thanks.animals, thanks.answers, thanks.today, thanks.streak) == (1, 3, 2, 1, 2)


def test_a_tile_answered_twice_is_counted_once_and_a_skipped_one_not_at_all(helper):
    twice, skipped = helper.tile(2), helper.tile(4)
    helper.answer(twice)
    helper.answer(twice, question="box_dispute")
    helper.answer(skipped, skipped=True)

    thanks = helper.thanks()

    assert (thanks.tiles, thanks.animals, thanks.answers) == (1, 2, 2)


def test_thanks_come_after_every_few_answers_only(helper):
    heard = []
    for _ in range(5):
        helper.answer(helper.tile(1))
        with reading(helper.coordinator.services.database) as session:
            heard.append(thanks_due(session, "anna", 2, NOW) is not None)

    assert heard == [False, True, False, True, False]


def test_the_detector_got_better_since_their_first_answer(helper):
    helper.serves(1, NOW - timedelta(days=9))
    helper.answer(helper.tile(1), NOW - timedelta(days=5))
    helper.serves(2, NOW - timedelta(days=2))
    helper.serves(3, NOW - timedelta(days=1), "refused")

    thanks = helper.thanks()

    assert thanks.better == Better(0.41, 0.58)
    assert thanks.told()["better"] == {"before": 0.41, "now": 0.58}


@pytest.mark.parametrize(("first", "then"), [(2, 1), (1, 1), (None, 1)])
def test_nothing_is_said_of_the_detector_unless_it_got_better(helper, first, then):
    if first:
        helper.serves(first, NOW - timedelta(days=9))
    helper.answer(helper.tile(1), NOW - timedelta(days=5))
    helper.serves(then, NOW - timedelta(days=2))

    assert helper.thanks().better is None


def test_who_has_answered_nothing_is_told_zeros(helper):
    told = helper.thanks().told()

    assert told == {"answers": 0, "today": 0, "tiles": 0, "animals": 0, "streak": 0, "days": 0, "better": None}
