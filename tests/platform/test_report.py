"""The figures of the report equal those counted by hand."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from sqlmodel import Session

from haulout.db import writing
from haulout.report import Dated, Figure, read_given, read_truths, read_years, season_report, weeks
from haulout.report.retirement import Asked, alarms, people_per_tile, read_asked
from haulout.services import Services
from haulout.tables import (
    AnimalRow,
    AnswerRow,
    ConsensusRow,
    CrowdRow,
    DisputeRow,
    EventRow,
    IndividualRow,
    IngestionRow,
    MarkRow,
    ModelRow,
    OccupancyRow,
    PersonRow,
    PhotoRow,
    ProposalRow,
    SightingRow,
    TaskRow,
    TileRow,
)
from labeling_configs import boxes as box_question
from labeling_configs.vocabulary import PhotoId, Rectangle, Tile, TileId

SITE = "Cape"
NOW = datetime(2026, 9, 1)


@pytest.fixture
def session(services: Services):
    with writing(services.database) as session:
        session.add(IngestionRow(id=1, folder="card", site=SITE, started_at=NOW))
        session.add(ModelRow(version="d1", kind="detector", state="serving", sha256="", exam={}, created_at=NOW))
        session.flush()
        yield session


def photo(session: Session, name: str, day: int, site: str = SITE) -> str:
    taken = datetime(2026, 8, day, 9)
    row = PhotoRow(
        id=name,
        name=name,
        ingestion=1,
        site=site,
        camera="c",
        taken_at=taken,
        burst=name,
        width=100,
        height=50,
        suffix=".jpg",
        size_bytes=1,
        ingested_at=NOW,
    )
    session.add(row)
    session.flush()
    return name


def tile(
    session: Session, photo: str, core: tuple[int, int, int, int], boxes: list[list[float]], state="agreed"
) -> str:
    name = f"{photo}-{core[0]}"
    session.add(TileRow(id=name, photo=photo, shown=[0, 0, 100, 50], core=list(core)))
    session.flush()
    consensus = [[*box, 0.9, ["p"]] for box in boxes]
    session.add(
        ConsensusRow(tile=name, state=state, voters=2, agreement=0.8 if boxes else 1.0, boxes=consensus, settled_at=NOW)
    )
    session.flush()
    return name


def proposal(session: Session, photo: str, boxes: list[list[float]], scores: list[float]) -> None:
    packed = ProposalRow.pack(np.array(boxes, dtype=float).reshape(-1, 4), np.array(scores))
    session.add(
        ProposalRow(photo=photo, model="d1", packed=packed, features=b"", expected_animals=sum(scores), made_at=NOW)
    )
    session.flush()


WHOLE, LEFT, RIGHT = (0, 0, 100, 50), (0, 0, 50, 50), (50, 0, 100, 50)
ONE_LEFT, TWO_LEFT, ONE_RIGHT = [10.0, 10.0, 20.0, 20.0], [25.0, 10.0, 35.0, 20.0], [70.0, 10.0, 80.0, 20.0]


def occupancy(day: date, most: float = 0.0, visible: int = 9, site: str = SITE) -> OccupancyRow:
    told = {"maximum": most, "maximum_low": 0.8 * most, "maximum_high": 1.2 * most}
    told |= {"mean": most, "mean_low": most, "mean_high": most, "present": float(most > 0)}
    return OccupancyRow(site=site, day=day, photos=10, visible=visible, checked=1, at=NOW, run=None, **told)


def event(number: int, arrival: date, departure: date, most: float, **told) -> EventRow:
    dates = {"arrival": arrival, "departure": departure, "peak": arrival}
    spans = {f"{name}_{end}": day for name, day in dates.items() for end in ("low", "high")}
    figures = {"maximum": most, "maximum_low": most, "maximum_high": most}
    return EventRow(site=SITE, number=number, year=arrival.year, **dates | spans | figures | told)


def test_arrival_is_that_of_the_first_event_departure_of_the_last_and_the_peak_of_the_fullest(session) -> None:
    photo(session, "a", 1)
    first, second, third = date(2026, 8, 3), date(2026, 8, 10), date(2026, 8, 20)
    session.add(event(1, second, date(2026, 8, 12), 90))
    session.add(event(2, first, date(2026, 8, 5), 20, arrival_open=True))
    session.add(event(3, third, date(2026, 8, 25), 30, departure_high=date(2026, 8, 27)))
    session.add(event(4, date(2025, 8, 1), date(2025, 8, 2), 500))
    session.flush()

    seen = season_report(session, SITE).haulouts

    assert seen.arrival == Dated(first, first, first, open=True)
    assert seen.departure == Dated(date(2026, 8, 25), date(2026, 8, 25), date(2026, 8, 27))
    assert (seen.arrival.sure, seen.departure.sure) == (True, False)
    assert seen.peak.day == second


def test_a_report_is_of_one_year_the_latest_unless_another_is_asked_for(session) -> None:
    for year in (2025, 2026):
        session.get_one(PhotoRow, photo(session, f"photo of {year}", 5)).taken_at = datetime(year, 8, 5, 9)
        session.add(occupancy(date(year, 8, 5), year))
    session.flush()

    reports = [season_report(session, SITE, year) for year in (None, 2025, 1999)]

    assert [report.year for report in reports] == [2026, 2025, 2026]
    assert [report.years for report in reports] == [(2025, 2026)] * 3
    assert [report.material.photos for report in reports] == [1, 1, 1]
    assert [day.maximum for day in reports[1].haulouts.days] == [2025]


def test_photos_without_a_time_belong_to_no_season_unless_there_are_no_others(session) -> None:
    session.get_one(PhotoRow, photo(session, "undated", 5)).taken_at = None
    session.flush()
    alone = season_report(session, SITE)
    photo(session, "dated", 6)

    beside = season_report(session, SITE)

    assert (alone.year, alone.material.photos, alone.material.undated) == (None, 1, 1)
    assert (beside.year, beside.material.photos, beside.material.undated) == (2026, 1, 1)


def test_the_fullest_photo_of_each_day_is_shown_the_fullest_day_first(session) -> None:
    tile(session, photo(session, "one", 5), WHOLE, [ONE_LEFT])
    tile(session, photo(session, "two", 6), WHOLE, [ONE_LEFT, TWO_LEFT])
    proposal(session, "two", [ONE_LEFT], [0.9])
    proposal(session, "one", [ONE_LEFT], [0.9])
    for name, most in (("machine sees none", 0.1), ("machine sees three", 0.9)):
        proposal(session, photo(session, name, 7), [ONE_LEFT, TWO_LEFT, ONE_RIGHT], [most] * 3)

    full = season_report(session, SITE).pictures.fullest

    assert [(one.photo.id, one.checked) for one in full] == [
        ("machine sees three", False),
        ("two", True),
        ("one", True),
    ]


def test_an_animal_in_two_overlapping_tiles_is_counted_once(session) -> None:
    name = photo(session, "crowd", 5)
    proposal(session, name, [ONE_LEFT], [0.9])
    tile(session, name, LEFT, [ONE_LEFT, ONE_RIGHT])
    tile(session, name, RIGHT, [ONE_LEFT, ONE_RIGHT])

    (full,) = season_report(session, SITE).pictures.fullest

    assert (full.counted, full.expected, full.checked) == (2, 0, True)


def test_where_people_have_not_settled_a_part_the_machine_s_scores_are_added(session) -> None:
    name = photo(session, "half", 5)
    tile(session, name, LEFT, [ONE_LEFT, TWO_LEFT])
    tile(session, name, RIGHT, [ONE_RIGHT], state="open")
    proposal(session, name, [ONE_LEFT, ONE_RIGHT, ONE_RIGHT], [0.9, 0.5, 0.25])

    (full,) = season_report(session, SITE).pictures.fullest

    assert (full.counted, full.expected, full.animals, full.checked) == (2, 0.75, 2.75, False)


def test_the_photos_of_the_first_and_last_day_are_those_with_animals_in_the_order_they_were_taken(session) -> None:
    for name, day, many in (("late", 5, 2), ("empty", 5, 0), ("early", 5, 1), ("last", 8, 1), ("other", 6, 3)):
        proposal(session, photo(session, name, day), [ONE_LEFT] * many, [0.9] * many)
    session.get_one(PhotoRow, "early").taken_at = datetime(2026, 8, 5, 4)
    session.add(event(1, date(2026, 8, 5), date(2026, 8, 8), 3))
    session.flush()

    shown = season_report(session, SITE).pictures.of_days

    assert {day.day: [one.photo.id for one in looks] for day, looks in shown.items()} == {
        5: ["early", "late"],
        8: ["last"],
    }


def sighted(session: Session, name: str, taken: datetime, individual: str, site: str = SITE, side: float = 9) -> None:
    session.get_one(PhotoRow, photo(session, name, 1, site)).taken_at = taken
    where = tile(session, name, WHOLE, [ONE_LEFT])
    box = [0.0, 0.0, side, side]
    session.add(AnimalRow(id=name, photo=name, tile=where, box=box, crop=[0, 0, 9, 9], probability=1, settled_at=NOW))
    session.flush()
    if session.get(IndividualRow, individual) is None:
        session.add(IndividualRow(id=individual, first_animal=name, named_at=NOW))
        session.flush()
    session.add(SightingRow(animal=name, individual=individual))
    session.flush()


def test_a_walrus_is_new_unless_it_was_seen_anywhere_in_an_earlier_year(session) -> None:
    sighted(session, "a", datetime(2026, 8, 1), "new here")
    sighted(session, "b", datetime(2026, 8, 1), "old")
    sighted(session, "c", datetime(2024, 8, 1), "old", site="Elsewhere")
    sighted(session, "d", datetime(2025, 8, 1), "gone")
    sighted(session, "e", datetime(2027, 8, 1), "new here")

    seen = season_report(session, SITE, 2026).catalogue

    assert {one.individual: one.earlier for one in seen.seen} == {"new here": (), "old": (2024,)}
    assert (seen.individuals, seen.from_earlier, seen.seen_again) == (2, 1, 0)


def test_a_walrus_is_shown_by_the_crop_with_most_marks_else_by_the_largest(session) -> None:
    for name, individual, side in (("a", "marked", 5), ("b", "marked", 20), ("c", "plain", 5), ("d", "plain", 20)):
        sighted(session, name, datetime(2026, 8, 1), individual, side=side)
    session.add(MarkRow(animal="a", kind="scar", x=1, y=1, person="p"))
    session.flush()

    seen = season_report(session, SITE).catalogue.seen

    assert {one.individual: one.best for one in seen} == {"marked": "a", "plain": "d"}


def test_years_side_by_side_say_who_was_seen_in_which(session) -> None:
    for name, year, individual in (("a", 2025, "both"), ("b", 2026, "both"), ("c", 2026, "late"), ("d", 2025, "early")):
        sighted(session, name, datetime(year, 8, 1), individual)
    sighted(session, "e", datetime(2025, 8, 3), "both")
    sighted(session, "f", datetime(2024, 8, 3), "late", site="Elsewhere")
    session.add(occupancy(date(2026, 8, 1), 7))
    session.flush()

    read = read_years(session, SITE)

    assert [(line.year, line.photos, line.seen, line.new, line.returned) for line in read.lines] == [
        (2025, 3, 2, 2, 0),
        (2026, 2, 2, 1, 1),
    ]
    assert [(one.individual, dict(one.days)) for one in read.histories] == [
        ("both", {2025: 2, 2026: 1}),
        ("early", {2025: 1}),
        ("late", {2026: 1}),
    ]
    assert [one.individual for one in read.returned] == ["both"]
    assert [len(line.haulouts.days) for line in read.lines] == [0, 1]


def finished(session: Session, tiles: int) -> None:
    """Settle tiles of two animals each, two people a tile; each answer took 30 seconds."""
    session.add(PersonRow(id="p", label_studio_user=1, joined_at=NOW))
    session.flush()
    for number in range(tiles):
        name = photo(session, f"photo{number}", 1 + number % 28)
        where = tile(session, name, WHOLE, [ONE_LEFT, TWO_LEFT])
        session.add(TaskRow(id=number + 1, question="boxes", subject=where, key=where, created_at=NOW))
        session.flush()
        session.add_all(answer(number + 1, "p", 2 * number + n, seconds=30.0) for n in (0, 1))
    session.flush()


def test_hours_saved_are_those_of_drawing_everything_by_as_many_people_less_those_spent(session) -> None:
    finished(session, 20)
    for number in range(100):
        proposal(session, photo(session, f"more{number}", 3), [ONE_LEFT] * 60, [0.5] * 60)
    session.add(CrowdRow(answers=40, effort={"opening": 6.0, "drawn": 2.0, "kept": 1.0}, at=NOW))
    session.flush()

    savings = season_report(session, SITE, most_animals=25).savings

    of_20, of_100 = 20 * 6.0, 100 * (2 * 6.0 + 30 * 2.0)
    assert savings.everything == pytest.approx(2 * (of_20 + of_100) / 60)
    assert (savings.spent, savings.tiles, savings.people) == (pytest.approx(20.0), 20, 2.0)
    assert savings.saved == pytest.approx(savings.everything - 20)


def test_nothing_is_said_to_be_saved_before_twenty_tiles_are_finished_and_the_times_learned(session) -> None:
    finished(session, 19)
    session.add(CrowdRow(answers=40, effort={"opening": 6.0, "drawn": 2.0, "kept": 1.0}, at=NOW))
    session.flush()
    few = season_report(session, SITE).savings
    tile(session, photo(session, "one more", 4), WHOLE, [])
    enough = season_report(session, SITE).savings
    session.add(CrowdRow(answers=40, effort={}, at=NOW))
    session.flush()

    assert (few, enough is None, season_report(session, SITE).savings) == (None, False, None)


def test_an_individual_is_seen_again_when_its_sightings_are_of_two_days(session) -> None:
    for name, day in (("a", 1), ("b", 1), ("c", 2)):
        where = tile(session, photo(session, name, day), WHOLE, [ONE_LEFT])
        session.add(
            AnimalRow(id=name, photo=name, tile=where, box=ONE_LEFT, crop=[0, 0, 9, 9], probability=1, settled_at=NOW)
        )
    session.add_all([IndividualRow(id=name, first_animal="a", named_at=NOW) for name in ("one day", "two days")])
    session.flush()
    session.add_all(
        [
            SightingRow(animal="a", individual="two days"),
            SightingRow(animal="c", individual="two days"),
            SightingRow(animal="b", individual="one day"),
            DisputeRow(first="a", second="b", reason="experts_disagree"),
        ]
    )

    catalogue = season_report(session, SITE).catalogue

    assert (catalogue.individuals, catalogue.seen_again, catalogue.sightings, catalogue.disputes) == (2, 1, 3, 1)


def test_a_changed_answer_counts_once_and_a_deleted_one_not_at_all(session) -> None:
    where = tile(session, photo(session, "a", 1), WHOLE, [ONE_LEFT])
    tile(session, photo(session, "b", 1), WHOLE, [])
    for number, role in enumerate(("volunteer", "volunteer", "expert")):
        session.add(PersonRow(id=str(number), label_studio_user=number, role=role, joined_at=NOW))
    session.add(TaskRow(id=1, question="boxes", subject=where, key="1", created_at=NOW))
    session.add(TaskRow(id=2, question="pair", subject="a|b", key="2", created_at=NOW))
    session.flush()
    for task, person, annotation, seconds, flags in (
        (1, "0", 1, 500.0, {}),
        (1, "0", 1, 60.0, {}),
        (1, "1", 2, 90.0, {"skipped": True}),
        (1, "1", 3, 70.0, {}),
        (1, "1", 3, 70.0, {"gone": True}),
        (2, "2", 4, 30.0, {}),
    ):
        session.add(
            AnswerRow(
                task=task,
                person=person,
                label_studio_annotation=annotation,
                digest=f"{seconds}{flags}",
                result=[],
                seconds=seconds,
                given_at=NOW,
                received_at=NOW,
                **flags,
            )
        )
        session.flush()

    effort = season_report(session, SITE).effort

    volunteers, experts = effort.volunteers, effort.experts
    assert (volunteers.people, volunteers.answers, volunteers.skipped, volunteers.minutes) == (2, 1, 1, 2.5)
    assert (experts.people, experts.answers, experts.minutes) == (1, 1, 0.5)
    assert (effort.agreed, effort.agreement) == (2, pytest.approx(0.9))


def test_figures_are_read_as_numbers_and_as_intervals() -> None:
    assert Figure.read(0.5) == Figure(0.5)
    assert Figure.read([0.1, 0.2, 0.3]) == Figure(0.2, 0.1, 0.3)
    assert Figure.read({"mean": 0.2, "low": 0.1, "high": 0.3}) == Figure(0.2, 0.1, 0.3)
    assert Figure.read(None) is None


def test_another_site_s_photos_stay_out(session) -> None:
    tile(session, photo(session, "far", 1, site="Elsewhere"), WHOLE, [ONE_LEFT])

    report = season_report(session, SITE)

    assert (report.material.photos, report.pictures.fullest, report.effort.agreed) == (0, (), 0)


def asked(number: int, people: int = 2, state: str = "agreed", **told) -> Asked:
    usual = {"wanted": people, "asked_at": NOW, "voters": people, "boxes": 1}
    return Asked(f"tile-{number}", state, people, **usual | told)


def kinds(tiles: list[Asked], most_votes: int = 5) -> list[str]:
    return [alarm.kind.value for alarm in alarms(tiles, most_votes, NOW)]


def test_a_usual_season_raises_no_alarm() -> None:
    assert kinds([asked(n, people=2 + n % 3) for n in range(40)]) == []
    assert kinds([]) == []


def test_more_than_one_tile_in_five_with_an_expert_is_an_alarm() -> None:
    def season(passed_on: int) -> list[Asked]:
        return [asked(n, to_expert=n < passed_on) for n in range(20)]

    assert (kinds(season(4)), kinds(season(5))) == ([], ["to_experts"])
    (alarm,) = alarms(season(5), 5, NOW)
    assert (alarm.value, alarm.tiles[0], len(alarm.tiles)) == (0.25, "tile-0", 5)


def test_more_than_two_people_in_a_hundred_tiles_beyond_those_wanted_is_an_alarm() -> None:
    def season(*more: int) -> list[Asked]:
        return [asked(n, people=2 + extra, wanted=2) for n, extra in enumerate([*more, *[0] * (100 - len(more))])]

    assert (kinds(season(1, 1)), kinds(season(1, 2))) == ([], ["beyond"])
    assert alarms(season(1, 2), 5, NOW)[0].tiles == ("tile-1", "tile-0")


def test_animals_that_only_one_person_saw_are_an_alarm_unless_that_was_an_expert() -> None:
    assert kinds([asked(1, people=1)]) == ["alone"]
    assert kinds([asked(1, people=1, boxes=0)]) == [], "one person suffices where nothing is seen"
    assert kinds([asked(1, people=1, by_expert=True)]) == []
    assert kinds([asked(1, people=1, state="disputed"), asked(2, people=1, state="open")]) == []


def test_asking_nearly_everybody_each_time_is_an_alarm() -> None:
    assert kinds([asked(n, people=4) for n in range(20)]) == []
    assert kinds([asked(n, people=4 + (n == 0)) for n in range(20)]) == ["many"]


def test_an_open_tile_that_nobody_answers_for_two_weeks_is_an_alarm() -> None:
    def waiting(days: int, people: int = 0) -> Asked:
        return asked(days, people, "open", asked_at=NOW - timedelta(days=days))

    assert kinds([waiting(14), waiting(30, people=1)]) == []
    (alarm,) = alarms([waiting(15), waiting(20)], 5, NOW)
    assert (alarm.kind.value, alarm.value, alarm.tiles) == ("forgotten", 2, ("tile-20", "tile-15"))


def test_shares_are_not_judged_on_a_few_tiles() -> None:
    few = [asked(n, people=5, wanted=2, to_expert=True) for n in range(19)]
    assert kinds(few) == []
    assert kinds([*few, asked(19)]) == ["to_experts", "beyond", "many"]


def test_the_histogram_has_no_gaps() -> None:
    assert people_per_tile([asked(1, 2), asked(2, 2), asked(3, 5)]) == ((2, 2), (3, 0), (4, 0), (5, 1))
    assert people_per_tile([]) == ()


def test_tiles_are_read_with_the_people_who_answered_and_gold_left_out(session) -> None:
    where = tile(session, photo(session, "a", 1), WHOLE, [ONE_LEFT, ONE_RIGHT])
    for number in range(4):
        session.add(PersonRow(id=str(number), label_studio_user=number, joined_at=NOW))
    session.add(TaskRow(id=1, question="boxes", subject=where, key="1", overlap=3, created_at=NOW))
    session.add(TaskRow(id=2, question="boxes", subject=where, gold=1, key="2", created_at=NOW))
    session.add(TaskRow(id=3, question="box_dispute", subject=where, key="3", details={"why": "gold"}, created_at=NOW))
    session.flush()
    for annotation, (task, person, flags) in enumerate(
        [(1, "0", {}), (1, "1", {"skipped": True}), (1, "2", {"gone": True}), (1, "0", {}), (2, "3", {})]
    ):
        session.add(answer(task, person, annotation, **flags))
    session.flush()

    (read,) = read_asked(session)

    assert (read.people, read.wanted, read.voters, read.state) == (2, 3, 2, "agreed")
    assert (read.to_expert, read.by_expert) == (False, False), "an expert was asked for gold, not in need"
    session.get_one(ConsensusRow, where).voters = 1
    session.flush()
    assert read_asked(session)[0].boxes == 2


def answer(task: int, person: str, annotation: int, result: list | None = None, at: datetime = NOW, **flags):
    return AnswerRow(
        task=task,
        person=person,
        label_studio_annotation=annotation,
        digest="d",
        result=result or [],
        given_at=at,
        received_at=at,
        **flags,
    )


def test_a_week_counts_answers_and_the_agreed_animals_that_were_found(session) -> None:
    session.add(PersonRow(id="p", label_studio_user=1, joined_at=NOW))
    session.flush()
    whole = Rectangle(0, 0, 100, 50)
    for number, (day, state, drawn) in enumerate(
        [(3, "agreed", [ONE_LEFT]), (9, "agreed", []), (10, "open", [ONE_LEFT]), (10, "agreed", [ONE_LEFT, ONE_RIGHT])]
    ):
        where = tile(session, photo(session, f"photo{number}", day), WHOLE, [ONE_LEFT, ONE_RIGHT], state)
        session.add(TaskRow(id=number, question="boxes", subject=where, key=where, created_at=NOW))
        session.flush()
        of = Tile(TileId(where), PhotoId(f"photo{number}"), whole, whole)
        result = box_question.write(np.array(drawn).reshape(-1, 4), None, of)
        session.add(answer(number, "p", number, result, datetime(2026, 8, day, 12)))
    session.flush()

    given = read_given(session, "p")
    first, second = weeks(given, read_truths(session, given))

    assert (first.first, first.answers, first.found.value) == (date(2026, 8, 3), 2, 0.25)
    assert (second.first, second.answers, second.found.value) == (date(2026, 8, 10), 2, 1.0)
    assert first.found.low < 0.25 < first.found.high
