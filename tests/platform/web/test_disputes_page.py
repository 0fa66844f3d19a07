"""Experts see what each dispute rests on, and answer just the pair that may settle it."""

import pytest
from flask.testing import FlaskClient

from haulout.accounts import Role
from haulout.comments import comment
from haulout.db import reading, writing
from haulout.dispatch import dispatch
from haulout.identify.disputed import read_disputed
from haulout.tables import AccountRow, AnimalRow, DisputeRow, ServedRow, TaskRow
from haulout.testing import enters
from haulout.web import create_app
from haulout.withheld import withhold
from labeling_configs import pair
from labeling_configs.vocabulary import AnimalId, Mark, MarkKind, MarkLink, Rectangle, Same
from tests.platform.beach import BIG, Beach
from tests.platform.conftest import Coordinator

SCARS = Mark(MarkKind.SCAR, 40.0, 70.0), Mark(MarkKind.SCAR, 60.0, 90.0)
CHIP = Mark(MarkKind.CHIP, 100.0, 60.0)


@pytest.fixture
def beach(make_services, tmp_path) -> Beach:
    """Return a beach on which a is b, b is c and c is d, but a is not d: the weakest link, c to d, is disputed."""
    coordinator = Coordinator(make_services(tmp_path / "home", f"sqlite:///{tmp_path}/season.sqlite"))
    coordinator.set(secret_key="key", pairs_per_run=50)
    beach = Beach(coordinator)
    for name in "abcd":
        beach.animal(name, (1, 0.1))
    for first, second in ("ab", "bc", "ad", "cd"):
        beach.coordinator.store(task(first, second, coordinator))
    dispatch(beach.services)
    beach.agree("a", "b")
    beach.agree("b", "c")
    beach.agree("a", "d", Same.DIFFERENT)
    beach.judge("elena", "c", "d", Same.SAME)
    beach.judge("finn", "c", "d", Same.SAME)
    beach.settle()
    dispatch(beach.services)
    return beach


def task(first: str, second: str, coordinator) -> TaskRow:
    subject = f"{first}|{second}"
    return TaskRow(question="pair", subject=subject, key=subject, overlap=5, created_at=coordinator.services.now())


@pytest.fixture
def expert(beach) -> FlaskClient:
    return enters(create_app(beach.services).test_client(), Role.EXPERT, "Olga")


def ends(beach) -> tuple[str, str]:
    (row,) = beach.coordinator.rows(DisputeRow)
    return row.first, row.second


def address(beach) -> str:
    return "/individuals/disputes/{}/{}".format(*ends(beach))


def test_the_chain_that_leads_to_the_contradiction_is_found_again(beach):
    (row,) = beach.coordinator.rows(DisputeRow)

    with reading(beach.services.database) as session:
        found = read_disputed(session, row, beach.services.settings.merge_experts)

    assert set(found.dispute.chain) == set("abcd") and set(found.ends) == {"a", "d"}
    assert found.said("a", "b").experts(Same.SAME) == found.said("c", "d").experts(Same.SAME)
    assert not found.decided


def test_open_disputes_are_listed_and_lead_to_their_pages(beach, expert):
    page = expert.get("/individuals/disputes").text

    assert "1 dispute is open." in page
    assert f'href="{address(beach)}"' in page


def test_the_dispute_on_which_most_sightings_depend_comes_first(beach, expert):
    for name in "efgh":
        beach.animal(name, (1, 0.1))
    for first, second in ("ef", "gh"):
        beach.coordinator.store(task(first, second, beach.coordinator), DisputeRow(first="a", second="h", reason="x"))
    dispatch(beach.services)
    beach.agree("e", "f")
    beach.agree("g", "h")
    beach.settle()
    beach.coordinator.store(DisputeRow(first="b", second="e", reason="called_different"))

    page = expert.get("/individuals/disputes").text

    assert page.index("/individuals/disputes/b/e") < page.index(address_of(beach, "d"))
    assert "2 sightings depend on it" in page


def address_of(beach, animal: str) -> str:
    (row,) = [row for row in beach.coordinator.rows(DisputeRow) if animal in (row.first, row.second)]
    return f"/individuals/disputes/{row.first}/{row.second}"


def test_a_dispute_tells_its_chain_and_who_said_what(beach, expert):
    page = expert.get(address(beach)).text

    assert "How the contradiction comes about" in page and "Experts called them different." in page
    assert page.count("person-") >= 8
    assert 'href="/individuals/W0001#' in page
    assert "two photos" in page and "one camera" in page and "apart" in page


def test_the_machine_s_word_is_told_only_after_the_expert_s_own(beach, expert):
    before = expert.get(address(beach)).text
    give_and_answer(beach, expert)

    after = expert.get(address(beach)).text

    assert "Likeness to the machine" not in before
    assert "Likeness to the machine" in after and "You have answered" in after


def give_and_answer(beach, expert) -> dict:
    expert.post(address(beach))
    given = expert.post("/desk/next", json={"question": "pair"}).json
    first, second = leased(beach, given["lease"]).split("|")
    crop = Rectangle(*BIG)
    result = pair.write(Same.SAME, AnimalId(first), AnimalId(second), crop, crop)
    answer = expert.post("/desk/submit", json={"lease": given["lease"], "result": result, "seconds": 3})
    assert answer.status_code == 200, answer.text
    return given


def leased(beach, lease: str) -> str:
    (row,) = beach.coordinator.rows(ServedRow, ServedRow.id == lease)
    return beach.coordinator.rows(TaskRow, TaskRow.id == row.task)[0].subject


