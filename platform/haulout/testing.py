"""A Label Studio in memory for tests of the use cases; one contract test holds it and the real one to the same."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from haulout.accounts import Role, sessions
from haulout.db import writing
from haulout.label_studio import (
    LabelStudioRefused,
    NewTask,
    Person,
    PersonAccess,
    RawAnswer,
    Result,
    ServedTask,
    SweptTask,
)
from haulout.label_studio.validity import check_predictions
from haulout.services import Services
from haulout.tables import AccountRow
from labeling_configs.vocabulary import Question


@dataclass
class FakeTask:
    """A task as Label Studio keeps it; `predictions` holds result and priority by version."""

    id: int
    project: int
    data: dict[str, Any]
    overlap: int
    updated_at: datetime
    meta: dict[str, Any] = field(default_factory=dict)
    labelled: bool = False
    predictions: dict[str, tuple[Result, float]] = field(default_factory=dict)
    answers: dict[int, RawAnswer] = field(default_factory=dict)


@dataclass
class FakeProject:
    """A project, by its question."""

    id: int
    question: Question
    xml: str
    overlap: int
    serves: str = ""
    webhook: str = ""


class TickingClock:
    """A clock that goes on by a second whenever it is read."""

    def __init__(self, start: datetime) -> None:
        self._moment = start

    def __call__(self) -> datetime:
        self._moment += timedelta(seconds=1)
        return self._moment


class FakeLabelStudio:
    """Has the methods of `haulout.label_studio.LabelStudio` that use cases call; `calls` lists what changed it."""

    url = "http://label-studio.invalid"

    def __init__(self, start: datetime) -> None:
        self._now = TickingClock(start)
        self._numbers = count(1)
        self._people: dict[str, int] = {}
        self._once: dict[str, int] = {}
        self.projects: dict[int, FakeProject] = {}
        self.tasks: dict[int, FakeTask] = {}
        self.calls: list[tuple[str, int]] = []

    def ensure_project(self, question: Question, title: str, xml: str, description: str, overlap: int) -> int:
        for project in self.projects.values():
            if project.question is question:
                project.xml = xml
                return project.id
        number = next(self._numbers)
        self.projects[number] = FakeProject(number, question, xml, overlap)
        return number

    def ensure_local_files(self, project: int, folder: Path) -> None:
        self._project(project)

    def register_webhook(self, project: int, url: str, secret: str) -> None:
        self._project(project).webhook = url

    def serve_version(self, project: int, version: str) -> None:
        if not any(version in task.predictions for task in self._tasks(project)):
            raise LabelStudioRefused(f"serving {version}", 400, "the project has no predictions of this version")
        self._project(project).serves = version

    def served_version(self, project: int) -> str:
        return self._project(project).serves

    def send_tasks(self, project: int, tasks: Sequence[NewTask]) -> list[int]:
        check_predictions(self._project(project).xml, {str(task.data["key"]): task.result for task in tasks})
        ids = []
        for task in tasks:
            number = next(self._numbers)
            shown = {task.model_version: (task.result, task.priority)}
            data = dict(task.data)
            self.tasks[number] = FakeTask(
                number, project, data, task.overlap, self._now(), predictions=shown, meta=dict(task.meta)
            )
            self.calls.append(("send", number))
            ids.append(number)
        return ids

    def replace_predictions(self, project: int, version: str, new: Mapping[int, tuple[Result, float]]) -> None:
        xml = self._project(project).xml
        check_predictions(xml, {f"task {task}": result for task, (result, _) in new.items()})
        for number, (result, priority) in new.items():
            known = self.tasks[number].predictions.get(version)
            self.tasks[number].predictions[version] = (known[0] if known else result, priority)
            self.calls.append(("predict", number))
        self.serve_version(project, version)

    def prioritise(self, project: int, priorities: Mapping[int, float]) -> None:
        serves = self._project(project).serves
        for number, priority in priorities.items():
            result, before = self.tasks[number].predictions[serves]
            self.tasks[number].predictions[serves] = (result, priority)
            if before != priority:
                self.calls.append(("prioritise", number))

    def find_tasks(self, project: int, keys: Collection[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for task in self._tasks(project):
            if task.data["key"] in keys:
                found.setdefault(task.data["key"], task.id)
        return found

    def retire(self, task: int) -> None:
        self._touched(task).labelled = True
        self.calls.append(("retire", task))

    def reopen(self, task: int, overlap: int) -> None:
        found = self._touched(task)
        found.overlap, found.labelled = overlap, False
        self.calls.append(("reopen", task))

    def answers(self) -> bool:
        return True

    def answers_since(self, project: int, since: datetime | None) -> list[RawAnswer]:
        touched = [task for task in self._tasks(project) if since is None or task.updated_at > since]
        answers = [answer for task in touched for answer in task.answers.values()]
        return sorted(answers, key=lambda answer: (answer.updated_at, answer.annotation))

    def has_project(self, project: int) -> bool:
        return project in self.projects

    def find_project(self, question: Question) -> int | None:
        return min((one.id for one in self.projects.values() if one.question is question), default=None)

    def swept(self, project: int, after: int = 0) -> Iterator[list[SweptTask]]:
        for task in sorted(self._tasks(project), key=lambda task: task.id):
            if task.id > after:
                yield [SweptTask(task.id, str(task.data.get("key", "")), frozenset(task.answers))]

    def sealed(self, project: int) -> Iterator[tuple[int, str, str]]:
        for task in self._tasks(project):
            yield task.id, str(task.data.get("key", "")), str(task.meta.get("sealed", ""))

    def restore_answer(self, task: int, answer: RawAnswer, unique_id: str) -> int:
        self.calls.append(("restore", task))
        return self.store_answer(task, answer.user, answer.result, answer.seconds, unique_id, skipped=answer.skipped)

    def store_answer(
        self, task: int, user: int, result: Result, seconds: float, unique_id: str, *, skipped: bool = False
    ) -> int:
        UUID(unique_id)  # the real one takes nothing else
        if user not in self._people.values():
            raise LabelStudioRefused(f"POST /api/tasks/{task}/annotations/", 400, f'Invalid pk "{user}"')
        return self._store(task, user, result, seconds, unique_id, "", skipped=skipped)

    def ensure_user(self, email: str) -> int:
        return self._people.setdefault(email.lower(), len(self._people) + 1)

    def people(self) -> list[Person]:
        return [Person(number, email, email.split("@")[0]) for email, number in self._people.items()]

    def sign_up(self, email: str, password: str, first_name: str) -> PersonAccess:
        number = self._people.setdefault(email.lower(), len(self._people) + 1)
        return PersonAccess(number, f"key-{number}")

    def as_person(self, api_key: str) -> "FakeLabeler":
        return FakeLabeler(self, int(api_key.removeprefix("key-")))

    def delete_answer(self, annotation: int) -> None:
        """Delete an answer as somebody does in Label Studio's own pages; no other class of the adapter can."""
        for task in self.tasks.values():
            if task.answers.pop(annotation, None):
                self._touched(task.id)

    def delete_task(self, number: int) -> None:
        """Delete a task, with its answers, as somebody does in Label Studio's own pages."""
        del self.tasks[number]

    def delete_project(self, number: int) -> None:
        """Delete a project with all its tasks, as every user of Label Studio's free edition can."""
        del self.projects[number]
        for task in [task.id for task in self.tasks.values() if task.project == number]:
            del self.tasks[task]

    def _project(self, project: int) -> FakeProject:
        if project not in self.projects:
            raise LabelStudioRefused(f"project {project}", 404, "not found")
        return self.projects[project]

    def _tasks(self, project: int) -> list[FakeTask]:
        return [task for task in self.tasks.values() if task.project == project]

    def _touched(self, number: int) -> FakeTask:
        if number not in self.tasks:
            raise LabelStudioRefused(f"PATCH /api/tasks/{number}/", 404, "Not found.")
        task = self.tasks[number]
        task.updated_at = self._now()
        return task

    def _next(self, project: int, user: int) -> FakeTask | None:
        """Return the open task this user did not answer whose served prediction has the highest priority."""
        serves = self._project(project).serves
        free = [
            task
            for task in self._tasks(project)
            if not task.labelled and user not in {answer.user for answer in task.answers.values()}
        ]
        return max(free, key=lambda task: task.predictions.get(serves, ([], -1.0))[1], default=None)

    def _store(
        self, number: int, user: int, result: Result, seconds: float, once: str, version: str, skipped: bool
    ) -> int:
        if once in self._once:
            return self._once[once]
        task, annotation = self._touched(number), next(self._numbers)
        at, stored = task.updated_at, [dict(region) for region in result]
        key = str(task.data["key"])
        task.answers[annotation] = RawAnswer(annotation, number, key, user, at, at, skipped, seconds, stored, version)
        task.labelled = task.labelled or len(task.answers) >= task.overlap
        self._once[once] = annotation
        return annotation


