"""The page of a batch shows its pictures, the reasons and the spread, in both languages and by links alone."""

import re
from datetime import timedelta

import numpy as np
import pytest
from flask.testing import FlaskClient
from sqlmodel import select

from haulout.db import reading, writing
from haulout.tables import BatchRow, ChosenRow, ConsensusRow, PhotoRow, ProposalRow, TileRow
from haulout.web import batches, looks
from haulout.web.wording import WORDS

REASONS = sorted(word for kind, word in WORDS if kind == "reason")
DOUBTS = {"uncertain": 1.4, "misplaced": 0.2, "missed": 0.05, "count": 0.7, "never heard of": 0.0}
MODEL = "detector-2"


@pytest.fixture
def batch(season) -> dict[str, str]:
    """Add batch 2: one tile for each reason, two of them of one photo; return the tile of each reason."""
    tiles = {reason: f"of-{reason}" for reason in REASONS}
    photos = [season.photos[max(0, n - 1) % len(season.photos)].id for n in range(len(REASONS))]
    with writing(season.services.database) as session:
        session.add(BatchRow(id=2, run=1, created_at=season.services.now(), seed=6, model=MODEL, code="0.1.0"))
        whole = [0, 0, 800, 600]
        session.add_all(
            TileRow(id=tile, photo=photo, shown=whole, core=whole)
            for tile, photo in zip(tiles.values(), photos, strict=True)
        )
        session.flush()
        session.add_all(
            ChosenRow(batch=2, tile=tile, reason=reason, value=1 / n, minutes=1.5, novelty=0.001, doubts=DOUBTS)
            for n, (reason, tile) in enumerate(tiles.items(), start=1)
        )
        settled = season.services.now()
        session.add(ConsensusRow(tile="of-rare", state="disputed", voters=2, agreement=0, boxes=[], settled_at=settled))
    return tiles


def describe(season, dimensions: int = 16) -> None:
    """Let the detector describe every photo."""
    rng = np.random.default_rng(3)
    with writing(season.services.database) as session:
        for photo in season.photos:
            row = session.get(ProposalRow, (photo.id, MODEL))
            row.features = (1 + rng.normal(0, 0.3, dimensions)).astype(np.float16).tobytes()


def cards(page: str) -> list[str]:
    return re.findall(r'<li class="card picture" id="tile-([^"]+)"', page)


def dots(page: str) -> list[str]:
    drawn = page.split('role="group"')[1].split("</svg>")[0]
    return re.findall(r'<a href="([^"]*)#tile-', drawn)


def test_a_batch_says_in_words_why_each_tile_was_chosen(client: FlaskClient) -> None:
    page = client.get("/batches/1").text
    assert "the machine is unsure here" in page
    assert page.count("drawn with a chance of 20%") == 3
    assert page.count("blind: people see no machine boxes") == 1
    assert page.count("2 votes") == 5


def test_a_batch_from_before_doubts_were_written_down_shows_none(client: FlaskClient) -> None:
    page = client.get("/batches/1").text
    assert len(cards(page)) == 5
    assert "was not written down" in page
    assert 'class="doubts"' not in page


@pytest.mark.parametrize(
    ("language", "goal", "minutes", "reason", "doubt"),
    [
        ("en", "to teach the detector", "16 min", "easy, so that volunteers keep heart", "unsure boxes"),
        ("ru", "обучить детектор", "16 мин", "лёгкий, чтобы волонтёры не падали духом", "спорные рамки"),
    ],
)
def test_the_head_the_reasons_and_the_doubts_are_told(client, batch, language, goal, minutes, reason, doubt) -> None:
    page = client.get("/batches/2", query_string={"language": language}).text
    assert goal in page
    assert minutes in page
    assert page.count(reason) >= 2, "in the table and on the card"
    assert page.count(doubt) == len(batch)
    assert "never heard of" not in page, "nothing would be learned of it"


def test_the_goal_of_a_batch_may_be_a_figure(client: FlaskClient, season, batch) -> None:
    with writing(season.services.database) as session:
        session.get(BatchRow, 2).goal = "share <of> days"
    assert "to narrow the interval of a figure: share &lt;of&gt; days" in client.get("/batches/2").text


def test_a_reason_s_link_shows_its_tiles_alone(client: FlaskClient, season, batch) -> None:
    describe(season)
    page = client.get("/batches/2").text
    assert len(cards(page)) == len(REASONS)
    assert 'href="/batches/2?reason=novel#pictures"' in page

    page = client.get("/batches/2?reason=novel").text
    assert cards(page) == [batch["novel"]]
    assert 'href="/batches/2#pictures"' in page
    assert sorted(dots(page)) == ["", *["/batches/2"] * (len(REASONS) - 1)], "dots lead to cards that are not here"


