"""The pages of people and tiles tell how everybody draws, and never which tiles measure them."""

import ast
import inspect
import re

import pytest
from flask.testing import FlaskClient
from sqlmodel import select

from active_learning import suspicion
from haulout.db import writing
from haulout.tables import AnswerRow, ConsensusRow, PersonRow, SuspicionRow
from haulout.web.reasons import SENTENCES
from haulout.web.wording import WORDS

LANGUAGES = ("en", "ru")
PEOPLE = ("person-0", "person-1", "person-2", "person-4", "person-5", "person-7")


def plain(page: str) -> str:
    """Return the page's words without marks, spaces folded."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_page_opens_without_addresses_of_other_hosts(client: FlaskClient, people, language: str) -> None:
    tiles = ["tile-1", "tile-2", people.disputed, *people.teaching, *people.measuring]
    for path in ("/", "/people", *(f"/people/{one}" for one in PEOPLE), *(f"/tiles/{one}" for one in tiles)):
        answer = client.get(path, query_string={"language": language})
        assert answer.status_code == 200, path
        assert set(re.findall(r"(?:https?:)?//([\w.-]+)", answer.text)) <= {"127.0.0.1"}, path
        assert not re.findall(r"\sstyle=|<style|\son\w+=", answer.text), "the content policy would block it"
        assert "None" not in answer.text
        assert "nan" not in plain(answer.text).split()


@pytest.mark.parametrize(
    "name", ["nobody", "..%2f..%2fseason.sqlite", "%00", "person-0%00", "%3Cscript%3E", "x" * 3000]
)
@pytest.mark.parametrize("kind", ["tiles", "people"])
def test_an_unknown_or_hostile_name_is_explained(client: FlaskClient, people, kind: str, name: str) -> None:
    answer = client.get(f"/{kind}/{name}")
    assert answer.status_code == 404
    assert "<script>" not in answer.text


def test_nothing_tells_which_tiles_measure_people_nor_how_one_went(client: FlaskClient, people, season) -> None:
    pages = {path: client.get(path).text for path in every_page(season, people)}
    for path, page in pages.items():
        assert "gold" not in page.lower(), path
        assert "measuring" not in page.lower(), path
    for tile in people.measuring:
        naming = {path for path, page in pages.items() if tile in page}
        photo = next(photo.id for photo in season.photos if tile.startswith(photo.id[:16]))
        assert naming == {f"/tiles/{tile}", f"/photos/{photo}"}, "only where all tiles are named"


def every_page(season, people) -> list[str]:
    photos = [f"/photos/{photo.id}" for photo in season.photos]
    tiles = [f"/tiles/{tile}" for tile in (*people.teaching, *people.measuring, people.disputed, "tile-1")]
    persons = [f"/people/person-{number}" for number in range(8)]
    plain = ["/", "/photos", "/batches", "/batches/1", "/models", "/individuals", "/people", "/report"]
    return [*plain, *photos, *tiles, *persons]


def test_a_tile_that_is_asked_again_as_gold_looks_as_if_it_never_were(client: FlaskClient, people, season) -> None:
    tile = people.measuring[0]
    photo = next(photo.id for photo in season.photos if tile.startswith(photo.id[:16]))
    before = client.get(f"/tiles/{tile}").text, client.get(f"/photos/{photo}").text
    assert "person-0" not in before[0]

    with writing(season.services.database) as session:
        for answer in session.exec(select(AnswerRow).where(AnswerRow.person == "person-0", AnswerRow.task > 90)):
            session.delete(answer)

    assert (client.get(f"/tiles/{tile}").text, client.get(f"/photos/{photo}").text) == before


def test_teaching_and_measuring_tiles_look_alike(client: FlaskClient, people) -> None:
    def shape(tile: str) -> str:
        return re.sub(r"[0-9a-f]{16,}|[\d.]+", "#", client.get(f"/tiles/{tile}").text)

    assert shape(people.teaching[0]) == shape(people.measuring[0])


def test_how_a_person_was_measured_is_told_by_fives_only(client: FlaskClient, people, season) -> None:
    assert "On tiles with a known answer" in client.get("/people/person-0").text
    assert "5 answers" in plain(client.get("/people/person-0").text), "of six, one is kept back"

    with writing(season.services.database) as session:
        for tile in people.measuring[:2]:
            row = session.get_one(ConsensusRow, tile)
            row.by_expert = False
            session.add(row)

    assert "On tiles with a known answer" not in client.get("/people/person-0").text


def test_a_teaching_tile_shows_what_was_right_missed_and_false(client: FlaskClient, people) -> None:
    page = client.get("/people/person-0").text
    lessons = page[page.index('id="lessons"') :]
    assert re.findall(r'href="/tiles/([^"]+)"', lessons) == people.teaching[::-1]
    assert lessons.count("right 1, missed 1, false 1") == 3
    for style in ("right", "missed", "false"):
        assert lessons.count(f'class="layer {style}"') == 3
    assert 'id="lessons"' not in client.get("/people/person-1").text, "who answered it before it was settled"


def test_people_are_listed_by_answers_with_skill_suspicion_and_exclusion(client: FlaskClient, people) -> None:
    page = client.get("/people").text
    order = re.findall(r'<th scope="row"><a href="/people/([\w-]+)"', page)
    assert order == [f"person-{number}" for number in (0, 1, 2, 3, 4, 5, 6, 7)]
    words = plain(page)
    assert "93% (90%–95%)" in words
    assert "boxes at random nobody else confirms 31 of 34 boxes on 9 of 11 tiles" in words
    assert "haulout exclude person-1" in words
    assert "excluded To count the votes again: haulout include person-4" in words
    assert "haulout include person-5" not in words, "the last decision holds"
    assert "%" not in plain(re.search(r"person-3</a>.*?</tr>", page, re.S)[0]), (
        "three tiles are too few to say anything"
    )


def test_a_person_s_decisions_are_told_and_escaped(client: FlaskClient, people) -> None:
    page = client.get("/people/person-5").text
    assert page.index("was a child") < page.index("draws &lt;b&gt;nonsense&lt;/b&gt;")
    assert "haulout exclude person-5" in page
    assert re.findall(r'href="/tiles/([^"]+)"', client.get("/people/person-1").text) == ["tile-2", "tile-3"]


def test_a_tile_shows_who_did_what_and_what_comes_next(client: FlaskClient, people) -> None:
    page = client.get(f"/tiles/{people.disputed}").text
    words = plain(page)
    drew = ("person-0", "person-1", "person-3")
    rows = {name: re.search(rf'href="/people/{name}".*?</tr>', page, re.S)[0] for name in drew}
    numbers = {name: re.findall(r'class="number"[^>]*>([^<]*)<', row)[2:] for name, row in rows.items()}
    assert numbers["person-0"] == ["1", "1", "1", "1"], "who redraws a box has deleted the machine's"
    assert numbers["person-1"] == ["1", "0", "2", "0"]
    assert numbers["person-3"] == ["–", "–", "–", "2"]
    assert "the picture alone" in rows["person-3"]
    assert "said that nobody can judge it" in words
    assert "skipped" in words
    assert "An expert decides" in words
    assert "0.21 expected errors per animal; 0.05 or less is wanted" in words
    for weight in ("sure", "doubtful", "rejected"):
        assert page_layer(page, weight).count("M") == 1
    written = sorted(re.findall(r'<text class="percent[^>]*>([^<]+)<', page))
    assert written == ["30%", "70%"], "what is sure bears no number"


def page_layer(page: str, name: str) -> str:
    return re.search(rf'<g id="{name}-boxes" class="boxes">(.*?)</g>', page, re.S)[1]


def test_more_people_than_colours_share_the_last_one(client: FlaskClient, people, season) -> None:
    with writing(season.services.database) as session:
        model = session.exec(select(AnswerRow).where(AnswerRow.person == "person-3")).one()
        for number in range(20, 32):
            session.add(PersonRow(id=f"person-{number}", label_studio_user=number, joined_at=model.given_at))
            session.flush()
            fresh = {**model.model_dump(exclude={"id"}), "person": f"person-{number}"}
            session.add(AnswerRow(**fresh | {"label_studio_annotation": 7000 + number}))
    page = client.get(f"/tiles/{people.disputed}").text
    assert page.count('id="layer-hand-') == 12
    assert len(set(re.findall(r'id="(layer-[\w-]+)"', page))) == len(re.findall(r'id="(layer-[\w-]+)"', page))


def test_the_photo_and_the_batch_lead_to_their_tiles(client: FlaskClient, season) -> None:
    assert 'href="/tiles/tile-2"' in client.get(f"/photos/{season.photos[1].id}").text
    assert client.get("/batches/1").text.count('href="/tiles/tile-') == 5


def test_the_first_page_says_that_there_are_alarms(client: FlaskClient, season) -> None:
    assert "about how tiles are finished" not in plain(client.get("/").text)
    with writing(season.services.database) as session:
        row = session.get_one(ConsensusRow, "tile-2")
        row.voters = 1
        session.add(row)
    assert "1 alarm about how tiles are finished" in client.get("/").text
    page = client.get("/people").text
    assert "1 tile with animals was finished by fewer than two people." in page
    assert 'href="/tiles/tile-2"' in page


def test_the_reasons_are_translated_as_they_are_written() -> None:
    texts = [node.value for node in ast.walk(ast.parse(inspect.getsource(suspicion))) if isinstance(node, ast.Constant)]
    blanks = [re.sub(r"\{(\w+)(?::\.0f)?\}", r"%(\1)s", text) for text in texts if isinstance(text, str)]
    assert set(SENTENCES) <= set(blanks)
    assert len(SENTENCES) == len(suspicion.SuspicionKind)
    kinds = {word for kind, word in WORDS if kind == "suspicion"}
    assert kinds == {kind.value for kind in suspicion.SuspicionKind}


def test_a_reason_reads_russian_and_an_unknown_one_stays_as_it_is(client: FlaskClient, people, season) -> None:
    assert "никто другой не подтверждает 31 из 34" in client.get("/people?language=ru").text
    with writing(season.services.database) as session:
        row = session.exec(select(SuspicionRow)).one()
        row.reason = "does something new <3"
        session.add(row)
    assert "does something new &lt;3" in client.get("/people?language=ru").text


def test_the_report_says_how_the_machine_sways_people_with_an_interval(client: FlaskClient, people) -> None:
    page = " ".join(re.sub(r"<[^>]+>", " ", client.get("/report").text).split())

    assert "Animals the machine did not draw, overlooked 30% (30/100) 10% (6/60) 20% (7% … 31%)" in page
    assert "The machine's false boxes, believed 40% (20/50) – too few answers" in page.replace("&#39;", "'")
    assert "Как рамки компьютера влияют на людей" in client.get("/report?language=ru").text
