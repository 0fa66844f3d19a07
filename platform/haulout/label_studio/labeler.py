"""One person answering, as their browser does it: for simulated people and for tests."""

from typing import Any

from haulout.label_studio.answers import user_id
from haulout.label_studio.connection import Connection
from haulout.label_studio.refusals import LabelStudioRefused
from haulout.label_studio.values import Result, ServedTask


class Labeler(Connection):
    """Acts with the token of one person."""

    def next_task(self, project: int) -> ServedTask | None:
        """Return what this person is asked next, by the rules of the labeling stream, and lock it for them."""
        try:
            told = self._send("POST", f"/api/dm/actions?id=next_task&project={project}", {"project": project})
        except LabelStudioRefused as refused:
            if refused.status == 404 and "no tasks" in refused.body:
                return None
            raise
        return _served(told)

    def submit(self, task: int, result: Result, seconds: float, unique_id: str, prediction: int | None = None) -> int:
        """Store an answer and return its id; `unique_id` makes a second sending of the same answer harmless.

        `prediction` is the one the answer started from.
        """
        body = {"result": list(result), "lead_time": seconds, "unique_id": unique_id, "parent_prediction": prediction}
        return self._answer(task, body)

    def skip(self, task: int, unique_id: str) -> int:
        """Say that this person cannot answer; others are still asked."""
        return self._answer(task, {"result": [], "was_cancelled": True, "unique_id": unique_id})

    def change(self, annotation: int, result: Result) -> None:
        """Correct an earlier answer."""
        self._send("PATCH", f"/api/annotations/{annotation}/", {"result": list(result)})

    def _answer(self, task: int, body: dict[str, Any]) -> int:
        try:
            return int(self._send("POST", f"/api/tasks/{task}/annotations/", body)["id"])
        except LabelStudioRefused as refused:
            if refused.status != 409:
                raise
        me = self._get("/api/current-user/whoami")["id"]  # listings do not tell the unique id, but it was ours
        there = self._get(f"/api/tasks/{task}/")["annotations"]
        return max(int(answer["id"]) for answer in there if user_id(answer["completed_by"]) == me)


def _served(told: dict[str, Any]) -> ServedTask:
    shown = (told["predictions"] or [{}])[0]
    return ServedTask(
        id=int(told["id"]),
        key=str(told["data"].get("key", "")),
        data=told["data"],
        result=shown.get("result", []),
        model_version=str(shown.get("model_version") or ""),
        prediction=shown.get("id"),
    )
