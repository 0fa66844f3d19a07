"""Answers read back: what is new since a time, and which answers still exist."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from haulout.label_studio.paging import TaskPages, column
from haulout.label_studio.refusals import LabelStudioRefused
from haulout.label_studio.values import RawAnswer, Result, SweptTask

# Label Studio applies one list of columns to the tasks and to the annotations inside them.
COLUMNS = (
    "id,data,predictions,annotations,"
    "result,completed_by,was_cancelled,created_at,updated_at,lead_time,parent_prediction"
)


class Answers(TaskPages):
    """Reads what people answered; webhooks may be lost, this is the truth."""

    def answers_since(self, project: int, since: datetime | None) -> list[RawAnswer]:
        """Return all answers on tasks touched after `since` (UTC without zone), skips too, oldest change first.

        An answer that did not change comes again when its task was touched; deleted ones do not show (`swept`).
        """
        filters = [column("updated_at", "greater", "Datetime", f"{since:%Y-%m-%dT%H:%M:%S.%fZ}")] if since else []
        answers = [
            _answer(task, annotation)
            for task in self._tasks(project, COLUMNS, filters)
            for annotation in task["annotations"]
        ]
        return sorted(answers, key=lambda answer: (answer.updated_at, answer.annotation))

    def swept(self, project: int, after: int = 0) -> Iterator[list[SweptTask]]:
        """Yield page after page of what exists now, skips too, from the first task behind `after` on, by their ids."""
        for page in self._pages_after(project, "id,data,annotations", after):
            yield [
                SweptTask(
                    task["id"], str(task["data"].get("key", "")), frozenset(int(a["id"]) for a in task["annotations"])
                )
                for task in page
            ]

    def sealed(self, project: int) -> Iterator[tuple[int, str, str]]:
        """Yield the id, the key and the sealed envelope of every task, empty when it has none."""
        for task in self._tasks(project, "id,data,meta"):
            yield int(task["id"]), str(task["data"].get("key", "")), str((task["meta"] or {}).get("sealed", ""))

    def store_answer(
        self, task: int, user: int, result: Result, seconds: float, unique_id: str, *, skipped: bool = False
    ) -> int:
        """Store an answer under a person's name and return its id, the same when called again with this `unique_id`."""
        body = {
            "result": list(result),
            "completed_by": user,
            "was_cancelled": skipped,
            "lead_time": seconds,
            "unique_id": unique_id,
        }
        try:
            return int(self._send("POST", f"/api/tasks/{task}/annotations/", body)["id"])
        except LabelStudioRefused as refused:
            if refused.status != 409:
                raise
            there = self._get(f"/api/tasks/{task}/")["annotations"]
            # Listings do not tell the unique id, but whose an answer is.
            mine = [int(one["id"]) for one in there if user_id(one["completed_by"]) == user]
            if not mine:
                raise
            return max(mine)

    def restore_answer(self, task: int, answer: RawAnswer, unique_id: str) -> int:
        """Store a deleted answer again under its person's name; return its new id, the same when called again."""
        return self.store_answer(task, answer.user, answer.result, answer.seconds, unique_id, skipped=answer.skipped)


def user_id(user: Any) -> int:
    """Read a user that comes as a number from some addresses and as an object from others."""
    return int(user["id"] if isinstance(user, dict) else user)


def _answer(task: Mapping[str, Any], annotation: Mapping[str, Any]) -> RawAnswer:
    versions = {prediction["id"]: prediction["model_version"] for prediction in task["predictions"]}
    return RawAnswer(
        annotation=annotation["id"],
        task=task["id"],
        key=str(task["data"].get("key", "")),
        user=user_id(annotation["completed_by"]),
        created_at=_utc(annotation["created_at"]),
        updated_at=_utc(annotation["updated_at"]),
        skipped=bool(annotation["was_cancelled"]),
        seconds=float(annotation["lead_time"] or 0.0),
        result=annotation["result"] or [],
        model_version=versions.get(annotation["parent_prediction"]) or "",
    )


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
