"""What holds for every format: the same data give the same bytes, and secrets stay where they are."""

import hashlib
import io
import json
import logging
import re
import sys
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from haulout import cli
from haulout.db import connect, create_tables, writing
from haulout.exports.contents import Blob
from haulout.exports.formats import ALL, FORMATS, UnknownFormat
from haulout.exports.manifest import verify
from haulout.exports.source import NothingToExport, opened
from haulout.tables import IngestionRow, PhotoRow, SiteRow

SITE = "Cape Кожевникова"
SECRETS = (
    "69.7123",
    "60.5432",
    "anna@example.org",
    "secret-key",
    "987000",
    hashlib.sha256(b"a token").hexdigest(),
    "/media/",
)


def everything_in(folder: Path):
    """Give the bytes of every file, and of what lies inside those that are packed."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            yield path, data
            if zipfile.is_zipfile(io.BytesIO(data)):
                with zipfile.ZipFile(io.BytesIO(data)) as archive:
                    yield from ((path / name, archive.read(name)) for name in archive.namelist())


def test_the_same_data_give_the_same_bytes_whenever_they_are_exported(season, tmp_path):
    first = season.export(ALL, tmp_path / "first")
    season.services = replace(season.services, now=lambda: datetime(2031, 1, 1))
    second = season.export(ALL, tmp_path / "second")

    assert first == second and set(FORMATS) == {file.name.split("/")[0] for file in first.files}
    for file in [*(file.name for file in first.files), "manifest.json", "checksums-sha256.txt"]:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes(), file
    for path, data in everything_in(tmp_path / "first"):
        assert datetime.now(UTC).date().isoformat().encode() not in data, path


def test_new_data_have_a_new_version(season, tmp_path):
    first = season.export("csv", tmp_path / "first")
    season.vote("person-1", season.tile(season.photo("new", None), (0, 0, 400, 300)))

    assert season.export("csv", tmp_path / "second").data_version != first.data_version


@pytest.mark.parametrize("geoprivacy", ["obscured", "approximate", "withheld"])
def test_no_byte_of_any_export_tells_a_true_place_a_person_or_a_secret(season, tmp_path, geoprivacy):
    place = {"latitude": 69.712345, "longitude": 60.543219, "geoprivacy": geoprivacy}
    season.store(SiteRow(name=SITE, changed_at=datetime(2026, 8, 1), **place))
    season.export(ALL, tmp_path / "out")

    searched = 0
    for path, data in everything_in(tmp_path / "out"):
        for secret in SECRETS:
            assert secret.encode() not in data, (path, secret)
        searched += 1
    assert searched > 30


def test_an_exact_place_is_told_when_the_operator_wants_it(season, tmp_path):
    exact = {"latitude": 69.712345, "longitude": 60.543219, "geoprivacy": "exact"}
    season.store(SiteRow(name=SITE, changed_at=datetime(2026, 8, 1), **exact))
    season.export(ALL, tmp_path / "out")

    telling = {path.name for path, data in everything_in(tmp_path / "out") if b"69.712345" in data}
    assert telling >= {"deployments.csv", "occurrence.txt", "datapackage.json", "sheet1.xml"}


def test_what_the_data_do_not_allow_is_left_out_of_all_and_the_manifest_says_why(empty, tmp_path):
    empty.photo("p", datetime(2026, 8, 1))
    manifest = empty.export(ALL, tmp_path / "out")

    assert set(manifest.left_out) == {"camtrap-dp", "wildbook", "captures"}
    assert "haulout site" in manifest.left_out["camtrap-dp"]
    stored = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert stored["left_out"] == manifest.left_out and verify(tmp_path / "out") == manifest


def test_several_sites_have_boxes_in_folders_of_their_own(season, tmp_path):
    season.photo("elsewhere", datetime(2026, 8, 1), site="../Other/ ..")
    manifest = season.export("coco", tmp_path / "out")

    folders = {file.name.split("/")[0] for file in manifest.files}
    assert len(folders) == 2 and all(re.fullmatch(r"0[12]-[\w-]+", folder) for folder in folders)
    assert {path.name for path in tmp_path.iterdir()} == {"home", "out"}


def test_what_is_written_meanwhile_does_not_show(season, tmp_path):
    database = connect(f"sqlite:///{tmp_path / 'haulout.sqlite'}")
    create_tables(database)
    season.services = replace(season.services, database=database)
    season.store(*_rows_for_one_photo())
    with opened(database, None) as source:
        before = source.photo_count()
        season.photo("meanwhile", datetime(2026, 8, 2))

        assert (before, source.photo_count()) == (1, 1)
        assert [photo.name for photos in source.photos() for photo in photos] == ["p.JPG"]
    with opened(database, None) as source:
        assert source.photo_count() == 2


def _rows_for_one_photo():
    now = datetime(2026, 8, 1)
    photo = {"site": SITE, "camera": "north", "burst": "b", "width": 4, "height": 3, "suffix": ".jpg", "size_bytes": 1}
    return (
        IngestionRow(id=1, folder="card", site=SITE, started_at=now),
        PhotoRow(id="ab" * 32, name="p.JPG", ingestion=1, ingested_at=now, taken_at=now, **photo),
    )


def test_a_format_or_site_that_is_none_is_told_with_those_that_are(season, tmp_path):
    with pytest.raises(UnknownFormat, match="camtrap-dp, darwin-core, wildbook, csv, captures, coco, all"):
        season.export("excel", tmp_path / "out")
    with pytest.raises(NothingToExport, match=f"no photo of 'Nowhere'; there are photos of {SITE}"):
        season.export("csv", tmp_path / "out", site="Nowhere")
    assert list(tmp_path.iterdir()) == [tmp_path / "home"]


def test_progress_is_told_while_photos_and_rows_go_by(season, tmp_path):
    heard = []
    season.export("csv", tmp_path / "out", tell=lambda *said: heard.append(said))

    assert ("Going through the photos", 9, 9) in heard
    assert ("Writing photos.csv", 9, 0) in heard


def test_a_new_format_is_one_line(season, tmp_path, monkeypatch):
    monkeypatch.setitem(FORMATS, "note", lambda source: iter([Blob("note.txt", [source.sites[0].encode()])]))

    season.export("note", tmp_path / "out")

    assert (tmp_path / "out" / "note.txt").read_text() == SITE


@pytest.fixture
def haulout(tmp_path, monkeypatch, capsys):
    """Return a function that runs a command in a home of its own and gives its exit code and what it said."""
    for name in ("DATABASE_URL", "REDIS_URL", "LABEL_STUDIO_URL", "LABEL_STUDIO_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HAULOUT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(logging, "basicConfig", lambda **_settings: None)

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["haulout", *map(str, arguments)])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        said = capsys.readouterr()
        return code, " ".join((said.out + said.err).split())

    return run


def test_the_command_writes_checks_refuses_and_replaces(haulout, tmp_path):
    out = tmp_path / "out"
    assert haulout("export", "csv", "--out", out)[0] == 1
    database = connect(f"sqlite:///{tmp_path / 'home' / 'haulout.sqlite'}")
    with writing(database) as session:
        session.add_all(_rows_for_one_photo())

    code, said = haulout("export", "csv", "--out", out)
    assert code == 0 and "13 files" in said and "Data version" in said
    code, whole = haulout("export", "--verify", out)
    assert code == 0 and whole.startswith("Whole:") and whole.split()[-1] == said.split()[-1]
    assert haulout("export", "csv", "--out", out)[0] == 1
    assert haulout("export", "csv", "--out", out, "--replace")[0] == 0
    (out / "photos.csv").write_text("")
    code, said = haulout("export", "--verify", out)
    assert code == 1 and "photos.csv was changed" in said
    assert haulout("export", "csv")[0] == 2
    assert haulout("export", "excel", "--out", out)[0] == 2
