"""The figures of occupancy that a run tells from the database."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from sqlmodel import select

from haulout.cameras import moves, set_view
from haulout.db import reading, writing
from haulout.report import tell_occupancy
from haulout.tables import (
    ConsensusRow,
    EventRow,
    IngestionRow,
    MoveRow,
    OccupancyRow,
    PhotoRow,
    ProposalRow,
    SeasonRow,
    TideRow,
    TileRow,
)

FIRST = datetime(2026, 7, 1)
DAYS = 16
MODEL = "det-0001"
HOME, ELSEWHERE = (np.random.default_rng(seed).normal(size=64) for seed in (1, 2))


class Shore:
    """A home with photos of two in three hours of the day, as a machine saw them."""

    def __init__(self, services) -> None:
        self.services = services
        self.rng = np.random.default_rng(3)
        with writing(services.database) as session:
            session.add(IngestionRow(id=1, folder="CARD", site="Beach", started_at=FIRST))

    def watch(self, animals, camera="CAM1", site="Beach", first=FIRST, fog=(), turned=(), seen=True) -> list[PhotoRow]:
        """Add a season of a camera; `animals` says how many are there on each day from noon to noon."""
        photos = []
        with writing(self.services.database) as session:
            for hour in range(5, len(animals) * 24, 2):
                if hour % 24 < 5:
                    continue
                day, at = hour // 24, first + timedelta(hours=hour)
                many = 0 if day in fog or day in turned else animals[max(hour - 12, 0) // 24]
                photo = self._photo(site, camera, at)
                session.add(photo)
                session.flush()
                if seen:
                    session.add(self._proposal(photo, many, veiled=day in fog, turned=day in turned))
                photos.append(photo)
        return photos

    def count(self, photo: PhotoRow, animals: int, state: str = "agreed") -> None:
        """Let people settle the whole photo."""
        boxes = [[20.0 * n, 10.0, 20.0 * n + 15, 40.0, 0.99, ["a", "b"], 0.0] for n in range(animals)]
        whole = [0, 0, photo.width, photo.height]
        with writing(self.services.database) as session:
            session.add(TileRow(id=f"tile-{photo.id}", photo=photo.id, shown=whole, core=whole))
            session.flush()
            session.add(
                ConsensusRow(
                    tile=f"tile-{photo.id}", state=state, voters=2, agreement=1.0, boxes=boxes, settled_at=FIRST
                )
            )

    def tell(self) -> int:
        return tell_occupancy(self.services)

    def rows(self, table):
        with reading(self.services.database) as session:
            return list(session.exec(select(table)))

    def _photo(self, site: str, camera: str, at: datetime) -> PhotoRow:
        name = f"{site}-{camera}-{at:%Y%m%d%H}"
        return PhotoRow(
            id=name,
            name=f"{name}.JPG",
            ingestion=1,
            site=site,
            camera=camera,
            taken_at_original=at,
            taken_at=at,
            burst=name,
            width=4000,
            height=3000,
            suffix=".jpg",
            size_bytes=1,
            ingested_at=FIRST,
        )

    def _proposal(self, photo: PhotoRow, many: int, *, veiled: bool, turned: bool) -> ProposalRow:
        boxes = np.array([[20.0 * n, 10, 20.0 * n + 15, 40] for n in range(many)]).reshape(-1, 4)
        scores = np.clip(self.rng.normal(0.9, 0.05, many), 0, 1)
        look = (ELSEWHERE if turned else HOME) + self.rng.normal(0, 0.3, 64)
        return ProposalRow(
            photo=photo.id,
            model=MODEL,
            packed=ProposalRow.pack(boxes, scores),
            features=look.astype(np.float16).tobytes(),
            expected_animals=float(scores.sum()),
            found=0.9,
            brightness=120,
            contrast=10 if veiled else 60,
            made_at=FIRST,
        )


@pytest.fixture
def shore(services) -> Shore:
    return Shore(services)


def test_a_run_tells_days_events_and_the_season(shore):
    photos = shore.watch([0] * 5 + [40] * 6 + [0] * 5)
    for photo, many in ((photos[2], 0), (photos[65], 40), (photos[140], 0)):
        shore.count(photo, many)

    assert shore.tell() == 1

    days, [event], [season] = shore.rows(OccupancyRow), shore.rows(EventRow), shore.rows(SeasonRow)
    assert [row.day for row in days] == [date(2026, 7, 1) + timedelta(days=n) for n in range(DAYS)]
    assert (event.arrival, event.departure) == (date(2026, 7, 6), date(2026, 7, 12))
    assert event.arrival_low <= event.arrival <= event.arrival_high
    assert days[8].maximum_low - 2 <= 40 <= days[8].maximum_high + 2
    assert days[1].maximum_high == 0 and days[1].present < 0.1
    assert (season.days, season.year, season.first, season.last) == (16, 2026, days[0].day, days[-1].day)
    assert season.index_low <= season.index <= season.index_high and 10 < season.index < 22
    assert sum(row.checked for row in days) == 3 and days[0].photos == 10 == days[0].visible


def test_the_same_data_are_told_once_and_changed_ones_anew(shore):
    photos = shore.watch([0] * 3 + [10] * 4)
    shore.tell()
    before = shore.rows(OccupancyRow)

    assert shore.tell() == 0
    shore.count(photos[40], 11)
    assert shore.tell() == 1

    [season] = shore.rows(SeasonRow)
    assert len(season.data) == 64
    assert [row.checked for row in shore.rows(OccupancyRow)] != [row.checked for row in before]


def test_foggy_days_are_unseen_and_end_no_haulout(shore):
    shore.watch([0] * 3 + [40] * 9 + [0] * 4, fog={6, 7})
    shore.tell()

    days, [event], [season] = shore.rows(OccupancyRow), shore.rows(EventRow), shore.rows(SeasonRow)
    assert (event.arrival, event.departure) == (date(2026, 7, 4), date(2026, 7, 13))
    assert [row.visible for row in days[5:9]] == [10, 0, 0, 10]
    assert days[6].maximum_high - days[6].maximum_low > 5 and days[6].present > 0.9
    assert season.unseen == 2


def test_a_camera_that_was_turned_away_ends_no_haulout_and_is_found(shore):
    shore.watch([0] * 3 + [40] * 13, turned={9, 10, 11})
    shore.tell()

    [event] = shore.rows(EventRow)
    assert (event.arrival, event.departure_open) == (date(2026, 7, 4), True)
    with reading(shore.services.database) as session:
        found = moves(session, "Beach", "CAM1")
    assert [row.by for row in found] == ["machine", "machine"]
    assert abs(found[0].at - datetime(2026, 7, 10)) < timedelta(hours=13)
    assert abs(found[1].at - datetime(2026, 7, 13)) < timedelta(hours=13)


def test_telling_one_year_forgets_no_move_of_another(shore):
    shore.watch([0] * 3 + [40] * 10, first=FIRST.replace(year=2025), turned={7, 8})
    shore.watch([40] * 5)
    shore.tell()

    assert {row.at.year for row in shore.rows(MoveRow)} == {2025}


def test_looks_are_compared_between_the_moves_that_a_person_told_of(shore):
    shore.watch([0] * 3 + [40] * 4, turned=())
    later = FIRST + timedelta(days=7)
    with writing(shore.services.database) as session:
        session.add(MoveRow(site="Beach", camera="CAM1", at=later, by="operator"))
    shore.watch([40] * 9, first=later)
    with writing(shore.services.database) as session:
        for row in session.exec(select(ProposalRow)):
            if row.photo >= f"Beach-CAM1-{later:%Y%m%d}":
                look = ELSEWHERE + shore.rng.normal(0, 0.3, 64)
                row.features = look.astype(np.float16).tobytes()
                session.add(row)

    shore.tell()

    assert [row.by for row in shore.rows(MoveRow)] == ["operator"]


def test_photos_that_people_cannot_judge_say_nothing(shore):
    photos = shore.watch([30] * 4)
    for photo in photos[10:20]:
        shore.count(photo, 0, state="unusable")
    shore.tell()

    days = shore.rows(OccupancyRow)
    assert [row.visible for row in days] == [10, 0, 10, 10]
    assert days[1].present > 0.9


def test_cameras_are_added_up_only_where_they_show_different_places(shore):
    shore.watch([20] * 4)
    shore.watch([20] * 4, camera="CAM2")
    shore.tell()
    one_view = shore.rows(OccupancyRow)[2].maximum
    with writing(shore.services.database) as session:
        set_view(session, "Beach", "CAM2", "south")

    assert shore.tell() == 1

    assert one_view < 30 < 34 < shore.rows(OccupancyRow)[2].maximum


def test_years_and_sites_are_told_apart_and_forgotten_with_their_photos(shore):
    shore.watch([5] * 3)
    shore.watch([5] * 3, first=FIRST.replace(year=2025))
    shore.watch([5] * 3, site="Cape")

    assert shore.tell() == 3
    assert {(row.site, row.year) for row in shore.rows(SeasonRow)} == {("Beach", 2025), ("Beach", 2026), ("Cape", 2026)}

    with writing(shore.services.database) as session:
        for row in session.exec(select(PhotoRow).where(PhotoRow.site == "Cape")):
            session.delete(session.get_one(ProposalRow, (row.id, MODEL)))
    shore.tell()

    assert {row.site for row in shore.rows(SeasonRow)} == {"Beach"}
    assert {row.site for row in shore.rows(OccupancyRow)} == {"Beach"}


def test_photos_that_nobody_looked_at_have_no_figures(shore):
    shore.watch([5] * 3, seen=False)

    assert shore.tell() == 0
    assert shore.rows(OccupancyRow) == [] == shore.rows(SeasonRow)


def test_people_alone_tell_a_season_before_there_is_a_detector(shore):
    photos = shore.watch([0] * 4 + [12] * 4 + [0] * 4, seen=False)
    for place, photo in enumerate(photos):
        if place % 3 == 0:
            day = max(photo.taken_at.hour + 24 * (photo.taken_at.day - 1) - 12, 0) // 24
            shore.count(photo, 12 if 4 <= day < 8 else 0)
    shore.tell()

    [event] = shore.rows(EventRow)
    assert (event.arrival, event.departure) == (date(2026, 7, 5), date(2026, 7, 9))
    assert event.maximum_low <= 12 <= event.maximum_high


def test_the_profile_has_hours_and_heights_of_the_tide(shore):
    shore.watch([20] * 10)
    with writing(shore.services.database) as session:
        for step in range(40):
            at = FIRST + timedelta(hours=6 * step)
            session.add(TideRow(site="Beach", at=at, metres=0.2 + (step % 2)))
    shore.tell()

    [season] = shore.rows(SeasonRow)
    assert {"7", "13", "19"} <= set(season.profile["hours"]) and "2" not in season.profile["hours"]
    low, value, high = (season.profile["hours"]["13"][place] for place in (1, 0, 2))
    assert low <= value <= high and value == pytest.approx(1, abs=0.15)
    assert set(season.profile["tides"]) <= {"0", "0.5", "1", "1.5"} and season.profile["tides"]


def test_another_seed_tells_other_courses_but_the_same_story(shore):
    shore.watch([0] * 4 + [30] * 4 + [0] * 3)
    shore.tell()
    [before] = shore.rows(EventRow)
    settings = shore.services.settings.model_copy(update={"seed": 99})

    assert tell_occupancy(replace(shore.services, settings=settings)) == 1
    [after] = shore.rows(EventRow)
    assert (after.arrival, after.departure) == (before.arrival, before.departure)
    assert after.maximum == pytest.approx(before.maximum, rel=0.1)
