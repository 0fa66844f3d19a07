"""The handbooks are pages in the reader's language, and show nothing but what is in them."""

import re

import pytest
from flask.testing import FlaskClient

from haulout.web.handbook import FOLDER, READERS, handbook


@pytest.mark.parametrize("who", READERS)
def test_a_handbook_is_read_in_the_readers_language(client: FlaskClient, who: str):
    pages = {language: client.get(f"/handbook/{who}?language={language}").text for language in ("en", "ru")}

    titles = {language: re.search(r"<h1>(.*?)</h1>", page)[1] for language, page in pages.items()}
    assert "andbook" in titles["en"] and "Руководство" in titles["ru"]
    for page in pages.values():
        anchors = re.findall(r'<h2 id="(part-\d+)">', page)
        assert len(anchors) > 5 and [f'href="#{anchor}"' in page for anchor in anchors] == [True] * len(anchors)


def test_every_picture_of_a_page_is_there(client: FlaskClient):
    for who in READERS:
        pictures = re.findall(r'src="(pictures/[^"]+)" alt="[^"]{10,}"', client.get(f"/handbook/{who}").text)
        assert pictures
        for picture in pictures:
            assert client.get(f"/handbook/{picture}").mimetype == "image/webp"


def test_every_page_leads_to_the_handbooks(client: FlaskClient):
    page = client.get("/").text
    assert all(f'href="/handbook/{who}"' in page for who in READERS)


@pytest.mark.parametrize(
    "path",
    ["nobody", "operator.en.md", "pictures/../operator.en.md", "pictures/%2e%2e/operator.en.md", "pictures/none.webp"],
)
def test_nothing_else_is_given(client: FlaskClient, path: str):
    assert client.get(f"/handbook/{path}").status_code == 404


def test_html_in_a_handbook_is_shown_as_text(tmp_path):
    file = tmp_path / "book.md"
    file.write_text("# <b>Title</b>\n\n## Part\n\n<script>alert(1)</script>\n\n[bad](javascript:alert(1))\n")

    book = handbook(file)

    assert "<script" not in book.text and "&lt;script" in book.text and "href" not in book.text
    assert (book.title, book.parts) == ("<b>Title</b>", (("part-1", "Part"),)), "the template escapes both"


def test_no_handbook_is_forgotten():
    assert {file.name for file in FOLDER.glob("*.md")} == {
        f"{who}.{code}.md" for who in READERS for code in ("en", "ru")
    }
