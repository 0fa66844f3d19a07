"""The page of a network shows its exam beside the champion's: figures, conditions, and both on the same photo."""

import re

import numpy as np
import pytest
from flask.testing import FlaskClient

from haulout.db import reading, writing
from haulout.tables import AnimalRow, ExaminedRow, ModelRow
from haulout.web.looked import read_sheets, worst_inventions, worst_misses
from haulout.web.model import PER_PAGE

BESIDE = (10.0, 10.0, 60.0, 50.0)
DOUBTED = (700.0, 10.0, 780.0, 60.0)


def packed(*rows: tuple[float, ...]) -> bytes:
    return np.array(rows, dtype=np.float32).reshape(-1, 6).tobytes()


def measures(**changed: object) -> dict[str, object]:
    usual: dict[str, object] = {
        "tiles": 2,
        "animals": 5,
        "ap50": 0.58,
        "ap": 0.3,
        "recall": 0.6,
        "precision": 0.75,
        "count_mae": 1.25,
        "count_relative_error": -0.2,
        "expected_relative_error": 0.1,
        "ece": 0.05,
        "intervals": {"ap50": [0.41, 0.72], "recall": [0.4, 0.8]},
    }
    return usual | changed


@pytest.fixture
def examined(season) -> str:
    """Let detector-2 have sat its exam on two photos: of three animals it found two and made one box up."""
    condition = {"kind": "light", "name": "night", "champion": measures(recall=None, intervals={})} | measures(tiles=1)
    exam = measures() | {
        "digest": "5eed" * 16,
        "days": 2,
        "by_expert": 1,
        "sittings": 4,
        "threshold": 0.3,
        "champion": "detector-1",
        "champion_ap50": 0.41,
        "champion_measures": measures(ap50=0.41),
        "difference": [0.1, 0.17, 0.2],
        "since": {"version": "detector-1", "same": 1, "changed": 2, "new": 3, "gone": 0},
        "conditions": [condition],
    }
    card = {
        "data": {"tiles": 30, "boxes": 70, "photos": ["a", "b"], "start": "detector-1", "digest": "d" * 64},
        "scores": {"held_out_ap50_from_scratch": 0.25},
        "code": "0.1.0+abc",
        "seed": 3,
    }
    with writing(season.services.database) as session:
        row = session.get_one(ModelRow, "detector-2")
        row.exam, row.card = exam, card
        a, b, c = (session.get_one(AnimalRow, f"animal-2-{number}").box for number in range(3))
        session.add(row)
        session.add(
            ExaminedRow(
                model="detector-2",
                tile="tile-3",
                conditions={"light": "night"},
                there=packed((*a, 0.97, 1), (*b, 0.9, 1), (*DOUBTED, 0.5, 0), (*c, 0.95, 1)),
                drawn=packed((*a, 0.9, 0), (*BESIDE, 0.8, -1), (*b, 0.7, 1), (*DOUBTED, 0.6, -2), (*c, 0.12, 2)),
                champion=packed((*c, 0.9, 2), (*BESIDE, 0.2, -1)),
            )
        )
        session.add(ExaminedRow(model="detector-2", tile="tile-5", conditions={}, there=b"", drawn=b"", champion=b""))
    return "detector-2"


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("version", ["detector-1", "detector-2", "reid-1"])
def test_each_network_has_a_page_whatever_its_exam_kept(client: FlaskClient, season, version: str, language: str):
    answer = client.get(f"/models/{version}?language={language}")

    assert answer.status_code == 200
    assert f"<h1>{version}</h1>" in answer.text
    assert "None" not in answer.text


def test_an_unknown_network_is_not_found(client: FlaskClient):
    assert client.get("/models/det-9999").status_code == 404


def test_the_models_page_leads_to_each_network(client: FlaskClient, season):
    page = client.get("/models").text

    assert {'href="/models/detector-1"', 'href="/models/detector-2"', 'href="/models/reid-1"'} <= set(
        re.findall(r'href="/models/[^"]+"', page)
    )


def test_links_of_the_written_report_name_the_pages_they_lead_to(season, tmp_path):
    from haulout.web.standalone import write_report

    write_report(season.services, tmp_path / "report.html", "en")

    links = re.findall(r'<a [^>]*href="([^"]+)"', (tmp_path / "report.html").read_text(encoding="utf-8"))
    assert any("/models/" in link for link in links)
    assert all(link.startswith((f"{season.services.settings.pages}/", "#")) for link in links)


