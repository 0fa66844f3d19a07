"""A walrus that was seen from all sides, on its page and on a sheet of A4."""

from contextlib import closing

import pypdfium2
import pytest
from sqlmodel import select

from haulout.accounts import Role
from haulout.db import writing
from haulout.tables import AnimalRow, MarkRow, SideRow, SightingRow
from haulout.testing import browser_enters
from tests.platform.web.look.at_the_desk import DESKTOP
from tests.platform.web.look.test_pages_look import ENGLISH, RUSSIAN, Visitor

pytestmark = pytest.mark.browser

MARKS = ("tusk_tip", "chip", "crack", "scar", "wrinkle", "scratch", "spot")
CROP_AT = (20.0, 20.0)
CLIPPED = "() => { const it = document.querySelector('.idtable'); return it.scrollHeight - it.clientHeight; }"
SIDES = ("left", "right", "front", "unclear")


@pytest.fixture
def portrayed(whole_home):
    services = whole_home
    with writing(services.database) as session:
        known = select(AnimalRow.id).where(AnimalRow.id != "animal-1-1").order_by(AnimalRow.id)
        for animal, side in zip(session.exec(known.limit(4)).all(), SIDES, strict=True):
            session.merge(SightingRow(animal=animal, individual="W0001"))
            session.add(SideRow(animal=animal, person="person-2", side=side))
            for number in range(9):
                kind = MARKS[number % len(MARKS)]
                x, y = (CROP_AT[0] + 12.0 * number, CROP_AT[1] + 8.0 * number)
                session.add(MarkRow(animal=animal, kind=kind, x=x, y=y, person="person-2"))
    return services


@pytest.mark.parametrize("look", [ENGLISH, RUSSIAN], ids=lambda look: look.language)
def test_a_walrus_looks_right_on_its_page_and_on_one_sheet_of_paper(chromium, portrayed, served, screenshots, look):
    address = served(portrayed)

    with closing(chromium.new_context(**DESKTOP, color_scheme=look.colours, locale=look.language)) as context:
        browser_enters(context, portrayed, address, Role.OPERATOR, "Anna")
        visitor = Visitor(context.new_page(), address, look)
        wrong = visitor.look_at("portrait", "/individuals/W0001", screenshots)
        wrong += visitor.look_at("walrus-table", "/individuals/W0001/table", screenshots)
        visitor.page.emulate_media(media="print")
        visitor.page.set_viewport_size({"width": 703, "height": 1032})  # what A4 leaves between its margins
        clipped = visitor.page.evaluate(CLIPPED)
        printed = visitor.page.pdf(prefer_css_page_size=True)

    (screenshots / f"walrus-table-{look.language}.pdf").write_bytes(printed)
    with pypdfium2.PdfDocument(printed) as pdf:
        width, height = pdf[0].get_size()
        pdf[0].render(scale=1.5).to_pil().save(screenshots / f"walrus-table-{look.language}-paper.png")
        words = pdf[0].get_textpage().get_text_bounded()
        assert (len(pdf), round(width), round(height)) == (1, 595, 842)
    assert clipped <= 0
    assert wrong == []
    assert "W0001" in words and "CAM" not in words
