"""Words for tests of the desk: people with accounts, tasks that wait for them, and what they do."""

from typing import Any

from haulout.accounts import Role
from haulout.db import reading, writing
from haulout.desk import Desk, Given, submit
from haulout.dispatch import dispatch
from haulout.selection import select_batch
from haulout.tables import AccountRow, TaskRow
from haulout.testing import enter
from labeling_configs.vocabulary import Question

ANIMAL = (20, 50, 120, 150)


class Counter:
    """The desk of a coordinator, with what tests do at it."""

    def __init__(self, coordinator: Any, photos: int = 6, **settings: Any) -> None:
        self.coordinator = coordinator
        coordinator.set(**{"batch_size": photos, "exam_share": 0.0, "gold_share": 0.0, "newcomer_tiles": 0, **settings})
        for _ in range(photos):
            coordinator.photo([ANIMAL])
        select_batch(coordinator.services)
        dispatch(coordinator.services)
        self.desk = Desk(coordinator.services)

    @property
    def services(self) -> Any:
        return self.desk.services

    def person(self, name: str, role: Role = Role.VOLUNTEER) -> str:
        """Make an account and return its id."""
        return enter(self.services, role, name)[0]

    def next(self, account: str, question: Question = Question.BOXES) -> Given | None:
        return self.desk.next(account, question)

    def answer(self, account: str, question: Question = Question.BOXES) -> str:
        """Answer the next question with the boxes that it shows; return the subject."""
        given = self.next(account, question)
        assert given is not None
        submit(self.desk, account, given.lease, given.content.result, 5.0)
        return given.task.subject

    def answer_all(self, account: str, most: int = 99) -> list[str]:
        """Answer until nothing is left; return the subjects in order."""
        subjects: list[str] = []
        while len(subjects) < most and self.next(account) is not None:
            subjects.append(self.answer(account))
        return subjects

    def tasks(self) -> list[TaskRow]:
        """Return the tasks about boxes, the highest priority first."""
        rows = self.coordinator.rows(TaskRow, TaskRow.question == "boxes")
        return sorted(rows, key=lambda task: -task.priority)

    def change(self, task: TaskRow, **columns: Any) -> None:
        """Change a task."""
        with writing(self.services.database) as session:
            row = session.get_one(TaskRow, task.id)
            for name, value in columns.items():
                setattr(row, name, value)
            session.add(row)

    def change_account(self, account: str, **columns: Any) -> None:
        """Change an account."""
        with writing(self.services.database) as session:
            row = session.get_one(AccountRow, account)
            for name, value in columns.items():
                setattr(row, name, value)
            session.add(row)

    def account(self, account: str) -> AccountRow:
        with reading(self.services.database) as session:
            return session.get_one(AccountRow, account)
