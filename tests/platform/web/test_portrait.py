"""What the page of one walrus tells beside its sightings."""

from datetime import datetime

import pytest
from flask.testing import FlaskClient

from haulout.accounts import Role
from haulout.db import writing
from haulout.tables import AnimalRow, CensusRow, MarkRow, PhotoRow, SideRow
from haulout.testing import enters
from haulout.web import create_app
from haulout.web.individuals import Sighting
from haulout.web.portrait import best_by_side, days_drawn, marks_seen
from labeling_configs.vocabulary import Same, Side
from tests.platform.beach import Beach
from tests.platform.conftest import Coordinator


def sighting(name: str, day: int | None, side: Side = Side.LEFT, marks: str = "", size: int = 100, site="Beach"):
    taken = datetime(2026, 8, day, 12) if day else None
    photo = PhotoRow(id=f"photo-{name}", site=site, camera="CAM", taken_at=taken, burst=name)
    animal = AnimalRow(id=name, photo=photo.id, box=[0, 0, size, size], probability=0.9)
    return Sighting(animal, photo, tuple(MarkRow(animal=name, kind=kind) for kind in marks.split()), side)


def test_the_biggest_picture_of_each_side_is_the_best_and_unnamed_sides_come_last():
    seen = [
        sighting("a", 1, Side.UNCLEAR, size=900),
        sighting("b", 2, Side.RIGHT, size=200),
        sighting("c", 3, Side.LEFT, size=90),
        sighting("d", 4, Side.LEFT, size=120),
    ]

    best = best_by_side(seen)

    assert [(one.side.value, one.sighting.animal.id, one.pictures) for one in best] == [
        ("left", "d", 2),
        ("right", "b", 1),
        ("unclear", "a", 1),
    ]


def test_a_mark_tells_its_first_and_last_day_and_when_it_was_looked_for_in_vain():
    seen = [
        sighting("a", 1, marks="scar chip"),
        sighting("b", 5, marks="chip"),
        sighting("c", 9, marks="chip"),
        sighting("d", 20, Side.RIGHT, marks="spot"),
        sighting("e", 25),
        sighting("f", None, marks="chip"),
    ]

    told = {mark.kind: mark for mark in marks_seen(seen)}

    chip, scar = told["chip"], told["scar"]
    assert next(iter(told)) == "chip"
    assert (chip.first.day, chip.last.day, chip.pictures, chip.looked) == (1, 9, 4, None)
    assert (scar.first.day, scar.last.day, scar.looked.day) == (1, 1, 9)
    assert told["spot"].looked is None


def test_of_pictures_whose_side_nobody_named_none_was_looked_at_in_vain():
    seen = [sighting("a", 1, Side.UNCLEAR, marks="scar"), sighting("b", 9, Side.UNCLEAR, marks="chip")]

    assert [mark.looked for mark in marks_seen(seen)] == [None, None]


def test_days_lie_in_order_along_the_line_and_sites_have_their_own_colour():
    seen = [sighting("a", 1), sighting("b", 1), sighting("c", 11, site="Spit"), sighting("d", 21), sighting("e", None)]

    dots = days_drawn(seen, ["Beach", "Spit"])

    assert [(dot.day.day, dot.sightings, dot.style, dot.animal) for dot in dots] == [
        (1, 2, 0, "a"),
        (11, 1, 1, "c"),
        (21, 1, 0, "d"),
    ]
    assert dots[1].x - dots[0].x == pytest.approx(dots[2].x - dots[1].x)
    assert days_drawn([sighting("e", None)], ["Beach"]) == ()


@pytest.fixture
def beach(make_services, tmp_path) -> Beach:
    coordinator = Coordinator(make_services(tmp_path / "home", f"sqlite:///{tmp_path}/season.sqlite"))
    coordinator.set(secret_key="key")
    beach = Beach(coordinator)
    photo = coordinator.photo([(20, 50, 120, 150), (150, 50, 250, 150)])
    for name, box in (("a", (20, 50, 120, 150)), ("x", (150, 50, 250, 150))):
        beach.animal(name, (1, 0.1), box, photo)
    beach.animal("b", (1, 0.1))
    beach.ask(("a", "b"), ("b", "x"))
    return beach


@pytest.fixture
def expert(beach) -> FlaskClient:
    return enters(create_app(beach.services).test_client(), Role.EXPERT, "Elena")


def test_who_was_in_the_same_burst_is_a_companion(beach, expert):
    beach.agree("a", "b")
    beach.agree("b", "x", Same.DIFFERENT)
    beach.settle()

    page = expert.get("/individuals/W0001").text

    assert "Seen together with" in page and 'href="/individuals/W0002"' in page and "on 1 day" in page


def test_what_most_experts_said_of_the_side_is_told_and_a_tie_is_not(beach, expert):
    beach.agree("a", "b")
    beach.settle()
    with writing(beach.services.database) as session:
        for animal, person, side in (("a", "p1", "left"), ("a", "p2", "left"), ("a", "p3", "right")):
            session.add(SideRow(animal=animal, person=person, side=side))
        for person, side in (("p1", "front"), ("p2", "back")):
            session.add(SideRow(animal="b", person=person, side=side))

    page = expert.get("/individuals/W0001").text

    assert "left side" in page and "side not named" in page
    assert "right side" not in page and "face and tusks" not in page


def test_the_table_shows_what_is_there_and_says_what_is_not(beach, expert):
    beach.agree("a", "b")
    beach.settle()
    with writing(beach.services.database) as session:
        session.add(SideRow(animal="a", person="p1", side="left"))

    page = expert.get("/individuals/W0001/table").text

    assert page.count("not seen yet") == 2 and page.count('class="marked"') == 1
    assert "2 sightings" in page and "W0001" in page
    assert expert.get("/individuals/W0999/table").status_code == 404


@pytest.mark.parametrize("judged", [0, 90])
def test_the_catalogue_says_how_many_walruses_there_are_once_the_machine_was_measured_on_them(beach, expert, judged):
    beach.agree("a", "b")
    beach.settle()
    counted = {"individuals": [31.0, 28.0, 40.0], "population": [44.0, 35.0, 60.0]} if judged else {}
    with writing(beach.services.database) as session:
        told = {"animals": 60, "wrong": 1.25, "enough": bool(judged), "judged": judged, "at": beach.services.now()}
        session.add(CensusRow(model="reid-frozen", **told, **counted))

    page = expert.get("/individuals").text

    assert ("about 31 walruses (95 % interval: 28 to 40)" in page) == bool(judged)
    assert ("Of 60 animals whose marks can be seen at most 1.2 are" in page) == bool(judged)
    assert ("is not told yet" in page) == (not judged)
