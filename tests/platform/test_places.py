"""Where a haulout is, who may know, when cameras moved, and how high the tide was."""

import math
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from haulout import cameras, tides
from haulout.db import writing
from haulout.errors import BadPlace
from haulout.places import GRID, Geoprivacy, generalised, place, public_place, time_zone
from haulout.status import camera_facts, site_facts
from haulout.tables import CameraRow, MoveRow, SiteRow, StillRow, TideRow
from haulout.tides import BadTides, read_tides, store_tides

LATITUDE, LONGITUDE = st.floats(-90, 90), st.floats(-180, 180)
GRIDS = st.sampled_from(sorted(GRID))
QUICK = settings(max_examples=100, deadline=None)
TWO = datetime(2026, 8, 3, 14)
KAMCHATKA = ZoneInfo("Asia/Kamchatka")


def metres_between(first, second):
    """Return the distance of two points on a sphere as large as the Earth is at its equator."""
    (lat1, lon1), (lat2, lon2) = (map(math.radians, point) for point in (first, second))
    a = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * 6_378_137 * math.asin(math.sqrt(min(a, 1)))


@pytest.fixture
def session(coordinator):
    with writing(coordinator.services.database) as open_session:
        yield open_session


def put(session, site="Beach", **known):
    row = place(session, site, **known)
    row.changed_at = TWO
    session.add(row)
    session.flush()
    return row


# What others may know


@QUICK
@given(latitude=LATITUDE, longitude=LONGITUDE, geoprivacy=GRIDS)
@example(90.0, 180.0, Geoprivacy.OBSCURED)
@example(-90.0, -180.0, Geoprivacy.APPROXIMATE)
@example(0.3, -0.3, Geoprivacy.OBSCURED)
@example(59.99999999, 0.0, Geoprivacy.APPROXIMATE)
def test_the_true_place_lies_in_the_cell_and_within_the_told_uncertainty(latitude, longitude, geoprivacy):
    told = generalised(latitude, longitude, geoprivacy)

    half = GRID[geoprivacy] / 2 + 1e-9
    assert abs(told.latitude - latitude) <= half and abs(told.longitude - longitude) <= half
    assert -90 <= told.latitude <= 90 and -180 <= told.longitude <= 180
    assert metres_between((latitude, longitude), (told.latitude, told.longitude)) <= told.uncertainty


@QUICK
@given(latitude=LATITUDE, longitude=LONGITUDE, geoprivacy=GRIDS, across=st.floats(0, 1), up=st.floats(0, 1))
def test_all_places_of_a_cell_are_told_alike_so_many_exports_tell_no_more_than_one(
    latitude, longitude, geoprivacy, across, up
):
    told, grid = generalised(latitude, longitude, geoprivacy), GRID[geoprivacy]
    inside = [
        middle + (share - 0.5) * 0.999 * grid for middle, share in ((told.latitude, up), (told.longitude, across))
    ]

    assert generalised(*inside, geoprivacy) == told
    assert generalised(told.latitude, told.longitude, geoprivacy) == told


@QUICK
@given(latitude=LATITUDE, longitude=LONGITUDE)
def test_a_coarser_place_tells_nothing_that_a_finer_one_does_not(latitude, longitude):
    fine = generalised(latitude, longitude, Geoprivacy.APPROXIMATE)

    assert generalised(fine.latitude, fine.longitude, Geoprivacy.OBSCURED) == generalised(
        latitude, longitude, Geoprivacy.OBSCURED
    )


@pytest.mark.parametrize("tenths", [-1800, -601, -3, 0, 3, 7, 599, 1799])
def test_a_place_on_a_border_is_of_the_cell_above(tenths):
    told = generalised(0.0, tenths / 10, Geoprivacy.OBSCURED)

    assert told.longitude == pytest.approx(tenths / 10 + 0.05, abs=1e-9)


def test_a_site_tells_nothing_unless_its_place_is_known_and_obscures_it_unless_told_otherwise(session):
    assert public_place(session, "Beach") is None
    put(session, geoprivacy="exact")
    assert public_place(session, "Beach") is None
    put(session, "Spit", latitude=69.4567, longitude=58.4321)
    assert public_place(session, "Spit") == generalised(69.4567, 58.4321, Geoprivacy.OBSCURED)
    told = {}
    for geoprivacy in Geoprivacy:
        put(session, "Spit", geoprivacy=geoprivacy.value)
        told[geoprivacy] = public_place(session, "Spit")
    assert told[Geoprivacy.WITHHELD] is None
    assert (told[Geoprivacy.EXACT].latitude, told[Geoprivacy.EXACT].uncertainty) == (69.4567, 30.0)
    assert told[Geoprivacy.APPROXIMATE].latitude == 69.455 and told[Geoprivacy.OBSCURED].latitude == 69.45


