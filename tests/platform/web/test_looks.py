"""The page of a walrus tells how it looked to experts, day by day."""

import re

from flask.testing import FlaskClient

from haulout.db import writing
from haulout.tables import ConditionRow
from labeling_configs.vocabulary import Condition

THIN, NORMAL, INJURY = Condition.THIN, Condition.NORMAL, Condition.INJURY


def describe(season, animal: str, said: dict[str, list[Condition]]) -> None:
    with writing(season.services.database) as session:
        for expert, signs in said.items():
            rows = [ConditionRow(animal=animal, sign=sign, person=expert, at=season.services.now()) for sign in signs]
            session.add_all(rows)


def words(page: str) -> str:
    (looks,) = re.findall(r'<ul class="plain looks">(.*?)</ul>', page, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", looks).split())


def test_a_walrus_page_lists_how_it_looked_and_how_many_experts_said_so(client: FlaskClient, season) -> None:
    describe(season, "animal-2-0", {"person-2": [NORMAL]})
    describe(season, "animal-1-0", {"person-2": [THIN, INJURY], "person-3": [THIN]})

    english = client.get("/individuals/W0001?lang=en").text
    russian = client.get("/individuals/W0001", headers={"Accept-Language": "ru"}).text

    first = "thin (2 of 2 experts), injured (1 of 2 experts)"
    assert words(english) == f"2 August 2026 : {first} 3 August 2026 : normal (1 of 1 expert)"
    assert "худой (2 из 2 экспертов)" in words(russian) and "обычный (1 из 1 эксперта)" in words(russian)


def test_each_day_leads_to_the_sighting_that_was_described(client: FlaskClient, season) -> None:
    describe(season, "animal-1-0", {"person-2": [THIN]})

    page = client.get("/individuals/W0001").text

    assert 'href="#animal-1-0"' in page and '<li id="animal-1-0">' in page


def test_a_walrus_of_whom_nobody_said_how_it_looks_has_no_such_list(client: FlaskClient, season) -> None:
    describe(season, "animal-1-1", {"person-2": [THIN]})

    assert "looks" not in client.get("/individuals/W0001").text
