"""The plain tables: their figures, their dictionary, and cells that no spreadsheet takes for formulas."""

from datetime import datetime

import pytest

from haulout.exports.contents import as_csv, told
from haulout.tables import MoveRow, OccupancyRow
from labeling_configs.vocabulary import Same


def test_counts_are_those_of_people_and_machine_together(season, tmp_path, rows):
    season.export("csv", tmp_path / "out")
    name = {one["photo"]: one["file"][:-4] for one in rows(tmp_path / "out" / "photos.csv")}

    counts = {name[one["photo"]]: one for one in rows(tmp_path / "out" / "counts.csv")}

    figures = ("people", "machine", "expected", "settled", "unusable", "model")
    assert {photo: tuple(one[figure] for figure in figures) for photo, one in counts.items()} == {
        "full": ("2", "0", "0", "1.0", "0.0", "det-0002"),
        "half": ("1", "1", "0.9", "0.5", "0.0", "det-0002"),
        "blank": ("0", "0", "0", "1.0", "0.0", "det-0002"),
        "machine-blank": ("0", "0", "0.2", "0.0", "0.0", "det-0002"),
        "fog": ("0", "0", "0", "0.0", "1.0", ""),
        "unseen": ("0", "0", "0", "0.0", "0.0", ""),
        "later": ("0", "1", "0.7", "0.0", "0.0", "det-0002"),
        "undated": ("1", "0", "0", "1.0", "0.0", ""),
        "south": ("2", "0", "0", "1.0", "0.0", ""),
    }
    animals = rows(tmp_path / "out" / "animals.csv")
    assert [one["by"] for one in animals].count("people") == 6
    assert sum(int(one["machine"]) for one in counts.values()) == [one["by"] for one in animals].count("machine")


def test_every_column_of_every_table_stands_in_the_dictionary(season, tmp_path, rows):
    season.export("csv", tmp_path / "out")

    meaning = {(one["table"], one["column"]): one["meaning"] for one in rows(tmp_path / "out" / "data-dictionary.csv")}

    there = {
        (path.name, column)
        for path in (tmp_path / "out").glob("*.csv")
        if path.name != "data-dictionary.csv"
        for column in path.read_text().split("\n", 1)[0].split(",")
    }
    assert set(meaning) == there and len(there) > 80
    assert all(len(text) > 5 for text in meaning.values())


def test_days_events_and_seasons_are_those_of_the_report(season, tmp_path, rows):
    season.export("csv", tmp_path / "out")

    first = rows(tmp_path / "out" / "days.csv")[0]
    (event,) = rows(tmp_path / "out" / "events.csv")
    (year,) = rows(tmp_path / "out" / "seasons.csv")

    assert (first["day"], first["present"], first["maximum"], first["maximum_low"]) == (
        "2026-08-01",
        "0.99",
        "2.0",
        "1.5",
    )
    assert (event["arrival"], event["departure_high"], event["departure_open"]) == ("2026-08-01", "2026-08-02", "false")
    assert (year["index"], year["unseen"], year["last"]) == ("1.5", "1", "2026-09-20")


def test_a_site_alone_tells_nothing_of_others(season, tmp_path):
    photo = season.photo("elsewhere", datetime(2026, 8, 1), camera="spy", site="Other")
    tile = season.tile(photo, (0, 0, 400, 300))
    season.animal("a9", tile, (0, 0, 9, 9), "W0009")
    season.vote("person-9", tile, (0, 0, 9, 9))
    season.animal("a8", tile, (50, 0, 59, 9))
    season.verdict("person-9", "a8", "a9", Same.DIFFERENT)
    season.store(
        OccupancyRow(**dict.fromkeys(FIGURES, 0), site="Other", day=datetime(2026, 8, 1).date(), at=datetime.min),
        MoveRow(site="Other", camera="spy", at=datetime(2026, 8, 1)),
    )
    for format_ in ("all", "csv"):
        season.export(format_, tmp_path / format_, site="Cape Кожевникова")

    for path in tmp_path.rglob("*.*"):
        if path.is_file():
            text = path.read_bytes()
            for other in (b"Other", b"spy", b"W0009", b"person-9", photo.encode()):
                assert other not in text, path


FIGURES = "photos visible checked present maximum maximum_low maximum_high mean mean_low mean_high".split()


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+7 911 1234567", "'+7 911 1234567"),
        ("-2+3", "'-2+3"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "' =1"),
        ("\r\n=1", "'  =1"),
        ("  =1", "'  =1"),
        ("＝1", "'＝1"),
        ("a=1", "a=1"),
        ("мыс", "мыс"),
        ("a\x00b\ud800c", "a b c"),
        (-1.5, "-1.5"),
        (-3, "-3"),
        (0.1, "0.1"),
        (float("nan"), ""),
        (float("-inf"), ""),
        (True, "true"),
        (None, ""),
    ],
)
def test_a_text_is_never_a_formula_and_a_number_stays_what_it_is(cell, written):
    assert told(cell) == written


def test_commas_quotes_and_lines_stay_inside_their_cell():
    assert as_csv([['say "no", or', "two\nlines"]]) == b'"say ""no"", or",two lines\n'
