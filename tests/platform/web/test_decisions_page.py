"""Who is who is decided in the open: the pages tell every decision, and experts take one back or split a walrus."""

import pytest
from flask.testing import FlaskClient

from haulout.accounts import Role
from haulout.identify.catalogue import settle_catalogue
from haulout.tables import IdentityRow, SightingRow
from haulout.testing import enters
from haulout.web import create_app
from labeling_configs.vocabulary import Same
from tests.platform.beach import Beach
from tests.platform.conftest import Coordinator


@pytest.fixture
def beach(make_services, tmp_path) -> Beach:
    """Two walruses that experts called the same on the second day, and a third one."""
    coordinator = Coordinator(make_services(tmp_path / "home", f"sqlite:///{tmp_path}/season.sqlite"))
    coordinator.set(secret_key="key")
    beach = Beach(coordinator)
    for name in ("a", "b", "c", "d"):
        beach.animal(name, (1, 0.1))
    beach.plan()
    beach.agree("a", "b")
    beach.agree("c", "d")
    beach.settle()
    beach.agree("b", "c")
    beach.settle()
    return beach


@pytest.fixture
def expert(beach) -> FlaskClient:
    return enters(create_app(beach.services).test_client(), Role.EXPERT, "Elena")


def names(beach) -> dict[str, str]:
    return {row.animal: row.individual for row in beach.coordinator.rows(SightingRow)}


def seal(page: str) -> str:
    return page.split('name="seal" value="')[1].split('"')[0]


def test_a_merge_is_told_and_taken_back_with_everybody_s_name(beach, expert):
    told = expert.get("/individuals/W0001").text

    answer = expert.post("/individuals/decisions/3", data={"seal": seal(told), "reason": "the scars differ"})

    after = expert.get("/individuals/decisions").text
    assert "Merged" in told and "same: 2, different: 0" in told
    assert answer.status_code == 303
    assert names(beach) == {"a": "W0001", "b": "W0001", "c": "W0002", "d": "W0002"}
    assert "Elena" in after and "the scars differ" in after


def test_what_was_taken_back_is_not_done_again_by_the_next_pass_and_can_be_restored(beach, expert):
    merged = names(beach)
    page = expert.get("/individuals/decisions").text
    expert.post("/individuals/decisions/3", data={"seal": seal(page), "reason": "no"})
    settle_catalogue(beach.services)
    apart = names(beach)

    page = expert.get("/individuals/decisions").text
    expert.post("/individuals/decisions/4", data={"seal": seal(page), "reason": "yes after all"})
    settle_catalogue(beach.services)

    assert len(set(apart.values())) == 2
    assert names(beach) == merged
    assert len(beach.coordinator.rows(IdentityRow)) == 5


def test_who_was_merged_away_says_where_the_sightings_went(beach, expert):
    page = expert.get("/individuals/W0002").text

    assert 'Its sightings are now called <a href="/individuals/W0001">W0001</a>' in page


def test_chosen_sightings_become_another_walrus_whatever_was_answered(beach, expert):
    page = expert.get("/individuals/W0001").text

    expert.post("/individuals/W0001", data={"seal": seal(page), "reason": "other tusks", "animal": ["d"]})
    settle_catalogue(beach.services)

    assert names(beach) == {"a": "W0001", "b": "W0001", "c": "W0001", "d": "W0003"}


@pytest.mark.parametrize("chosen", [[], ["a", "b", "c", "d"], ["nobody"]])
def test_a_split_of_none_or_all_changes_nothing_and_says_what_to_do(beach, expert, chosen):
    page = expert.get("/individuals/W0001").text

    form = {"seal": seal(page), "reason": "x", "animal": chosen}
    told = expert.post("/individuals/W0001", data=form, follow_redirects=True).text

    assert "not none and not all" in told
    assert len(beach.coordinator.rows(IdentityRow)) == 3


def test_a_form_from_before_a_change_changes_nothing(beach, expert):
    old = seal(expert.get("/individuals/decisions").text)
    expert.post("/individuals/decisions/3", data={"seal": old, "reason": "no"})
    before = names(beach)

    answers = [
        expert.post("/individuals/decisions/4", data={"seal": old, "reason": "yes"}),
        expert.post("/individuals/W0001", data={"seal": old, "reason": "no", "animal": ["b"]}),
    ]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert names(beach) == before


def test_a_volunteer_decides_nothing(beach):
    volunteer = enters(create_app(beach.services).test_client(), Role.VOLUNTEER)

    answers = [volunteer.get("/individuals/decisions"), volunteer.post("/individuals/decisions/3", data={"seal": "x"})]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert len(set(names(beach).values())) == 1


def test_a_contradiction_becomes_a_dispute_and_what_settles_it_is_told(beach, expert):
    beach.animal("e", (1, 0.1))
    beach.ask(("a", "e"), ("b", "e"))
    beach.agree("a", "e", Same.DIFFERENT)
    beach.agree("b", "e")
    beach.settle()

    page = expert.get("/individuals/W0001").text

    assert "Called different, yet linked through others." in page
    assert names(beach)["e"] != "W0001"
