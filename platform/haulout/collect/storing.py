"""How one answer becomes a row: each content once, whatever Label Studio calls the task and the answer by now."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlmodel import Session, col, or_, select

from haulout.label_studio import RawAnswer
from haulout.label_studio.tasks import parts
from haulout.tables import AccountRow, AliasRow, AnswerRow, PersonRow, RestoredRow, SpoolRow, TaskRow
from labeling_configs.vocabulary import FOR_EXPERTS

TOGETHER = 500
"""Tasks looked up in one query."""


class Storing:
    """Stores the answers to one question in one transaction."""

    def __init__(
        self,
        session: Session,
        question: str,
        now: datetime,
        tasks: Iterable[tuple[int, str]],
        annotations: Iterable[int] = (),
    ) -> None:
        """Look up, in few queries, what is known of these tasks (number and key) and answers of Label Studio."""
        self._session, self._now, self._question = session, now, question
        self._by_number: dict[int, TaskRow] = {}
        self._by_key: dict[str, TaskRow] = {}
        self._restored = {row.label_studio_annotation: row.answer for row in session.exec(select(RestoredRow))}
        self._people = {row.label_studio_user: row for row in session.exec(select(PersonRow))}
        accounts = session.exec(select(AccountRow.label_studio_user, AccountRow.role))
        self._roles = {user: role for user, role in accounts if user is not None}
        self._given: dict[tuple[int, int], str] = {}
        self._revisions: dict[int, list[AnswerRow]] = {}
        for some in parts(sorted(set(tasks)), TOGETHER):
            self._learn([number for number, _ in some], [key for _, key in some if key])
        for numbers in parts(sorted({self.stored_as(number) for number in annotations}), TOGETHER):
            self._learn_revisions(numbers)

    @classmethod
    def of(cls, session: Session, question: str, now: datetime, answers: Sequence[RawAnswer]) -> "Storing":
        """Make ready for these answers."""
        tasks = [(answer.task, answer.key) for answer in answers]
        return cls(session, question, now, tasks, [answer.annotation for answer in answers])

    def _learn_revisions(self, annotations: Sequence[int]) -> None:
        query = select(AnswerRow).where(col(AnswerRow.label_studio_annotation).in_(annotations))
        for row in self._session.exec(query.order_by(col(AnswerRow.id))):
            self._revisions.setdefault(row.label_studio_annotation, []).append(row)

    def _learn(self, numbers: Sequence[int], keys: Sequence[str]) -> None:
        """Load the tasks that Label Studio knows by these numbers, or that have these keys."""
        alias = select(AliasRow).where(col(AliasRow.label_studio_task).in_(numbers))
        aliases = {row.label_studio_task: row.task for row in self._session.exec(alias)}
        known = or_(
            col(TaskRow.label_studio_task).in_(numbers),
            col(TaskRow.key).in_(keys),
            col(TaskRow.id).in_(aliases.values()),
        )
        tasks = self._session.exec(select(TaskRow).where(TaskRow.question == self._question, known)).all()
        by_id = {task.id: task for task in tasks}
        self._learn_given([task.id for task in tasks if task.id])
        self._by_key |= {task.key: task for task in tasks}
        self._by_number |= {task.label_studio_task: task for task in tasks if task.label_studio_task}
        self._by_number |= {number: by_id[task] for number, task in aliases.items() if task in by_id}

    def _learn_given(self, tasks: Sequence[int]) -> None:
        """Load which model's boxes people were given with these tasks: another one may serve by now."""
        query = select(SpoolRow.task, AccountRow.label_studio_user, SpoolRow.model)
        query = query.join(AccountRow, col(AccountRow.id) == SpoolRow.account).where(col(SpoolRow.task).in_(tasks))
        self._given |= {(task, user): model for task, user, model in self._session.exec(query) if user}

    def is_ours(self, answer: RawAnswer) -> bool:
        """Say whether the answer is on a task of ours."""
        return self._task(answer) is not None

    def task_of(self, answer: RawAnswer) -> int | None:
        """Return our task that the answer is on, None when it is none of ours."""
        task = self._task(answer)
        return task.id if task else None

    def is_new(self, answer: RawAnswer) -> bool:
        """Say whether the answer is on a task of ours and not stored yet; changes nothing."""
        return self._task(answer) is not None and self._new_digest(answer) is not None

    def store(self, answer: RawAnswer) -> bool:
        """Add the answer unless this very content is stored already; a task that is not ours is left alone."""
        task = self._task(answer)
        if task is None or task.id is None:
            return False
        self.note_twin(answer.task, answer.key)
        digest = self._new_digest(answer)
        if digest is None:
            return False
        model = answer.model_version or self._given.get((task.id, answer.user)) or task.model
        row = AnswerRow(
            task=task.id,
            person=self._person(answer.user, task.question).id,
            label_studio_annotation=self.stored_as(answer.annotation),
            digest=digest,
            result=answer.result,
            skipped=answer.skipped,
            seconds=answer.seconds,
            model=model,
            model_shown="" if task.blind else model,
            given_at=answer.created_at,
            received_at=self._now,
        )
        self._session.add(row)
        self._revisions.setdefault(row.label_studio_annotation, []).append(row)
        return True

    def note_twin(self, number: int, key: str) -> None:
        """Remember a second copy of a task of ours, which an import left whose answer was lost.

        People are asked the oldest one: sweeps rely on it.
        """
        task = self._by_key.get(key)
        if task is None or task.id is None or number in self._by_number or task.label_studio_task is None:
            return
        older, newer = sorted((number, task.label_studio_task))
        if older == number:
            task.label_studio_task, task.pushed, task.ordered = older, "", None
            self._session.add(task)
        self._session.add(AliasRow(label_studio_task=newer, task=task.id, found_at=self._now))
        self._by_number[number] = task

    def stored_as(self, annotation: int) -> int:
        """Return the number under which an answer is stored: the one before it was put back, if it was."""
        return self._restored.get(annotation, annotation)

    def _task(self, answer: RawAnswer) -> TaskRow | None:
        return self._by_number.get(answer.task) or self._by_key.get(answer.key)

    def _new_digest(self, answer: RawAnswer) -> str | None:
        """Return the digest under which to store the answer, None when just this content is the newest stored."""
        known = self._revisions.get(self.stored_as(answer.annotation), [])
        last = known[-1] if known else None
        if last and not last.gone and answer.annotation in self._restored and _same(last, answer):
            return None
        digest = digest_of(answer, deletions=sum(row.gone for row in known))
        return None if last and last.digest == digest else digest

    def _person(self, user: int, question: str) -> PersonRow:
        """Return the person under a pseudonym, with their account's role; who answers an expert question is one."""
        role = self._roles.get(user) or ("expert" if question in FOR_EXPERTS else "")
        row = self._people.get(user)
        if row is None or (role and row.role != role):
            row = row or PersonRow(id=f"person-{user}", label_studio_user=user, joined_at=self._now)
            row.role = role or row.role
            self._session.add(row)
            self._session.flush()  # the answer points at the person
            self._people[user] = row
        return row


def digest_of(answer: RawAnswer, deletions: int = 0) -> str:
    """Name the content; an answer that is back after a deletion (a restored backup) is one more revision."""
    parts = [answer.result, answer.skipped, answer.updated_at.isoformat(), *[deletions] * bool(deletions)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _same(row: AnswerRow, answer: RawAnswer) -> bool:
    return (row.result, row.skipped) == (answer.result, answer.skipped)