def test_figures_stand_beside_the_champion_s_and_say_how_the_exam_changed(client: FlaskClient, examined: str):
    page = " ".join(client.get(f"/models/{examined}").text.split())

    assert re.search(r"Average precision, AP50</th><td class=\"number\">0.58 <span[^>]*>\(0.41–0.72\).*?0.41 <", page)
    assert "the same: 1, voted on again: 2, new: 3, gone: 0" in page
    assert "Sitting number 4; this exam is 5eed5eed5eed." in page
    assert "−20%" in page or "-20%" in page


def test_a_condition_that_cannot_be_measured_shows_a_dash(client: FlaskClient, examined: str):
    page = client.get(f"/models/{examined}").text
    rows = re.findall(r'<tr class="(?:new|champion quiet)">.*?</tr>', page, re.S)
    ours, theirs = ([" ".join(cell.split()) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.S)] for row in rows)

    assert ours[:3] == ["1", "5", "detector-2"] and theirs[0] == "detector-1"
    assert (ours[4], theirs[2]) == ('60% <span class="quiet">(40%–80%)</span>', "–")


def test_both_detectors_are_drawn_on_the_same_tile_with_hits_misses_and_false_boxes(client: FlaskClient, examined: str):
    page = client.get(f"/models/{examined}").text
    pair = re.search(r'<article class="pair".*?</article>', page, re.S)
    assert pair is not None
    ours, theirs = re.findall(r"<figure>.*?</figure>", pair[0], re.S)

    def drawn(figure: str) -> list[int]:
        styles = ("exam-hit", "exam-missed", "exam-false", "exam-doubted")
        groups = (re.search(rf'<g class="layer {style}">(.*?)</g></g>', figure, re.S) for style in styles)
        return [len(re.findall("<rect", group[1])) if group else 0 for group in groups]

    assert (drawn(ours), drawn(theirs)) == ([2, 1, 1, 1], [1, 2, 0, 0])
    assert "found 2 of 3, missed 1, false 1" in ours and "found 1 of 3, missed 2, false 0" in theirs


def test_the_worst_misses_and_false_boxes_are_told_with_what_the_champion_did(season, examined: str):
    with reading(season.services.database) as session:
        sheets = read_sheets(session, examined)

    (miss,), (invention,) = worst_misses(sheets, 0.3), worst_inventions(sheets, 0.3)

    assert (round(miss.seen, 2), miss.by_champion) == (0.12, False)
    assert (round(invention.seen, 2), invention.by_champion, invention.box.x) == (0.8, False, 10.0)
    for one in (miss, invention):
        assert one.view.x1 <= one.box.x and one.box.x + one.box.width <= one.view.x2
        assert 0 <= one.view.x1 < one.view.x2 <= 800 and 0 <= one.view.y1 < one.view.y2 <= 600


def test_a_bad_photo_does_not_hide_the_misses_on_others(season, examined: str):
    boxes = [(10.0 * n, 10.0, 10.0 * n + 9, 60.0, 0.9, 1) for n in range(20)]
    with writing(season.services.database) as session:
        session.add(
            ExaminedRow(model=examined, tile="tile-2", conditions={}, there=packed(*boxes), drawn=b"", champion=b"")
        )
    with reading(season.services.database) as session:
        misses = worst_misses(read_sheets(session, examined), 0.3)

    assert sorted(one.tile.id for one in misses) == ["tile-2"] * 3 + ["tile-3"]


def test_many_tiles_are_shown_page_by_page(client: FlaskClient, season, examined: str):
    assert PER_PAGE >= 2
    pages = [client.get(f"/models/{examined}?page={number}").text for number in (1, 7, -3)]

    assert [page.count('class="pair"') for page in pages] == [2, 2, 2]


def test_refused_networks_stand_apart_in_the_history(client: FlaskClient, season, examined: str):
    with writing(season.services.database) as session:
        row = session.get_one(ModelRow, "detector-1")
        row.state = "refused"
        session.add(row)

    page = client.get("/models").text

    parts = {style: re.search(rf'<g class="series {style}">(.*?)</g>', page, re.S) for style in ("counted", "refused")}
    assert [len(re.findall("<circle", part[1])) for part in parts.values() if part] == [1, 1]
    assert parts["counted"] and 'class="interval"' in parts["counted"][1], "AP50 is drawn with its interval"
