"""Capture histories say who was recognised on which day with photos, in the forms that programs want."""

import re
from datetime import datetime

import pytest

from haulout.exports.source import CannotExport


def test_the_matrices_have_a_column_for_each_day_or_year_with_photos(season, tmp_path, rows):
    season.export("captures", tmp_path / "out")

    by_day = rows(tmp_path / "out" / "history-by-day.csv")
    by_year = rows(tmp_path / "out" / "history-by-year.csv")

    days = ["2026-08-01", "2026-08-02", "2026-08-04", "2026-08-05", "2026-08-06", "2026-09-20", "2027-08-01"]
    assert list(by_day[0]) == ["individualID", *days]
    assert ["".join(list(one.values())[1:]) for one in by_day] == ["1000001", "0000001"]
    assert by_year == [
        {"individualID": "W0001", "2026": "1", "2027": "1"},
        {"individualID": "W0002", "2026": "0", "2027": "1"},
    ]


def test_mark_reads_a_history_of_equal_length_and_one_animal_a_line(season, tmp_path):
    season.export("captures", tmp_path / "out")

    lines = (tmp_path / "out" / "history-by-day.inp").read_text().splitlines()

    assert lines == ["/* W0001 */ 1000001 1;", "/* W0002 */ 0000001 1;"]
    assert all(re.fullmatch(r"/\* \S+ \*/ [01]+ 1;", line) for line in lines)


def test_the_long_table_counts_occasions_within_a_year_as_secr_does(season, tmp_path, rows):
    season.export("captures", tmp_path / "out")

    captures = rows(tmp_path / "out" / "captures.csv")
    occasions = rows(tmp_path / "out" / "occasions.csv")

    assert list(captures[0])[:4] == ["session", "individualID", "occasion", "detector"]
    assert [(one["session"], one["individualID"], one["occasion"]) for one in captures] == [
        ("2026", "W0001", "1"),
        ("2027", "W0001", "1"),
        ("2027", "W0002", "1"),
    ]
    assert [(one["session"], one["occasion"], one["photos"]) for one in occasions][:2] == [
        ("2026", "1", "2"),
        ("2026", "2", "1"),
    ]
    assert len(occasions) == 7


def test_a_name_cannot_end_the_comment_of_its_line(empty, tmp_path):
    photo = empty.photo("p", datetime(2026, 8, 1))
    empty.animal("a1", empty.tile(photo, (0, 0, 400, 300)), (0, 0, 9, 9), "W1 */ 1 99;\n")
    empty.export("captures", tmp_path / "out")

    assert (tmp_path / "out" / "history-by-day.inp").read_text() == "/* W1 * / 1 99;  */ 1 1;\n"


def test_without_any_dated_sighting_there_is_no_history(empty, tmp_path):
    empty.photo("p", datetime(2026, 8, 1))

    with pytest.raises(CannotExport, match="experts have to say first who is who"):
        empty.export("captures", tmp_path / "out")
