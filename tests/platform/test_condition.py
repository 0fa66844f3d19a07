"""How a walrus looked, day by day, and what changed, from what experts said of its animals."""

from datetime import date, datetime

import pytest

from haulout.db import writing
from haulout.report import ChangeKind, ConditionChange, Seen, conditions_of, read_condition_changes
from haulout.tables import AnimalRow, ConditionRow, IndividualRow, IngestionRow, PhotoRow, SightingRow, TileRow
from labeling_configs.vocabulary import Condition

NOW = datetime(2026, 9, 1)
THIN, NORMAL, FAT, INJURY = Condition.THIN, Condition.NORMAL, Condition.FAT, Condition.INJURY


@pytest.fixture
def session(services):
    with writing(services.database) as session:
        session.add(IngestionRow(id=1, folder="card", site="Cape", started_at=NOW))
        for name in ("W-1", "W-2"):
            session.add(IndividualRow(id=name, first_animal="a1", named_at=NOW))
        session.flush()
        yield session


def said(session, animal, day, *, by, individual="W-1", site="Cape", hour=9) -> None:
    """Add an animal in a photo of that day of August, and the signs that each expert saw, by expert."""
    taken = None if day is None else datetime(2026, 8, day, hour)
    measures = {"width": 100, "height": 50, "suffix": ".jpg", "size_bytes": 1, "burst": animal, "camera": "c"}
    whole = [0, 0, 100, 50]
    session.add(PhotoRow(id=animal, name="n", ingestion=1, site=site, taken_at=taken, ingested_at=NOW, **measures))
    session.flush()
    session.add(TileRow(id=animal, photo=animal, shown=whole, core=whole))
    session.flush()
    values = {"photo": animal, "tile": animal, "box": whole, "crop": whole, "probability": 0.9, "settled_at": NOW}
    session.add(AnimalRow(id=animal, **values))
    session.flush()
    session.add(SightingRow(animal=animal, individual=individual))
    for expert, signs in by.items():
        session.add_all(ConditionRow(animal=animal, sign=sign.value, person=expert, at=NOW) for sign in signs)
    session.flush()


def changes(session) -> list[tuple[ChangeKind, str, str]]:
    found = read_condition_changes(session, "Cape")
    return [(one.kind, one.before_animal, one.after_animal) for one in found]


def test_each_day_tells_how_many_experts_saw_what_and_which_crop_most_of_them_described(session):
    said(session, "late", 9, by={"elena": [NORMAL]})
    said(session, "a1", 2, by={"elena": [THIN, INJURY]})
    said(session, "a2", 2, hour=10, by={"elena": [THIN], "finn": [NORMAL]})

    assert conditions_of(session, "W-1") == (
        Seen(date(2026, 8, 2), "a2", experts=2, said=((THIN, 1), (NORMAL, 1), (INJURY, 1))),
        Seen(date(2026, 8, 9), "late", experts=1, said=((NORMAL, 1),)),
    )
    assert conditions_of(session, "W-2") == ()


def test_a_walrus_that_grew_fat_and_was_hurt_shows_both_with_the_crops_before_and_after(session):
    said(session, "a1", 2, by={"elena": [THIN], "finn": [THIN]})
    said(session, "a2", 9, by={"elena": [NORMAL, INJURY], "finn": [NORMAL, INJURY]})

    days = date(2026, 8, 2), date(2026, 8, 9)
    seen = ("a1", "a2", (THIN,), (NORMAL, INJURY))
    assert read_condition_changes(session, "Cape") == (
        ConditionChange("W-1", ChangeKind.FATTER, *days, *seen),
        ConditionChange("W-1", ChangeKind.INJURED, *days, *seen),
    )


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        ([NORMAL], [THIN], [ChangeKind.THINNER]),
        ([FAT], [NORMAL], [ChangeKind.THINNER]),
        ([NORMAL, INJURY], [NORMAL], [ChangeKind.HEALED]),
        ([Condition.DISEASE], [NORMAL], [ChangeKind.RECOVERED]),
        ([NORMAL], [NORMAL, Condition.DISEASE], [ChangeKind.ILL]),
        ([NORMAL, INJURY], [NORMAL, INJURY], []),
        ([INJURY], [THIN, INJURY], []),
    ],
)
def test_every_change_has_a_name_and_what_stays_has_none(session, before, after, kinds):
    said(session, "a1", 2, by={"elena": before})
    said(session, "a2", 9, by={"elena": after})

    assert [kind for kind, *_ in changes(session)] == kinds


def test_days_on_which_experts_are_divided_are_passed_over(session):
    said(session, "a1", 2, by={"elena": [NORMAL, INJURY], "finn": [NORMAL, INJURY]})
    said(session, "a2", 5, by={"elena": [THIN, INJURY], "finn": [NORMAL]})
    said(session, "a3", 9, by={"elena": [NORMAL], "finn": [NORMAL]})

    assert changes(session) == [(ChangeKind.HEALED, "a1", "a3")]


def test_other_walruses_other_sites_and_photos_without_a_time_change_nothing(session):
    said(session, "a1", 2, by={"elena": [THIN]})
    said(session, "b1", 5, by={"elena": [FAT]}, individual="W-2")
    said(session, "a2", 6, by={"elena": [FAT]}, site="Spit")
    said(session, "a3", None, by={"elena": [FAT]})

    assert changes(session) == []
    assert [seen.animal for seen in conditions_of(session, "W-1")] == ["a1", "a2"]


def test_changes_come_oldest_first_whichever_walrus(session):
    said(session, "b1", 1, by={"elena": [THIN]}, individual="W-2")
    said(session, "b2", 4, by={"elena": [FAT]}, individual="W-2")
    said(session, "a1", 1, by={"elena": [THIN]})
    said(session, "a2", 8, by={"elena": [NORMAL]})
    said(session, "a3", 9, by={"elena": [FAT]})

    assert [after for _, _, after in changes(session)] == ["b2", "a2", "a3"]