class FakeLabeler:
    """One person answering."""

    def __init__(self, studio: FakeLabelStudio, user: int) -> None:
        self._studio, self._user = studio, user

    def next_task(self, project: int) -> ServedTask | None:
        task = self._studio._next(project, self._user)
        if task is None:
            return None
        version = self._studio.served_version(project)
        shown, _ = task.predictions.get(version, ([], 0.0))
        prediction = task.id if version in task.predictions else None
        return ServedTask(task.id, task.data["key"], task.data, [dict(r) for r in shown], version, prediction)

    def submit(self, task: int, result: Result, seconds: float, unique_id: str, prediction: int | None = None) -> int:
        project = self._studio.tasks[task].project
        version = self._studio.served_version(project) if prediction is not None else ""
        return self._studio._store(task, self._user, result, seconds, unique_id, version, skipped=False)

    def skip(self, task: int, unique_id: str) -> int:
        return self._studio._store(task, self._user, [], 0.0, unique_id, "", skipped=True)

    def change(self, annotation: int, result: Result) -> None:
        for task in self._studio.tasks.values():
            if annotation in task.answers:
                at = self._studio._touched(task.id).updated_at
                stored = [dict(region) for region in result]
                task.answers[annotation] = replace(task.answers[annotation], result=stored, updated_at=at)


