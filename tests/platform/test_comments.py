"""What people write about a picture reaches the experts as it was written, and not by the hundred."""

from datetime import datetime, timedelta

import pytest

from haulout import comments
from haulout.comments import LONGEST, MOST_A_DAY, EmptyComment, LongComment, TooManyComments
from haulout.db import reading, writing
from haulout.tables import AccountRow, CommentRow, TaskRow

NOW = datetime(2026, 11, 23)


@pytest.fixture
def write(coordinator):
    """Return a function that writes a comment."""
    for name in ("anna", "boris"):
        coordinator.store(AccountRow(id=name, name=name.title(), folded=name, created_at=NOW))
    coordinator.store(TaskRow(id=1, question="boxes", subject="tile-1", key="tile-1", created_at=NOW))

    def write(text: str = "look at this scar", account: str = "anna", at: datetime = NOW) -> None:
        with writing(coordinator.services.database) as session:
            comments.comment(session, account, 1, text, at)

    return write


def found(coordinator, **wanted) -> list[str]:
    with reading(coordinator.services.database) as session:
        return [one.row.text for one in comments.newest(session, 10, **wanted)]


def test_the_newest_come_first_with_the_names_of_their_authors(coordinator, write):
    write("first")
    write("second", "boris")

    assert found(coordinator) == ["second", "first"]
    assert found(coordinator, account="anna") == ["first"]
    with reading(coordinator.services.database) as session:
        assert [one.name for one in comments.newest(session, 10)] == ["Boris", "Anna"]


@pytest.mark.parametrize("text", ["", "  \n ", "\u202e\x00\x07"])
def test_an_empty_comment_is_refused(coordinator, write, text):
    with pytest.raises(EmptyComment):
        write(text)
    assert found(coordinator) == []


def test_signs_that_nobody_can_see_are_left_out_and_lines_are_kept(coordinator, write):
    write(" a scar\x00\u202e\non the left <b> ")

    assert found(coordinator) == ["a scar\non the left <b>"]


def test_a_comment_of_a_thousand_signs_is_kept_and_a_longer_one_refused(coordinator, write):
    write("ж" * LONGEST)
    with pytest.raises(LongComment):
        write("ж" * (LONGEST + 1))
    assert [len(text) for text in found(coordinator)] == [LONGEST]


def test_nobody_floods_the_experts_and_the_next_day_is_free_again(coordinator, write):
    for _ in range(MOST_A_DAY):
        write()
    with pytest.raises(TooManyComments):
        write()
    write(account="boris")
    write(at=NOW + timedelta(days=1))

    assert len(coordinator.rows(CommentRow)) == MOST_A_DAY + 2


def test_who_read_it_first_is_noted_and_it_is_no_longer_unread(coordinator, write):
    write()
    for expert in ("Olga", "Igor"):
        with writing(coordinator.services.database) as session:
            row = session.get_one(CommentRow, 1)
            comments.mark_read(row, expert, NOW)
            session.add(row)

    assert coordinator.rows(CommentRow)[0].read_by == "Olga"
    with reading(coordinator.services.database) as session:
        assert comments.unread(session) == 0
