"""Answers read back: what is new since a time, and which answers still exist."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from haulout.label_studio.paging import TaskPages, column
from haulout.label_studio.values import RawAnswer

# Label Studio applies one list of columns to the tasks and to the annotations inside them.
COLUMNS = (
    "id,data,predictions,annotations,"
    "result,completed_by,was_cancelled,created_at,updated_at,lead_time,parent_prediction"
)


class Answers(TaskPages):
    """Reads what people answered; webhooks may be lost, this is the truth."""

    def answers_since(self, project: int, since: datetime | None) -> list[RawAnswer]:
        """Return all answers on tasks touched after `since` (UTC without zone), skips too, oldest change first.

        An answer that did not change comes again when its task was touched; deleted ones do not show (`answer_ids`).
        """
        filters = [column("updated_at", "greater", "Datetime", f"{since:%Y-%m-%dT%H:%M:%S.%fZ}")] if since else []
        answers = [
            _answer(task, annotation)
            for task in self._tasks(project, COLUMNS, filters)
            for annotation in task["annotations"]
        ]
        return sorted(answers, key=lambda answer: (answer.updated_at, answer.annotation))

    def answer_ids(self, project: int) -> set[int]:
        """Return the ids of all answers that exist now, skips too."""
        return {int(a["id"]) for task in self._tasks(project, "id,annotations") for a in task["annotations"]}

    def task_ids(self, project: int) -> set[int]:
        """Return the ids of all tasks that exist now."""
        return {int(task["id"]) for task in self._tasks(project, "id")}


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
