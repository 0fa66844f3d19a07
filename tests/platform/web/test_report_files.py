"""The report as a file: all it shows lies inside, in HTML and in the PDF, which is printed apart and printed once."""

import ctypes
import re
from importlib.metadata import version

import pypdfium2
import pypdfium2.raw as pdfium
import pytest
from flask.testing import FlaskClient
from PIL import Image

from haulout.press import NotPrinted, print_pdf
from haulout.web import paper
from haulout.web.standalone import write_pdf, write_report

A4 = (595, 842)


@pytest.mark.parametrize(("language", "word"), [("en", "Arrival"), ("ru", "Прибытие")])
def test_the_written_report_needs_nothing_but_itself(season, tmp_path, language: str, word: str) -> None:
    out = tmp_path / "new" / "report.html"

    write_report(season.services, out, language)

    page = out.read_text(encoding="utf-8")
    assert word in page and f'<html lang="{language}"' in page
    assert "<svg" in page and "<script" not in page and "<link" not in page
    assert not re.findall(r'src="(?!data:image/jpeg;base64,)', page)
    assert not re.findall(r"@import|url\((?!#)", page)
    assert len(re.findall(r'src="data:', page)) >= 4, "photos and crops lie inside"


def test_its_links_lead_to_the_pages_of_this_haulout(season, tmp_path) -> None:
    write_report(season.services, tmp_path / "report.html", "en")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    links = set(re.findall(r'href="([^"#]+)', page))
    assert links and all(link.startswith("http://127.0.0.1:8300/") for link in links)
    assert f"http://127.0.0.1:8300/photos/{season.photos[1].id}" in links


def test_its_pictures_carry_nothing_that_the_camera_wrote(season, tmp_path) -> None:
    write_report(season.services, tmp_path / "report.html", "en")
    assert "SECRET POSITION" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_lost_picture_is_named_and_the_rest_is_written(season, tmp_path) -> None:
    for photo in season.photos:
        season.services.storage.original(photo.id, ".jpg").unlink()
    write_report(season.services, tmp_path / "report.html", "en")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "The picture is missing." in page and "Arrival" in page


@pytest.mark.parametrize(("language", "words"), [("en", "Effort and agreement"), ("ru", "Труд и согласие")])
def test_the_pdf_says_the_same_on_a4_with_letters_pictures_and_links(season, tmp_path, language, words) -> None:
    write_pdf(season.services, tmp_path / "report.pdf", language)

    with pypdfium2.PdfDocument(tmp_path / "report.pdf") as pdf:
        pages = [pdf[number] for number in range(len(pdf))]
        text = "\n".join(page.get_textpage().get_text_range() for page in pages)
        assert {tuple(round(side) for side in page.get_size()) for page in pages} == {A4}
        assert words in text and "Matveyev Island" in text and version("haulout") in text
        assert f"1 / {len(pages)}" in text
        assert sum(len(list(page.get_objects([pdfium.FPDF_PAGEOBJ_IMAGE]))) for page in pages) >= 4
        assert any(link.startswith("http://127.0.0.1:8300/photos/") for link in links(pdf, pages))
        assert {font.removeprefix("ABCDEF+") for font in fonts(pages)} <= {
            "DejaVuSans",
            "DejaVuSans-Bold",
            "DejaVuSansMono",
        }


def links(pdf: pypdfium2.PdfDocument, pages: list) -> list[str]:
    found = []
    for page in pages:
        at, link = ctypes.c_int(0), pdfium.FPDF_LINK()
        while pdfium.FPDFLink_Enumerate(page.raw, at, link):
            address = ctypes.create_string_buffer(500)
            pdfium.FPDFAction_GetURIPath(pdf.raw, pdfium.FPDFLink_GetAction(link), address, 500)
            found.append(address.value.decode())
    return found


def fonts(pages: list) -> set[str]:
    names = set()
    for page in pages:
        for text in page.get_objects([pdfium.FPDF_PAGEOBJ_TEXT]):
            name = ctypes.create_string_buffer(200)
            pdfium.FPDFFont_GetBaseFontName(pdfium.FPDFTextObj_GetFont(text.raw), name, 200)
            names.add(re.sub(r"^[A-Z]{6}\+", "", name.value.decode()))
    return names


def test_the_pdf_fetches_neither_files_nor_addresses(tmp_path) -> None:
    secret = tmp_path / "secret.jpg"
    Image.new("RGB", (40, 40), "red").save(secret)
    there = f'<img src="file://{secret}"><img src="http://127.0.0.1:1/x.jpg"><img src="fonts:../../../../secret.jpg">'

    with pypdfium2.PdfDocument(print_pdf(f"<p>words</p>{there}")) as pdf:
        assert not list(pdf[0].get_objects([pdfium.FPDF_PAGEOBJ_IMAGE]))
        assert "words" in pdf[0].get_textpage().get_text_range()


def test_printing_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(NotPrinted, match="not ready after"):
        print_pdf("<p>words</p>", patience=0.001)


def test_a_pdf_is_printed_once_for_what_it_says(client: FlaskClient, season) -> None:
    def printed() -> set[str]:
        return {file.name for file in (season.services.settings.home / "reports").glob("*.pdf")}

    first = client.get("/report.pdf?site=Matveyev+Island&language=en")
    once = printed()
    again, russian = client.get("/report.pdf?site=Matveyev+Island"), client.get("/report.pdf?language=ru")

    assert (first.status_code, first.mimetype, first.data[:4]) == (200, "application/pdf", b"%PDF")
    assert (len(once), again.data == first.data, russian.data == first.data) == (1, True, False)
    assert len(printed()) == 2


def test_only_so_many_pdfs_are_kept(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(paper, "KEPT", 2)
    monkeypatch.setattr(paper, "print_pdf", lambda page: page.encode())
    made = [paper._printed(page, tmp_path) for page in ("one", "two", "three")]
    assert [file.exists() for file in made] == [False, True, True]


def test_a_second_visitor_is_told_to_come_back(client: FlaskClient, monkeypatch) -> None:
    monkeypatch.setattr(paper, "WAIT", 0.01)
    with paper.AT_ONCE:
        answer = client.get("/report.pdf")
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert "Try again in a minute" in answer.text
    assert client.get("/report.pdf?site=nowhere").status_code == 404, "and the way is free again"
    assert paper.AT_ONCE.acquire(timeout=0.01)
    paper.AT_ONCE.release()
