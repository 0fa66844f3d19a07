"""Every page works on an empty and on a filled database, in both languages, and gives nothing away."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from haulout.db import connect, writing
from haulout.tables import ConsensusRow, ImportedRow, ImportRow, JobRow, RunRow
from haulout.web import create_app
from haulout.web.wanted import Filter

PLAIN = ("/", "/running", "/photos", "/batches", "/models", "/individuals", "/quarantine", "/report", "/years")
OF_ONE = ("/batches/1", "/individuals/W0001", "/individuals/W0002")
LANGUAGES = ("en", "ru")


def first_photo(season) -> str:
    return season.photos[1].id


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", PLAIN)
def test_each_page_opens_on_an_empty_database(empty_client: FlaskClient, path: str, language: str) -> None:
    answer = empty_client.get(path, query_string={"language": language})
    assert answer.status_code == 200
    assert "None" not in answer.text.replace("None. Every file", "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_page_opens_on_a_season_without_addresses_of_other_hosts(client, season, language: str) -> None:
    for path in (*PLAIN, *OF_ONE, f"/photos/{first_photo(season)}"):
        answer = client.get(path, query_string={"language": language})
        assert answer.status_code == 200, path
        hosts = set(re.findall(r"(?:https?:)?//([\w.-]+)", answer.text)) - {"127.0.0.1"}
        assert not hosts, (path, hosts)
        assert f'<html lang="{language}"' in answer.text or path == "/running"


def test_the_whole_season_is_told_on_an_empty_database_what_to_do_first(empty_client: FlaskClient) -> None:
    assert "haulout ingest" in empty_client.get("/").text
    assert "haulout run" in empty_client.get("/batches").text


def test_a_chosen_language_is_remembered(client: FlaskClient) -> None:
    client.get("/models?language=ru")
    assert '<html lang="ru"' in client.get("/photos").text


def test_the_browser_s_language_is_spoken_to_a_new_visitor(client: FlaskClient) -> None:
    assert '<html lang="ru"' in client.get("/", headers={"Accept-Language": "ru-RU,ru;q=0.9,en;q=0.5"}).text


def test_russian_numbers_take_their_three_forms(app: Flask) -> None:
    russian = app.extensions["haulout"].languages["ru"]
    forms = [russian.ngettext("%(num)s photo", "%(num)s photos", n) % {"num": n} for n in (1, 3, 5, 11, 21)]
    assert forms == ["1 снимок", "3 снимка", "5 снимков", "11 снимков", "21 снимок"]


def test_the_overview_leads_people_to_their_questions_at_the_desk(client: FlaskClient) -> None:
    page = client.get("/").text
    assert 'href="/desk?question=boxes"' in page and 'href="/desk?question=pair"' in page
    assert "question=box_dispute" not in page, "a question without open tasks has nothing to start"


def test_the_overview_shows_how_far_a_run_is(client: FlaskClient, season) -> None:
    with writing(season.services.database) as session:
        now = season.services.now()
        session.add(RunRow(started_at=now, heard_at=now, message="Looking at <photos>", done=3, total=8))
    page = client.get("/").text
    assert '<progress max="8" value="3"' in page
    assert "Looking at &lt;photos&gt;" in page
    assert "running.js" in page


def test_the_stage_of_a_run_is_told_in_the_reader_s_language(client: FlaskClient, season) -> None:
    with writing(season.services.database) as session:
        now = season.services.now()
        session.add(RunRow(started_at=now, heard_at=now, stage="settle", message="Merging the votes"))
    assert "Сведение голосов" in client.get("/running?language=ru").text


@pytest.mark.parametrize(
    ("job", "told"),
    [("wanted", "goes on by itself, attempt 2 of 3"), ("failed", "<code>haulout run</code>")],
)
def test_a_run_that_was_interrupted_says_whether_it_goes_on_by_itself(client, season, job, told) -> None:
    with writing(season.services.database) as session:
        now = season.services.now()
        run = RunRow(started_at=now, heard_at=now, state="interrupted")
        session.add(run)
        session.flush()
        session.add(JobRow(kind="run", cause="monday", state=job, attempts=1, run=run.id, heard_at=now, created_at=now))

    for page in ("/", "/running"):
        assert told in client.get(page).text
    refreshed = "running.js" in client.get("/").text
    assert refreshed is (job == "wanted")


def test_a_photo_carries_the_boxes_of_machine_votes_and_consensus(client: FlaskClient, season) -> None:
    page = client.get(f"/photos/{season.photos[2].id}").text
    assert 'viewBox="0 0 800 600"' in page
    assert [part.count("M") for part in layers(page)] == [3, 6, 3]


def layers(page: str) -> list[str]:
    names = ("machine", "votes", "consensus")
    return [re.search(rf'<g id="{name}-boxes" class="boxes"><path d="(.*?)"/></g>', page, re.S)[1] for name in names]


def test_what_was_imported_and_what_disturbed_is_told_of_a_photo(client: FlaskClient, season) -> None:
    photo = season.photos[2]
    with writing(season.services.database) as session:
        session.add(ImportRow(id=1, source="Old <boxes>", kind="coco", sha256="5" * 64, at=season.services.now()))
        session.flush()
        packed = np.array([[10, 20, 110, 90, 1.0]]).tobytes()
        session.add(ImportedRow(source=1, photo=photo.id, packed=packed))
        session.get_one(ConsensusRow, "tile-3").disturbed = {"boat": 1, "bear": 0}
    page = client.get(f"/photos/{photo.id}").text
    assert '<path d="M10.0 20.0h100.0v70.0h-100.0z"/>' in page
    assert "Old &lt;boxes&gt; (1)" in page
    assert "boat (1 of 2 saw it)" in page
    assert "bear (" not in page
    assert "disturbed=boat" in page
    assert (
        "imported"
        not in client.get(f"/photos/{season.photos[1].id}").text.split("About this photo")[0].split("stage")[0]
    )


def test_photos_are_found_by_what_disturbed_and_by_who_was_seen(client: FlaskClient, season) -> None:
    with writing(season.services.database) as session:
        session.get_one(ConsensusRow, "tile-3").disturbed = {"boat": 1}
        session.get_one(ConsensusRow, "tile-4").disturbed = {"boat": 0, "bear": 2}
    ids = [photo.id for photo in season.photos]
    assert listed(client, disturbed="boat") == [ids[2]]
    assert listed(client, disturbed="bear", shows="animals") == [ids[3]]
    assert listed(client, disturbed="aircraft") == []
    assert listed(client, individual="W0001") == [ids[1], ids[2]]
    assert listed(client, individual="W0001", disturbed="boat") == [ids[2]]
    assert listed(client, individual="nobody") == []


def test_days_are_asked_for_one_by_one_as_a_range_or_as_a_month(client: FlaskClient, season) -> None:
    ids = [photo.id for photo in season.photos]
    assert listed(client, first="2026-08-02", last="2026-08-03") == [ids[1], ids[5], ids[2]]
    assert listed(client, first="2026-08-04") == [ids[3], ids[4]]
    assert listed(client, month="2026-08", camera="CAM2") == [ids[5]]
    assert listed(client, month="2026-09") == []
    assert listed(client, month="2026-08", day="2026-09-01") == []
    assert listed(client, last="9999-12-31", camera="CAM2") == [ids[5]], "who asks for days wants photos with a time"


@pytest.mark.parametrize(
    "said",
    [
        {"site": "A", "camera": "1", "day": "2026-08-02", "shows": "animals"},
        {"month": "2026-02", "split": "exam", "disturbed": "boat", "individual": "W-1"},
        {"first": "2026-08-02", "last": "2026-09-30", "triage": "look"},
        {"first": "2026-08-02"},
    ],
)
def test_a_filter_is_written_as_it_was_read(said: dict[str, str]) -> None:
    assert Filter.of(said).arguments() == said


@pytest.mark.parametrize(
    "rubbish",
    [
        {"site": "a\0b", "camera": "\0", "individual": "\0", "after": "\0", "before": "x" * 5000},
        {"day": "2026-02-30", "first": "0000-00-00", "last": "-1", "month": "2026-13", "shows": "all"},
        {
            "month": "9999-99",
            "day": "0001-01-01x",
            "disturbed": "' OR 1=1 --",
            "triage": "\udcff".encode("utf-8", "replace"),
        },
    ],
)
def test_a_filter_that_makes_no_sense_is_left_out(client: FlaskClient, season, rubbish: dict[str, str]) -> None:
    assert len(listed(client, **rubbish)) == len(season.photos)


def listed(client: FlaskClient, **wanted: str) -> list[str]:
    return re.findall(r'href="/photos/([0-9a-f]{64})"', client.get("/photos", query_string=wanted).text)


def test_photos_are_found_by_camera_day_animals_and_split(client: FlaskClient, season) -> None:
    def found(**wanted: str) -> set[str]:
        return set(listed(client, **wanted))

    ids = [photo.id for photo in season.photos]
    assert found() == set(ids)
    assert found(camera="CAM2") == set(ids[5:])
    assert found(camera="CAM2", site="Matveyev Island") == set(ids[5:])
    assert found(camera="CAM2", site="Dolgy") == found(site="Dolgy") == set()
    assert found(day="2026-08-02") == {ids[1], ids[5]}
    assert found(shows="animals") == {*ids[1:4], *ids[5:]}
    assert found(shows="nothing") == {ids[0], ids[4]}
    assert found(split="exam") == {ids[4]}
    assert found(day="rubbish", shows="rubbish", page="99") == set(ids)


def test_the_photos_of_a_camera_follow_one_another(client: FlaskClient, season) -> None:
    page = client.get(f"/photos/{season.photos[2].id}").text
    assert f'rel="prev" href="/photos/{season.photos[1].id}"' in page
    assert f'rel="next" href="/photos/{season.photos[3].id}"' in page
    assert 'rel="next"' not in client.get(f"/photos/{season.photos[4].id}").text


def test_an_individual_s_page_draws_the_marks_over_the_crop(client: FlaskClient, season) -> None:
    page = client.get("/individuals/W0001").text
    assert page.count('class="mark"') == 2
    assert "tusk tip" in page
    assert len(re.findall("Show the photo", page)) == 2


def test_what_the_database_holds_is_escaped(client: FlaskClient) -> None:
    page = client.get("/quarantine").text
    assert "in the middle of the picture &lt;b&gt;" in page


def test_pictures_are_given_without_what_the_camera_wrote_into_them(client: FlaskClient, season) -> None:
    original = season.services.storage.original(season.photos[1].id, ".jpg").read_bytes()
    one = season.photos[1].id
    for path in (f"photos/{one}", f"thumbnails/{one}", "tiles/tile-2", "crops/animal-1-0"):
        answer = client.get(f"/pictures/{path}.jpg")
        assert answer.status_code == 200, path
        assert answer.mimetype == "image/jpeg"
        assert answer.data != original
        assert b"SECRET POSITION" not in answer.data
        assert not Image.open(io.BytesIO(answer.data)).getexif()
    assert b"SECRET POSITION" in original


@pytest.mark.parametrize(
    "path",
    [
        "photos/../../originals/x.jpg",
        "photos/%2e%2e%2f%2e%2e%2fseason.sqlite",
        "crops/..%2f..%2fsecrets.json",
        "originals/x.jpg",
        "tiles/nothing.jpg",
    ],
)
def test_nothing_but_known_pictures_is_given(client: FlaskClient, path: str) -> None:
    assert client.get(f"/pictures/{path}").status_code == 404


@pytest.mark.parametrize("kind", ["photos", "thumbnails"])
def test_a_picture_whose_original_is_lost_is_drawn_as_missing(client: FlaskClient, season, kind: str) -> None:
    photo = season.photos[0]
    season.services.storage.original(photo.id, ".jpg").unlink()
    answer = client.get(f"/pictures/{kind}/{photo.id}.jpg?language=ru")
    assert (answer.status_code, answer.mimetype) == (404, "image/svg+xml")
    assert "Снимка нет" in answer.text
    assert "Restore the file from a backup" in client.get(f"/photos/{photo.id}?language=en").text
    assert "Restore the file" not in client.get(f"/photos/{season.photos[1].id}").text


def test_a_picture_that_cannot_be_read_is_drawn_as_missing(client: FlaskClient, season) -> None:
    photo = season.photos[0]
    season.services.storage.original(photo.id, ".jpg").write_bytes(b"no picture")
    assert client.get(f"/pictures/thumbnails/{photo.id}.jpg").mimetype == "image/svg+xml"


def test_a_list_shows_small_pictures(client: FlaskClient, season) -> None:
    photo = season.photos[0]
    assert f'src="/pictures/thumbnails/{photo.id}.jpg"' in client.get("/photos").text
    given = Image.open(io.BytesIO(client.get(f"/pictures/thumbnails/{photo.id}.jpg").data))
    assert given.size == (640, 480)


@pytest.mark.parametrize("path", ["/nothing", "/photos/0", "/batches/99", "/individuals/nobody"])
def test_an_unknown_address_is_explained(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "There is no such page" in answer.text


def test_every_answer_forbids_foreign_content_and_framing(client: FlaskClient) -> None:
    headers = client.get("/").headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_health_says_whether_the_database_answers(client: FlaskClient, season) -> None:
    assert client.get("/readyz").json == {"status": "up", "database": "answers", "disk": "has room"}
    lost = create_app(replace(season.services, database=connect("sqlite:////nowhere/at/all.sqlite"))).test_client()
    answer = lost.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (503, "down")
    assert lost.get("/healthz").json == {"status": "up"}  # a restart of the pages would mend no database


def test_a_page_that_breaks_is_explained(client: FlaskClient, season) -> None:
    with season.services.database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE run RENAME TO lost")
    answer = client.get("/")
    assert answer.status_code == 500
    assert "This page could not be made" in answer.text
