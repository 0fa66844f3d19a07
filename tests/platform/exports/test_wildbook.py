"""Wildbook's bulk import sheet as openpyxl reads it."""

from datetime import datetime, timedelta

import pytest
from openpyxl import load_workbook

from haulout.exports.source import CannotExport
from haulout.tables import SiteRow

SITE = "Cape Кожевникова"


def sheet(path):
    header, *rows = load_workbook(path).active.iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_each_dated_sighting_is_a_row_with_its_crop_place_and_individual(season, tmp_path):
    season.export("wildbook", tmp_path / "out", wildbook_user="anna")

    found = sheet(tmp_path / "out" / "wildbook-001.xlsx")

    assert found[0] == {
        "Encounter.mediaAsset0": "a1.jpg",
        "Encounter.genus": "Odobenus",
        "Encounter.specificEpithet": "rosmarus",
        "Encounter.year": 2026,
        "Encounter.month": 8,
        "Encounter.day": 1,
        "Encounter.hour": 9,
        "Encounter.minutes": 0,
        "Encounter.locationID": SITE,
        "Encounter.verbatimLocality": SITE,
        "Encounter.decimalLatitude": 69.75,
        "Encounter.decimalLongitude": 60.55,
        "MarkedIndividual.individualID": "W0001",
        "Encounter.sightingID": found[0]["Encounter.sightingID"],
        "Encounter.otherCatalogNumbers": "a1",
        "Encounter.submitterID": "anna",
    }
    assert [one["Encounter.mediaAsset0"] for one in found] == ["a1.jpg", "a4.jpg", "a5.jpg"]


def test_columns_that_nobody_can_fill_are_left_out(season, tmp_path):
    season.store(SiteRow(name=SITE, latitude=1, longitude=2, geoprivacy="withheld", changed_at=datetime(2026, 8, 1)))
    season.export("wildbook", tmp_path / "out")

    columns = set(sheet(tmp_path / "out" / "wildbook-001.xlsx")[0])

    assert columns.isdisjoint({"Encounter.decimalLatitude", "Encounter.decimalLongitude", "Encounter.submitterID"})


def test_no_cell_is_a_formula_or_an_error(empty, tmp_path):
    for number, site in enumerate(("=1+1", "@SUM(A1)", "#N/A", "-2", "+3", "a\x01b\x00")):
        photo = empty.photo(f"p{number}", datetime(2026, 8, 1), site=site)
        empty.animal(f"a{number}", empty.tile(photo, (0, 0, 400, 300)), (0, 0, 9, 9), f"=W{number}")
    empty.export("wildbook", tmp_path / "out", wildbook_user='=HYPERLINK("http://example.org")')

    book = load_workbook(tmp_path / "out" / "wildbook-001.xlsx")

    cells = [cell for row in book.active.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    texts = [cell.value for cell in cells if isinstance(cell.value, str)]
    assert not [text for text in texts if text.startswith(("=", "@", "+", "-"))]
    assert {"'=1+1", "'@SUM(A1)", "#N/A", "'-2", "a b "} <= set(texts)


def test_a_sheet_holds_no_more_than_a_wildbook_wants(empty, tmp_path):
    for number in range(3):
        photo = empty.photo(f"p{number}", datetime(2026, 8, 1) + timedelta(days=number))
        tile = empty.tile(photo, (0, 0, 400, 300))
        if number == 0:
            empty.animal("first", tile, (0, 0, 9, 9), "W0001")
    empty.many_sightings(photo, 401)
    manifest = empty.export("wildbook", tmp_path / "out")

    assert [(file.name, file.records) for file in manifest.files] == [
        ("wildbook-001.xlsx", 200),
        ("wildbook-002.xlsx", 200),
        ("wildbook-003.xlsx", 2),
    ]
    names = [one["Encounter.mediaAsset0"] for file in manifest.files for one in sheet(tmp_path / "out" / file.name)]
    assert len(set(names)) == 402


def test_without_any_dated_sighting_there_is_nothing_to_import(empty, tmp_path):
    empty.animal("a1", empty.tile(empty.photo("p", None), (0, 0, 400, 300)), (0, 0, 9, 9), "W0001")

    with pytest.raises(CannotExport, match="no individual was seen on a known date"):
        empty.export("wildbook", tmp_path / "out")

    assert not (tmp_path / "out").exists()
