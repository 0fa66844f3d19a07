"""The season's report as a page: each day, gap, event, walrus and year as the rows tell them, leading to photos."""

import re
from datetime import date, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from haulout.db import writing
from haulout.localisation import open_languages
from haulout.report import Haulouts
from haulout.services import Services
from haulout.tables import EventRow, OccupancyRow, PhotoRow, SeasonRow
from haulout.web.curve import occupancy
from haulout.web.heatmap import LEVELS, calendar, level, shades

SITE = "Matveyev Island"
TOLD = datetime(2026, 8, 12, 3)
MOST = (0, 3, 5, None, 4, 0)
"""The largest number at once on each day from 1 August; on the fourth day nobody could see."""


def day(when: date, most: float | None, checked: int = 1, site: str = SITE) -> OccupancyRow:
    value = most or 0.0
    figures = {"maximum": value, "maximum_low": 0.5 * value, "maximum_high": 2 * value}
    figures |= {"mean": value, "mean_low": value, "mean_high": value, "present": float(value > 0)}
    visible = 0 if most is None else 9
    return OccupancyRow(site=site, day=when, photos=10, visible=visible, checked=checked, at=TOLD, run=1, **figures)


def days(*most: float | None, year: int = 2026) -> list[OccupancyRow]:
    start = date(year, 8, 1)
    return [day(start + timedelta(days=n), one, checked=n % 2) for n, one in enumerate(most)]


def event(year: int = 2026, **told) -> EventRow:
    dates = {"arrival": date(year, 8, 2), "arrival_low": date(year, 7, 30), "arrival_high": date(year, 8, 2)}
    dates |= {"departure": date(year, 8, 5), "departure_low": date(year, 8, 4), "departure_high": date(year, 8, 5)}
    dates |= {"peak": date(year, 8, 3), "peak_low": date(year, 8, 3), "peak_high": date(year, 8, 3)}
    figures = {"maximum": 5, "maximum_low": 4, "maximum_high": 7}
    return EventRow(site=SITE, number=year, year=year, **dates | figures | told)


def season_row(year: int = 2026, **told) -> SeasonRow:
    figures = {"index": 2.4, "index_low": 2.1, "index_high": 2.8, "maximum": 5, "maximum_low": 4, "maximum_high": 7}
    usual = {"days": 6, "occupied": 3, "unseen": 1, "first": date(year, 8, 1), "last": date(year, 8, 6)}
    usual |= {"profile": {"hours": {"6": [1.5, 1.2, 1.8], "12": [0.5, 0.3, 0.8]}, "tides": {}}}
    return SeasonRow(site=SITE, year=year, data="0123456789abcdef" * 4, **figures | usual | told)


@pytest.fixture
def told(season) -> Services:
    """Return services on the small season, of which a run has told this year and the one before."""
    services: Services = season.services
    with writing(services.database) as session:
        session.add_all([*days(*MOST), event(), season_row()])
        session.add_all([*days(0, 900, year=2025), event(2025, arrival_open=True), season_row(2025)])
        before = {name: value for name, value in season.photos[1].model_dump().items() if name != "id"}
        before["taken_at"] = datetime(2025, 8, 2, 12)
        session.add(PhotoRow(id="f" * 64, **before))
    return services


def test_before_a_run_the_page_says_what_to_do_and_shows_what_is_known(client: FlaskClient, season) -> None:
    page = client.get("/report").text
    assert "haulout run" in page and "not known yet" in page
    assert 'class="chart curve"' not in page and 'class="chart calendar"' not in page
    assert "3 animals counted by people" in page and "W0001" in page


def test_the_season_in_short(client: FlaskClient, told) -> None:
    headline = plain(re.search(r'<ul class="cards figures headline">(.*?)</ul>', client.get("/report").text, re.S)[1])
    assert "Arrival 2 Aug 95 %: 30 Jul – 2 Aug" in headline
    assert "Departure 5 Aug 95 %: 4–5 Aug" in headline
    assert "Most at once 5 95 %: 4–7 3 August 2026" in headline
    assert "Index 2.4 95 %: 2.1–2.8" in headline
    assert "Walruses recognised 2" in headline


def test_animals_that_were_there_before_anybody_looked_have_no_day_of_arrival(client: FlaskClient, told) -> None:
    assert "there as soon as anybody looked" in plain(client.get("/report?year=2025").text)


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)).strip()


def test_a_day_that_nobody_could_see_is_a_gap_and_never_a_zero() -> None:
    curve = occupancy(Haulouts(tuple(days(*MOST)), (), None), open_languages()["en"])

    assert [mark.row.day.day for mark in curve.marks] == [1, 2, 3, 5, 6]
    assert [(gap.first.day, gap.last.day) for gap in curve.gaps] == [(4, 4)]
    assert [len(line.split()) for line in curve.lines] == [3, 2], "no line crosses the gap"
    assert all(not curve.gaps[0].x < mark.x < curve.gaps[0].x + curve.gaps[0].width for mark in curve.marks)


def test_days_without_photos_are_a_gap_too() -> None:
    seen = [day(date(2026, 8, 1), 3), day(date(2026, 8, 5), 4)]
    curve = occupancy(Haulouts(tuple(seen), (), None), open_languages()["en"])
    assert [(gap.first.day, gap.last.day) for gap in curve.gaps] == [(2, 4)]


def test_more_animals_are_drawn_higher_inside_their_interval() -> None:
    curve = occupancy(Haulouts(tuple(days(0, 3, 5)), (), None), open_languages()["en"])
    nothing, three, five = curve.marks
    assert nothing.y == curve.foot > three.y > five.y
    assert three.high < three.y < three.low


