"""The editor's files are given out by us, and its questions speak one language; what is stored stays the same."""

import gzip
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient

from haulout.testing import enters
from haulout.web import create_app
from haulout.web.editor import PINNED, editor_version
from haulout.web.questions import advice_for, config_for, data_for, title_for
from labeling_configs import gallery
from labeling_configs.catalog import CATALOG
from labeling_configs.vocabulary import AnimalId, Question

REPOSITORY = Path(__file__).resolve().parents[3]
QUESTIONS = list(Question)
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
STORED = ("name", "toName", "alias", "hotkey", "choice", "required", "maxRating")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Return the interpreter of an environment that holds an editor of two files."""
    packages = tmp_path / "label-studio" / "lib" / "python3.11" / "site-packages"
    built = packages / "web" / "dist" / "apps" / "labelstudio"
    built.mkdir(parents=True)
    (packages / "label_studio-9.8.7.dist-info").mkdir()
    (built / "main.js").write_text("start()" * 100)
    (built / "main.css").write_text("@font-face{src:url(/static/fonts/Figtree.ttf)}p{margin:0}")
    (built / "main.js.map").write_text("{}")
    (packages / "secret.js").write_text("secret")
    return tmp_path / "label-studio" / "bin" / "python"


@pytest.fixture
def reader(empty_home, installed: Path) -> FlaskClient:
    settings = empty_home.settings.model_copy(update={"label_studio_python": installed})
    return enters(create_app(replace(empty_home, settings=settings)).test_client())


def test_a_file_is_packed_once_and_kept_for_ever(reader, empty_home):
    packed = reader.get("/desk/editor/9.8.7/main.js", headers={"Accept-Encoding": "gzip"})
    again = reader.get("/desk/editor/9.8.7/main.js", headers={"Accept-Encoding": "gzip"})

    assert gzip.decompress(packed.data) == b"start()" * 100
    assert again.data == packed.data
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert packed.mimetype == "text/javascript"
    assert [one.name for one in (empty_home.settings.home / "cache/editor/9.8.7").iterdir()] == ["main.js.gz"]


def test_a_browser_that_cannot_unpack_gets_the_file_as_it_is(reader):
    given = reader.get("/desk/editor/9.8.7/main.js", headers={"Accept-Encoding": "identity"})

    assert given.data == b"start()" * 100
    assert "Content-Encoding" not in given.headers


def test_fonts_that_only_label_studio_has_are_not_asked_for(reader):
    given = reader.get("/desk/editor/9.8.7/main.css", headers={"Accept-Encoding": "identity"})

    assert given.data == b"p{margin:0}"


@pytest.mark.parametrize(
    "path",
    [
        "9.8.7/../../../../../secret.js",
        "9.8.7/..%2f..%2f..%2f..%2fsecret.js",
        "9.8.7/%2e%2e/secret.js",
        "9.8.7/main.js.map",
        "9.8.7/main.js%00.js",
        "9.8.7/.js/../main.js",
        "9.8.7/nothing.js",
        "1.2.3/main.js",
        "../main.js",
        "9.8.7/",
    ],
)
def test_nothing_but_the_editors_files_is_given_out(reader, path):
    assert reader.get(f"/desk/editor/{path}").status_code == 404


def test_the_editor_is_for_people_who_are_signed_in(empty_home, installed):
    settings = empty_home.settings.model_copy(update={"label_studio_python": installed})
    stranger = create_app(replace(empty_home, settings=settings)).test_client()

    assert stranger.get("/desk/editor/9.8.7/main.js").status_code == 401


def test_without_label_studio_at_hand_the_desk_says_that_the_editor_is_missing(empty_home, tmp_path):
    nowhere = {"label_studio_python": tmp_path / "no" / "bin" / "python", "label_studio_url": "http://127.0.0.1:1"}
    settings = empty_home.settings.model_copy(update=nowhere)
    reader = enters(create_app(replace(empty_home, settings=settings)).test_client())

    assert editor_version(settings) == PINNED
    assert reader.get(f"/desk/editor/{PINNED}/main.js").status_code == 503


def test_the_editor_that_the_desk_was_made_for_is_the_pinned_one():
    pinned = tomllib.loads((REPOSITORY / "platform/label_studio_server/pyproject.toml").read_text())

    assert f"label-studio=={PINNED}" in pinned["project"]["dependencies"]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_question_stores_the_same_in_every_language(question, language):
    whole = ElementTree.fromstring(CATALOG[question].xml)
    cut = ElementTree.fromstring(config_for(question, language))

    assert stored_by(cut) == stored_by(whole)


def stored_by(root: ElementTree.Element) -> list[tuple[str, tuple[str | None, ...]]]:
    """Return every tag that asks, draws or shows, with all that an answer or a key refers to."""
    asking = ("Image", "RectangleLabels", "KeyPointLabels", "Label", "Choices", "Choice", "Rating", "Relation")
    return [(tag.tag, tuple(map(tag.attrib.get, STORED))) for tag in root.iter() if tag.tag in asking]


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_asked_in_one_language_at_a_time(question):
    english, russian = config_for(question, "en"), config_for(question, "ru")

    assert not CYRILLIC.search(english + title_for(question, "en") + "".join(advice_for(question, "en")))
    assert " · " not in english + russian
    assert CYRILLIC.search(title_for(question, "ru"))
    assert all(CYRILLIC.search(line) for line in advice_for(question, "ru"))


def test_what_is_stored_for_a_choice_does_not_hang_on_the_language():
    root = ElementTree.fromstring(config_for(Question.BOXES, "ru"))

    choices = [tag for tag in root.iter() if tag.tag in ("Choice", "Label")]

    assert all(tag.attrib["alias"] != tag.attrib["value"] for tag in choices)


def test_the_answers_that_a_gallery_always_offers_speak_one_language():
    data = gallery.task_data("/q.jpg", AnimalId("q"), [gallery.Candidate("W-1", "/w.jpg", "W-1 · left")])

    offered = data_for(data, "ru")["candidates"]

    assert [one["value"] for one in offered] == ["W-1", gallery.NEW, gallery.CANNOT_TELL]
    assert [one["html"] for one in offered[1:]] == ["<b>Новый морж</b>", "<b>Нельзя сказать</b>"]
    assert "W-1 · left" in offered[0]["html"]