@pytest.mark.parametrize(
    ("given_", "reason"),
    [
        ({"latitude": 90.01, "longitude": 0.0}, "latitude"),
        ({"latitude": math.nan, "longitude": 0.0}, "latitude"),
        ({"latitude": 0.0, "longitude": -math.inf}, "longitude"),
        ({"latitude": 0.0, "longitude": math.nan}, "longitude"),
        ({"latitude": 60.0}, "half a place"),
        ({"longitude": 60.0}, "half a place"),
        ({"geoprivacy": "EXACT"}, "withheld"),
        ({"geoprivacy": ""}, "withheld"),
        ({"time_zone": "Kamchatka"}, "Asia|Europe"),
        ({"time_zone": "../../etc/passwd"}, "unknown"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(session, given_, reason):
    with pytest.raises(BadPlace, match=reason):
        place(session, "Beach", **given_)

    assert session.get(SiteRow, "Beach") is None


@pytest.mark.parametrize("name", ["", "  ", "a\x00b", "a\nb", "\x1b[31m"])
def test_a_name_that_cannot_be_shown_is_refused(session, name):
    with pytest.raises(BadPlace, match="name"):
        place(session, name)


def test_one_side_of_a_known_place_may_be_corrected_and_the_rest_stays(session):
    put(session, latitude=60.0, longitude=50.0, geoprivacy="withheld", time_zone="Asia/Kamchatka")

    put(session, latitude=61.0)

    row = session.get(SiteRow, "Beach")
    assert (row.latitude, row.longitude, row.geoprivacy) == (61.0, 50.0, "withheld")
    assert time_zone(session, "Beach").key == "Asia/Kamchatka" and time_zone(session, "Spit").key == "UTC"


def test_the_facts_of_a_site_name_everything_and_warn_of_a_site_without_photos(beach):
    put(beach, latitude=60.0123, longitude=50.0)
    cameras.set_view(beach, "Beach", "CAM1", "south")
    cameras.moved(beach, "Beach", "CAM1", TWO)

    facts = dict(site_facts(beach, "Beach"))

    assert facts["place"] == "60.0123, 50" and facts["others see"] == "60.05, 50.05, within 7872 m"
    assert facts["camera"] == "CAM1: view south; moved 2026-08-03 14:00:00 (operator)"
    assert "sites with photos: Beach" in dict(site_facts(beach, "Beech"))["site"]


# Cameras


@pytest.fixture
def beach(coordinator):
    coordinator.photo()
    with writing(coordinator.services.database) as open_session:
        yield open_session


def found(session):
    return [(row.at, row.by) for row in cameras.moves(session, "Beach", "CAM1")]


def test_a_view_is_named_and_renamed(beach):
    cameras.set_view(beach, "Beach", "CAM1", " south ")
    cameras.set_view(beach, "Beach", "CAM1", "north")

    assert beach.get(CameraRow, ("Beach", "CAM1")).view == "north"


@pytest.mark.parametrize(("site", "camera", "known"), [("Beech", "CAM1", "Beach"), ("Beach", "CAM2", "CAM1")])
def test_a_camera_that_took_no_photo_is_refused_with_the_known_ones(beach, site, camera, known):
    with pytest.raises(BadPlace, match=f"Known: {known}"):
        cameras.moved(beach, site, camera, TWO)


def test_a_move_that_somebody_denied_stays_denied_however_often_a_machine_finds_it(beach):
    hour = timedelta(hours=1)
    cameras.machine_found(beach, "Beach", "CAM1", [TWO, TWO + 100 * hour])
    assert [by for _, by in found(beach)] == ["machine", "machine"]

    cameras.not_moved(beach, "Beach", "CAM1", TWO, now=TWO)
    for late in (0, 1, 5):
        cameras.machine_found(beach, "Beach", "CAM1", [TWO + late * hour, TWO + (100 + late) * hour])
        assert found(beach) == [(TWO + (100 + late) * hour, "machine")]


def test_who_denied_a_move_may_take_that_back(beach):
    cameras.moved(beach, "Beach", "CAM1", TWO)
    cameras.not_moved(beach, "Beach", "CAM1", TWO, now=TWO)
    cameras.moved(beach, "Beach", "CAM1", TWO)

    assert found(beach) == [(TWO, "operator")] and beach.get(StillRow, ("Beach", "CAM1", TWO)) is None


def test_a_machine_neither_moves_nor_doubles_nor_forgets_what_a_person_said(beach):
    cameras.machine_found(beach, "Beach", "CAM1", [TWO + timedelta(hours=2)])
    cameras.moved(beach, "Beach", "CAM1", TWO)
    cameras.machine_found(beach, "Beach", "CAM1", [TWO + timedelta(hours=3)])
    cameras.machine_found(beach, "Beach", "CAM1", [])

    assert found(beach) == [(TWO, "operator")]


def test_a_machine_that_looks_at_one_year_leaves_the_moves_of_others(beach):
    before = TWO - timedelta(days=365)
    cameras.machine_found(beach, "Beach", "CAM1", [before], year=2025)
    cameras.machine_found(beach, "Beach", "CAM1", [TWO], year=2026)
    cameras.machine_found(beach, "Beach", "CAM1", [], year=2026)

    assert found(beach) == [(before, "machine")]


def test_denying_a_move_that_nobody_noted_is_refused_with_the_known_ones(beach):
    cameras.moved(beach, "Beach", "CAM1", TWO)

    with pytest.raises(BadPlace, match="Known moves: 2026-08-03 14:00:00"):
        cameras.not_moved(beach, "Beach", "CAM1", TWO + timedelta(minutes=1), now=TWO)


def test_a_camera_without_a_word_says_so(beach):
    assert camera_facts(beach, "Beach", "CAM1") == "CAM1: no view named, shares one with all such cameras; moved never"


# Tides


@pytest.fixture
def table(tmp_path):
    def write(text, zone=KAMCHATKA, **options):
        path = tmp_path / "tides.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_tides(path, zone, **options)

    return write


@pytest.mark.parametrize(
    "text",
    [
        "time,metres\n2026-08-03 14:00,1.25\n",
        "Metres , TIME\r\n1.25,2026-08-03T14:00:00\r\n\r\n",
        "time;metres\n2026-08-03 14:00;1,25\n",
        "station,time,metres\nX,2026-08-03T02:00Z,1.25\n",
        "\ufefftime,metres\n2026-08-03 07:30+05:30,1.25\n",
    ],
)
def test_heights_are_read_on_the_cameras_clock(table, text):
    assert table(text).heights == {TWO: 1.25}


BAD = """time,metres
2026-08-03 14:00,1.25
yesterday,1
2026-08-03 15:00,high
2026-08-03,1
2026-08-03 14:00,1.5
2026-08-03 16:00,nan
2026-08-03 17:00
0001-01-01T00:00+14:00,1
2026-08-03 18:00,99
"""


def test_bad_lines_are_named_by_their_numbers_and_nothing_is_taken(table):
    with pytest.raises(BadTides) as told:
        table(BAD, ZoneInfo("America/New_York"))

    assert "8 bad lines" in str(told.value)
    for line, why in ((3, "no time"), (4, "no number"), (5, "no time"), (6, "another line"), (7, "no height")):
        assert f"line {line}: " in str(told.value) and why in str(told.value)


def test_the_other_lines_are_taken_when_that_is_wanted(table):
    read = table(BAD, ZoneInfo("America/New_York"), skip_bad=True)

    assert read.heights == {TWO: 1.25} and [one.line for one in read.bad] == [3, 4, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "one column time and one column metres"),
        ("time,height\n2026-08-03 14:00,1\n", "one column metres"),
        ("time,metres,time\n2026-08-03 14:00,1,x\n", "one column time"),
        ("time,metres\n", "no height"),
        (b"time,metres\n\xff\xfe,1\n", "UTF-8"),
        ('time,metres\n"' + "x" * 200_000 + '",1\n', "no CSV"),
        ("time" * 50_000 + ",metres\n", "no CSV|one column"),
    ],
)
def test_what_is_no_table_of_tides_is_refused(table, text, reason):
    with pytest.raises(BadTides, match=reason):
        table(text, skip_bad=True)


def test_a_table_that_is_too_large_or_missing_is_refused(table, tmp_path, monkeypatch):
    monkeypatch.setattr(tides, "LARGEST", 10)

    with pytest.raises(BadTides, match="Cut it"):
        table("time,metres\n2026-08-03 14:00,1\n")
    with pytest.raises(BadTides, match="no file"):
        read_tides(tmp_path, KAMCHATKA)


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=60) | st.binary(max_size=60))
def test_whatever_stands_in_a_table_it_is_read_or_refused_in_words(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(b"time,metres\n" + (text if isinstance(text, bytes) else text.encode("utf-8", "replace")))

    try:
        read = read_tides(path, KAMCHATKA, skip_bad=True)
    except BadTides as error:
        assert "any.csv" in str(error)
    else:
        assert all(math.isfinite(metres) and at.tzinfo is None for at, metres in read.heights.items())


def test_a_table_twice_adds_nothing_and_a_corrected_one_corrects(beach, table):
    read = table("time,metres\n2026-08-03 14:00,1.25\n2026-08-03 15:00,1.5\n")

    first, again = store_tides(beach, "Beach", read), store_tides(beach, "Beach", read)
    corrected = store_tides(beach, "Beach", replace(read, heights=read.heights | {TWO: 1.0}))

    assert [(one.added, one.changed, one.known) for one in (first, again, corrected)] == [
        (2, 0, 0),
        (0, 0, 2),
        (0, 1, 1),
    ]
    beach.flush()
    assert beach.get(TideRow, ("Beach", TWO)).metres == 1.0


def test_moves_of_other_cameras_stay(beach):
    beach.add(MoveRow(site="Beach", camera="CAM9", at=TWO))
    beach.flush()

    cameras.machine_found(beach, "Beach", "CAM1", [])

    assert beach.get(MoveRow, ("Beach", "CAM9", TWO)) is not None