def test_a_season_in_which_nobody_could_see_anything_is_drawn_all_the_same() -> None:
    curve = occupancy(Haulouts(tuple(days(None, None)), (), None), open_languages()["en"])
    assert (curve.marks, len(curve.gaps)) == ((), 1)


def test_days_people_checked_are_marked_otherwise_than_those_of_the_machine_alone(client, told) -> None:
    svg = re.search(r'<figure class="chart curve">.*?</svg>', client.get("/report").text, re.S)[0]
    assert (svg.count('class="checked"'), svg.count('class="unchecked"')) == (2, 3)
    assert svg.count('class="event"') == 1


def test_events_stand_under_the_days_they_lasted() -> None:
    drawn = occupancy(Haulouts(tuple(days(*MOST)), (event(),), None), open_languages()["en"])
    by_day = {mark.row.day.day: mark.x for mark in drawn.marks}
    (bar,) = drawn.bars
    assert by_day[1] < bar.x < by_day[2] and by_day[5] < bar.x + bar.width < by_day[6]
    assert bar.arrival[0] <= bar.x == bar.arrival[1], "what lies before the axis is drawn at its edge"
    assert bar.departure[0] < bar.departure[1] == bar.x + bar.width


def test_every_seen_day_of_the_calendar_leads_to_its_photos(client: FlaskClient, told) -> None:
    calendar_drawn = re.search(r'<figure class="chart calendar">.*?</svg>', client.get("/report").text, re.S)[0]
    leads = re.findall(r'<a href="/photos\?site=Matveyev\+Island&amp;day=2026-08-0(\d)"', calendar_drawn)
    assert leads == ["1", "2", "3", "4", "5", "6"]
    assert calendar_drawn.count("unseen-day") == 1


def test_darker_means_more_and_nothing_is_no_shade() -> None:
    for most in (1, 3, 7, 23, 110, 780, 12345):
        bounds = shades([most])
        levels = [level(value, bounds) for value in range(most + 1)]
        assert levels == sorted(levels) and (levels[0], levels[1] > 0, levels[-1] <= LEVELS) == (0, True, True)
        assert bounds[-1] >= most and len(set(bounds)) == len(bounds)


def test_the_calendar_spans_the_months_of_the_season() -> None:
    rows = (day(date(2026, 7, 30), 3), day(date(2026, 9, 2), 4))
    drawn = calendar(Haulouts(rows, (), None), open_languages()["ru"])
    assert [month.name for month in drawn.months] == ["июль", "август", "сентябрь"]
    assert [cell.day for cell in drawn.cells][::34] == [date(2026, 7, 30), date(2026, 9, 2)]
    assert [cell.level is None for cell in drawn.cells] == [False, *[True] * 33, False]


def test_without_a_table_of_tides_one_sentence_says_so(client: FlaskClient, told) -> None:
    page = client.get("/report").text
    assert "Animals ashore by hour" in page and "Animals ashore by the height" not in page
    assert "no table of tides covers this season" in page


def test_figures_of_a_run_name_their_data_and_code(client: FlaskClient, told) -> None:
    page = plain(client.get("/report").text)
    assert page.count("Data 0123456789, run 1, Haulout") >= 4
    assert "0123456789abcdef" * 4 in page


def test_the_first_and_the_last_day_show_their_photos(client: FlaskClient, told, season) -> None:
    section = re.search(r'aria-labelledby="edges">(.*?)</section>', client.get("/report").text, re.S)[1]
    shown = re.findall(r'href="/photos/([0-9a-f]{64})"', section)
    assert shown == [season.photos[1].id, season.photos[5].id]


def test_one_year_is_shown_at_a_time_and_the_latest_first(client: FlaskClient, told) -> None:
    latest, before, never = (client.get(f"/report{asked}").text for asked in ("", "?year=2025", "?year=1066"))
    assert "Report: Matveyev Island, 2026" in latest and "Report: Matveyev Island, 2026" in never
    assert "Report: Matveyev Island, 2025" in before and "1 photo from" in plain(before)
    assert 'href="/report?site=Matveyev+Island&amp;year=2025"' in latest
    assert "7 photos" not in plain(before)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_years_stand_side_by_side(client: FlaskClient, told, language: str) -> None:
    page = client.get("/years", query_string={"language": language}).text
    rows = re.findall(r'<tr><th scope="row"><a href="/report\?site=Matveyev\+Island&amp;year=(\d+)"', page)
    assert rows == ["2025", "2026"]
    assert page.count('class="event"') == 3, "two years and the legend"


def test_what_the_database_holds_is_escaped(client: FlaskClient, told) -> None:
    hostile = "<script>alert(1)</script>"
    with writing(told.database) as session:
        session.get_one(PhotoRow, "f" * 64).site = hostile
        session.add(day(date(2025, 8, 1), 3, site=hostile))
    for path in ("/report", "/years"):
        page = client.get(path, query_string={"site": hostile}).text
        assert "&lt;script&gt;alert" in page and "<script>alert" not in page


def test_a_year_whose_profile_and_data_are_unknown_is_shown_without_them(client: FlaskClient, told) -> None:
    with writing(told.database) as session:
        row = session.get_one(SeasonRow, (SITE, 2026))
        row.profile, row.data = {}, ""
        session.delete(session.get_one(SeasonRow, (SITE, 2025)))
    page = client.get("/report").text
    assert "Too few days with animals to tell." in page and "no run has told this season yet" in page
    assert client.get("/report?year=2025").status_code == 200
