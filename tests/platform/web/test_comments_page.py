"""Experts read what people wrote or could not say: the newest first, as text, with the picture it is about."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from haulout.accounts import Role
from haulout.comments import comment
from haulout.db import reading, writing
from haulout.tables import CommentRow, ServedRow, TaskRow
from haulout.testing import enter, enters
from haulout.web import create_app
from haulout.web.comments import PAGE


@pytest.fixture
def expert(season) -> FlaskClient:
    return enters(create_app(season.services).test_client(), Role.EXPERT, "Igor")


@pytest.fixture
def write(season):
    """Return a function that writes a comment about a task."""
    services = season.services
    anna, _ = enter(services, Role.VOLUNTEER, "Anna <i>")

    def write(text: str, task: int = 2, account: str = anna) -> None:
        with writing(services.database) as session:
            comment(session, account, task, text, services.now())

    return write


def test_a_comment_is_shown_as_text_with_its_author_picture_and_tile(expert, write):
    write("a <script>scar</script>")

    page = expert.get("/comments").text

    assert "a &lt;script&gt;scar&lt;/script&gt;" in page and "Anna &lt;i&gt;" in page
    assert 'href="/tiles/tile-2"' in page and 'src="/pictures/tiles/tile-2.jpg"' in page


def test_a_comment_on_a_pair_shows_both_animals(expert, write):
    write("the same tusk", task=90)

    page = expert.get("/comments").text

    assert "/pictures/crops/animal-1-1.jpg" in page and "/pictures/crops/animal-2-1.jpg" in page


def test_the_navigation_counts_what_nobody_read_until_an_expert_did(expert, write, season):
    write("first")
    write("second")
    assert '2<span class="unseen"> unread comments' in expert.get("/").text

    answer = expert.post("/comments/1")

    assert (answer.status_code, answer.location) == (303, "/comments")
    assert '1<span class="unseen"> unread comment<' in expert.get("/").text
    assert "read: Igor" in expert.get("/comments").text
    with reading(season.services.database) as session:
        assert session.get_one(CommentRow, 1).read_at is not None


def test_older_comments_are_on_the_next_page(expert, write, season):
    accounts = [enter(season.services, Role.VOLUNTEER)[0] for _ in range(2)]
    for number in range(PAGE + 1):
        write(f"comment no. {number}.", account=accounts[number % 2])

    first = expert.get("/comments").text
    second = expert.get("/comments?before=2").text

    assert "comment no. 30." in first and "comment no. 0." not in first and "before=2" in first
    assert "comment no. 0." in second and "comment no. 1." not in second and "Older comments" not in second


def test_volunteers_do_not_read_other_people_s_comments(write, season):
    write("a scar")
    client = enters(create_app(season.services).test_client(), Role.VOLUNTEER)

    assert client.get("/comments").status_code == 403
    assert client.post("/comments/1").status_code == 403
    assert 'href="/comments"' not in client.get("/me").text


@pytest.fixture
def pass_on(season):
    """Return a function by which one more volunteer passes a task on."""
    services, numbers = season.services, iter(range(1000))

    def pass_on(task: int, ended: str) -> None:
        number = next(numbers)
        account, _ = enter(services, Role.VOLUNTEER, f"Passer-{number}")
        at = services.now() + timedelta(minutes=number)
        with writing(services.database) as session:
            session.add(ServedRow(id=f"{number:032}", task=task, account=account, at=at, until=at, ended=ended))

    return pass_on


def test_what_people_passed_on_is_shown_once_with_its_picture_and_how_many_gave_which_reason(expert, pass_on):
    for task, ended in (
        (2, "skipped: blurred"),
        (3, "skipped: not loading"),
        (2, "skipped: not sure"),
        (2, "skipped: blurred"),
        (4, "skipped"),
        (4, "answered"),
        (4, ""),
    ):
        pass_on(task, ended)

    page = expert.get("/comments/passed-on?language=en").text

    assert page.count('<li class="card remark">') == 2
    assert page.index("/pictures/tiles/tile-2.jpg") < page.index("/pictures/tiles/tile-3.jpg")
    assert "Too blurred or too dark: 2 people" in page and "Unsure what it shows<" in page
    assert "The picture does not come<" in page and "tile-4" not in page
    assert "Passer" not in page
    russian = expert.get("/comments/passed-on?language=ru").text
    assert "Слишком нерезко или темно: 2 человека" in russian and "Непонятно, что на снимке<" in russian


def test_a_tile_whose_copy_is_gold_stands_there_once_so_that_nothing_tells_of_the_copy(expert, season, pass_on):
    with writing(season.services.database) as session:
        copied = session.get_one(TaskRow, 2).model_dump()
        session.add(TaskRow(**{**copied, "id": 77, "gold": 1, "key": "gold copy"}))
    pass_on(2, "skipped: blurred")
    pass_on(77, "skipped: blurred")

    page = expert.get("/comments/passed-on?language=en").text

    assert page.count("/pictures/tiles/tile-2.jpg") == 1 and "Too blurred or too dark: 2 people" in page


def test_a_pair_that_an_expert_passed_on_shows_both_animals(expert, pass_on):
    pass_on(90, "skipped: not sure")

    page = expert.get("/comments/passed-on").text

    assert "/pictures/crops/animal-1-1.jpg" in page and "/pictures/crops/animal-2-1.jpg" in page


def test_the_comments_lead_to_what_was_passed_on_and_volunteers_do_not_see_it(expert, season, pass_on):
    pass_on(2, "skipped: blurred")
    client = enters(create_app(season.services).test_client(), Role.VOLUNTEER)

    assert 'href="/comments/passed-on"' in expert.get("/comments").text
    assert client.get("/comments/passed-on").status_code == 403


def test_what_does_not_exist_is_not_read(expert):
    assert expert.post("/comments/1").status_code == 404