def test_the_desk_gives_just_the_pair_that_was_chosen(beach, expert):
    other = expert.post("/desk/next", json={"question": "pair"}).json
    answer = expert.post(address(beach))

    given = expert.post("/desk/next", json={"question": "pair"}).json

    assert (answer.status_code, answer.location) == (303, "/desk?question=pair")
    assert leased(beach, given["lease"]) == "|".join(sorted(ends(beach)))
    assert given["lease"] != other["lease"]


def test_whoever_asks_twice_holds_one_place_and_not_two(beach, expert):
    expert.post(address(beach))
    expert.post(address(beach))

    (row,) = [row for row in beach.coordinator.rows(ServedRow) if not row.ended]

    assert beach.coordinator.rows(TaskRow, TaskRow.id == row.task)[0].subject == "|".join(sorted(ends(beach)))


def test_whoever_has_answered_is_told_so_and_gets_it_no_more(beach, expert):
    give_and_answer(beach, expert)

    answer = expert.post(address(beach))

    assert answer.location.endswith("#vote")
    assert "You have answered" in expert.get("/individuals/disputes").text
    assert [row.ended for row in beach.coordinator.rows(ServedRow)] == ["answered"]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"state": "retired"}, "The next run asks one more."),
        ({"label_studio_task": None}, "Nobody is asked about just this pair"),
        ({"overlap": 2}, "at this pair just now"),
    ],
)
def test_why_a_pair_cannot_be_answered_is_told(beach, expert, columns, told):
    subject = "|".join(sorted(ends(beach)))
    row = beach.coordinator.task(subject, "pair")
    beach.coordinator.store(row.model_copy(update=columns))

    page = expert.get(address(beach)).text

    assert told in page
    assert "Compare these two at the desk" not in page
    assert expert.post(address(beach)).location.endswith("#vote")


def test_nobody_is_asked_more_once_five_experts_have_answered(beach, expert):
    subject = "|".join(sorted(ends(beach)))
    for number, same in enumerate((Same.SAME, Same.DIFFERENT, Same.CANNOT_TELL)):
        beach.judge(f"expert-{number}", *subject.split("|"), same)
    beach.settle()
    row = beach.coordinator.task(subject, "pair")
    beach.coordinator.store(row.model_copy(update={"state": "retired"}))

    page = expert.get(address(beach)).text

    assert "5 experts have answered, and no more are asked." in page
    assert "cannot tell" in page


def test_a_photo_that_may_show_people_is_compared_by_nobody(beach, expert):
    photo = photo_of(beach, ends(beach)[0])
    with writing(beach.services.database) as session:
        withhold(session, photo, "volunteers", beach.services.now())

    assert "may show people" in expert.get(address(beach)).text
    assert expert.post(address(beach)).location.endswith("#vote")


def photo_of(beach, animal: str) -> str:
    return beach.coordinator.rows(AnimalRow, AnimalRow.id == animal)[0].photo


def test_marks_that_experts_joined_bear_one_number_on_both_animals(beach, expert):
    first, second = sorted(ends(beach))
    crop = Rectangle(*BIG)
    marks = [(AnimalId(first), SCARS[0]), (AnimalId(second), SCARS[1]), (AnimalId(second), CHIP)]
    links = [MarkLink(*SCARS)]
    result = pair.write(Same.CANNOT_TELL, AnimalId(first), AnimalId(second), crop, crop, marks=marks, links=links)
    beach.coordinator.say("gleb", f"{first}|{second}", result, "pair")
    beach.settle()

    page = expert.get(address(beach)).text

    assert page.count('class="mark" data-kind="scar"') == 2
    assert "the same mark on both: 1" in page
    assert "joined 1 mark" in page


def test_remarks_on_the_pair_stand_beside_the_answers(beach, expert):
    row = beach.coordinator.task("|".join(sorted(ends(beach))), "pair")
    with writing(beach.services.database) as session:
        session.add(AccountRow(id="vera", name="Vera", folded="vera", created_at=beach.services.now()))
        session.flush()
        comment(session, "vera", row.id, "look at the <left> tusk", beach.services.now())

    page = expert.get(address(beach)).text

    assert "look at the &lt;left&gt; tusk" in page and "Vera" in page


def test_an_individual_of_the_dispute_can_be_split_here(beach, expert):
    page = expert.get(address(beach)).text
    seal = page.split('name="seal" value="')[1].split('"')[0]

    answer = expert.post("/individuals/W0001", data={"seal": seal, "reason": "other scar", "animal": ["c"]})

    assert answer.status_code == 303
    assert ("a", "b") in beach.settle()


def test_a_link_from_before_says_that_the_dispute_is_over(beach, expert):
    old = address(beach)
    with writing(beach.services.database) as session:
        session.delete(session.get_one(DisputeRow, ends(beach)))

    page = expert.get(old)

    assert page.status_code == 200 and "not disputed any more" in page.text
    assert expert.post(old).status_code == 404
    assert "Nothing is disputed." in expert.get("/individuals/disputes").text


@pytest.mark.parametrize("path", ["a/nobody", "nobody/nothing", "b/d"])
def test_there_is_no_page_for_two_animals_that_nobody_was_asked_about(beach, expert, path):
    assert expert.get(f"/individuals/disputes/{path}").status_code == 404


def test_the_first_page_says_how_many_disputes_wait(beach, expert):
    assert "1 dispute on who is who waits for experts" in expert.get("/").text


def test_a_volunteer_sees_no_disputes_and_chooses_none(beach):
    volunteer = enters(create_app(beach.services).test_client(), Role.VOLUNTEER)

    answers = [volunteer.get("/individuals/disputes"), volunteer.get(address(beach)), volunteer.post(address(beach))]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
