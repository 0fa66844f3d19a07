"""Experts contradict each other about a walrus, settle it by keys alone and take it back; all is as before."""

import json
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlmodel import col, select

from haulout.accounts import Role
from haulout.collect import collect
from haulout.db import reading, writing
from haulout.desk import deliver
from haulout.dispatch import dispatch
from haulout.identify.catalogue import settle_catalogue
from haulout.ingest import ingest
from haulout.propose import propose
from haulout.selection import select_batch
from haulout.services import Services
from haulout.tables import AnimalRow, DisputeRow, SightingRow, TaskRow, TileRow
from haulout.testing import browser_enters
from labeling_configs.vocabulary import PhotoId
from tests.end_to_end.test_front_door import DESKTOP, Expert

pytestmark = [pytest.mark.label_studio, pytest.mark.browser]

PAIR = "animal-0|animal-1"


@pytest.fixture
def home(coordinator_for, drawn_season, label_studio_python, tmp_path) -> Services:
    """Return a coordinator that asks two experts about a pair of animals; one more voice for "same" is enough."""
    services = coordinator_for(f"sqlite:///{tmp_path / 'who.sqlite'}")
    wanted = {"merge_experts": 1, "pair_experts": 2, "label_studio_python": label_studio_python}
    services = replace(services, settings=services.settings.model_copy(update=wanted))
    ingest(services, drawn_season.card, None)
    propose(services)
    select_batch(services)
    with writing(services.database) as session:
        seen = [
            (tile, there) for tile in session.exec(select(TileRow)) if len(there := _there(tile, drawn_season.truth))
        ]
        for number, (tile, there) in enumerate(seen[:2]):
            x1, y1, x2, y2 = there[0].tolist()
            crop = [max(0, int(x1) - 10), max(0, int(y1) - 10), int(x2) + 10, int(y2) + 10]
            animal = AnimalRow(id=f"animal-{number}", photo=tile.photo, tile=tile.id, box=[x1, y1, x2, y2], crop=crop)
            animal.probability, animal.settled_at = 0.9, services.now()
            session.add(animal)
        task = TaskRow(question="pair", subject=PAIR, key=f"pair:{PAIR}", overlap=2, created_at=services.now())
        session.add(task)
    dispatch(services)
    return services


def _there(tile: TileRow, truth: Any) -> Any:
    return truth.boxes_in(PhotoId(tile.photo), tile.word().shown)


def catalogue(home: Services) -> bytes:
    """Return who is who, as bytes."""
    with reading(home.database) as session:
        rows = session.exec(select(SightingRow).order_by(col(SightingRow.animal)))
        return json.dumps([row.model_dump() for row in rows], sort_keys=True).encode()


def settled(home: Services) -> list[tuple[str, str, str]]:
    """Deliver what was said, read it back from Label Studio, settle; return what is disputed."""
    assert deliver(home, timedelta(0)).waiting == 0
    collect(home)
    settle_catalogue(home)
    dispatch(home)
    with reading(home.database) as session:
        return [(row.first, row.second, row.reason) for row in session.exec(select(DisputeRow))]


def test_a_planted_contradiction_is_settled_by_keys_and_undone_byte_for_byte(home, address, chromium, screenshots):
    vera, igor, olga = (Expert(chromium, address, name, DESKTOP, screenshots) for name in ("Vera", "Igor", "Olga"))
    with closing(vera.context), closing(igor.context), closing(olga.context):
        for expert in (vera, igor, olga):
            browser_enters(expert.context, home, address, Role.EXPERT, expert.name)
        vera.settles("pair", "y")
        igor.settles("pair", "n")
        assert settled(home) == [("animal-0", "animal-1", "experts_disagree")]
        before = catalogue(home)

        follows(olga, "/individuals/disputes", "a[href$='/animal-0/animal-1']")
        olga.sees("dispute")
        presses(olga, "form[action$='/animal-0/animal-1'] button")
        olga.answers_by_keys("pair", "y")
        disputed, merged = settled(home), catalogue(home)
        takes_back(olga, "the scars differ")

        assert disputed == []
        assert before != merged and len({row["individual"] for row in json.loads(merged)}) == 1
        assert catalogue(home) == before
        assert settled(home) == [] and catalogue(home) == before, "nor does a later pass do it again"


def follows(expert: Expert, path: str, link: str) -> None:
    expert.page.goto(expert.address + path)
    presses(expert, link)


def presses(expert: Expert, what: str) -> None:
    """Go to a link or a button as by the tabulator, and press Enter."""
    it = expert.page.locator(what).first
    it.focus()
    expect(it).to_be_focused()
    with expert.page.expect_navigation():
        expert.page.keyboard.press("Enter")


def takes_back(expert: Expert, why: str) -> None:
    page = expert.page
    page.goto(f"{expert.address}/individuals/decisions")
    newest = page.locator("ol.history > li").first
    newest.locator("summary").focus()
    page.keyboard.press("Enter")
    newest.locator("input[name=reason]").focus()
    page.keyboard.type(why)
    expert.sees("take-back")
    with page.expect_navigation():
        page.keyboard.press("Enter")