def tasks_in(label_studio: Any, project: int) -> set[int]:
    """Return the numbers of all tasks that exist in a project of the real Label Studio or of the one in memory."""
    return {task.id for page in label_studio.swept(project) for task in page}


def answers_in(label_studio: Any, project: int) -> set[int]:
    """Return the numbers of all answers that exist in a project, skips too."""
    return {answer for page in label_studio.swept(project) for task in page for answer in task.answers}


def enter(services: Services, role: Role = Role.OPERATOR, name: str = "", *, taught: bool = True) -> tuple[str, str]:
    """Make an account and sign it in; return its id and what the browser's cookie `haulout` is to hold."""
    now, number = services.now(), uuid4().hex[:12]
    known = name or f"{role} {number}"
    with writing(services.database) as session:
        account = AccountRow(id=number, name=known, folded=known.casefold(), role=role, created_at=now)
        account.taught_at = now if taught else None
        session.add(account)
        session.flush()
        return number, sessions.begin(session, account, now, complete=True)


def enters(client: Any, role: Role = Role.OPERATOR, name: str = "") -> Any:
    """Sign a client of the pages (Flask's for tests) in, and let it ask as their own forms do; return it."""
    _, token = enter(client.application.extensions["haulout"].services, role, name)
    client.set_cookie("haulout", token)
    client.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    return client


def browser_enters(context: Any, services: Services, address: str, role: Role = Role.OPERATOR, name: str = "") -> str:
    """Sign a browser (Playwright's context) in at the address; return the account's id."""
    number, token = enter(services, role, name)
    context.add_cookies([{"name": "haulout", "value": token, "url": address}])
    return number