def test_a_reason_that_no_tile_has_is_not_heeded(client: FlaskClient) -> None:
    assert len(cards(client.get("/batches/1?reason=<rubbish>").text)) == 5


def test_the_pictures_most_worth_come_first(client: FlaskClient, batch) -> None:
    assert cards(client.get("/batches/2").text) == list(batch.values())


def test_each_tile_has_a_dot_of_its_own_on_the_map(client: FlaskClient, season, batch) -> None:
    describe(season)
    page = client.get("/batches/2").text
    drawn = page.split('role="group"')[1].split("</svg>")[0]
    places = re.findall(r"translate\(([\d. -]+)\)", drawn)
    assert dots(page) == [""] * len(REASONS)
    assert len(set(places)) == len(REASONS), "tiles of one photo stand side by side"
    assert drawn.count("<circle") == len(season.photos)
    assert page.count("looks familiar") == len(REASONS)


def test_without_descriptions_the_map_says_that_it_is_empty(client: FlaskClient, batch) -> None:
    page = client.get("/batches/2").text
    assert "the machine has described too few photos" in page
    assert "<circle" not in page


def test_photos_that_look_all_alike_are_drawn_in_the_middle(client: FlaskClient, season, batch) -> None:
    with writing(season.services.database) as session:
        for photo in season.photos:
            session.get(ProposalRow, (photo.id, MODEL)).features = np.ones(4, np.float16).tobytes()
    assert f'cx="{looks.WIDTH / 2}" cy="{looks.HEIGHT / 2}"' in client.get("/batches/2").text


def test_the_spread_tells_days_cameras_and_tiles_without_a_time(client: FlaskClient, batch) -> None:
    page = client.get("/batches/2").text
    assert '<td>1 August 2026</td><td class="number">3</td>' in page
    assert re.search(r"CAM1.*?9 <span class=\"quiet\">\(82%\)</span>", page, re.S)
    assert "1 more tile is of a photo whose time is unknown." in page


def test_a_batch_without_tiles_says_so(client: FlaskClient, season) -> None:
    with writing(season.services.database) as session:
        session.add(BatchRow(id=9, created_at=season.services.now(), seed=1, model="detector-9", code="0.1.0"))
    assert "This batch has no tiles." in client.get("/batches/9").text
    assert "Batch 9" in client.get("/batches").text


@pytest.mark.parametrize(("language", "words"), [("en", "a rare kind of picture: 1"), ("ru", "редкий вид снимка: 1")])
def test_the_list_of_batches_shows_the_mixture_of_reasons(client, batch, language: str, words: str) -> None:
    page = client.get("/batches", query_string={"language": language}).text
    assert words in page
    assert page.count('class="mixture"') == 2


def test_of_a_long_season_only_some_photos_are_read_evenly(season) -> None:
    with writing(season.services.database) as session:
        for n in range(2 * looks.MOST):
            photo = season.photos[0].model_dump() | {"id": f"{n:064d}", "taken_at": None}
            session.add(PhotoRow(**photo))
        session.flush()
        for n in range(2 * looks.MOST):
            seen = np.array([1, n % 7, n % 3], np.float16).tobytes()
            made = season.services.now() + timedelta(seconds=n)
            row = ProposalRow(photo=f"{n:064d}", model="m", packed=b"", features=seen, made_at=made, expected_animals=0)
            session.add(row)
        session.flush()
        seen = looks.look(session, "m", {"a": f"{1:064d}", "b": f"{1:064d}", "lost": "no such photo"})
    assert len(seen.season) == looks.MOST
    assert set(seen.batch) == {"a", "b"}


def test_the_map_shows_the_two_directions_that_tell_most(season) -> None:
    describe(season, dimensions=40)
    with reading(season.services.database) as session:
        rows = session.exec(select(ProposalRow).where(ProposalRow.model == MODEL)).all()
        told = looks.look(session, MODEL, {}).told
    seen = np.stack([row.description() / np.linalg.norm(row.description()) for row in rows])
    squared = np.square(np.linalg.svd(seen - seen.mean(axis=0), compute_uv=False))
    assert told == pytest.approx(squared[:2].sum() / squared.sum())


@pytest.mark.parametrize(("left", "word"), [(0.9, "new"), (0.3, "somewhat new"), (0.01, "familiar"), (None, "")])
def test_novelty_is_told_by_what_was_left_of_the_worth(left, word) -> None:
    one = batches.Asked(ChosenRow(batch=1, tile="t", reason="rare", value=1, novelty=left), None, "open", 0)

    assert batches.BatchPage(None, (one,), "", None, None).novelty(one) == word
