"""Tasks: send, find, retire and reopen."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

from haulout.label_studio.paging import TaskPages, column
from haulout.label_studio.refusals import PredictionsLost
from haulout.label_studio.validity import check_predictions
from haulout.label_studio.values import NewTask

CHUNK = 500
"""Tasks in one import: three seconds of Label Studio's time, and cheap to look for when the answer was lost."""
KEYS = 40
"""Keys looked up in one request: they travel in its address, which a server cuts at 8 KB."""

Item = TypeVar("Item")


class Tasks(TaskPages):
    """Puts tasks before people and takes them away."""

    def send_tasks(self, project: int, tasks: Sequence[NewTask]) -> list[int]:
        """Import the tasks with their predictions and return their ids in the same order.

        Label Studio stores what it is sent twice twice: after a failure ask `find_tasks` what arrived.
        """
        settings = self._get(f"/api/projects/{project}/")
        results = {str(task.data.get("key", place)): task.result for place, task in enumerate(tasks)}
        check_predictions(str(settings["label_config"]), results)
        ids = [number for part in parts(tasks, CHUNK) for number in self._import(project, part)]
        for number, task in zip(ids, tasks, strict=True):
            if task.overlap != settings["maximum_annotations"]:  # an import gives every task the project's overlap
                self.set_overlap(number, task.overlap)
        return ids

    def find_tasks(self, project: int, keys: Collection[str]) -> dict[str, int]:
        """Return the id of each of these keys that is in the project; the oldest one, should a key be there twice."""
        found: dict[str, int] = {}
        for part in parts(sorted(keys), KEYS):
            for task in self._tasks(project, "id,data", [column("data.key", "in_list", "String", list(part))]):
                found.setdefault(str(task["data"]["key"]), int(task["id"]))
        return found

    def retire(self, task: int) -> None:
        """Ask nobody any more."""
        self._change(task, is_labeled=True)

    def reopen(self, task: int, overlap: int) -> None:
        """Ask again until `overlap` people have answered; changing the overlap alone would not bring it back."""
        self._change(task, overlap=overlap, is_labeled=False)

    def set_overlap(self, task: int, overlap: int) -> None:
        """Change how many people are asked, of a task that is open."""
        self._change(task, overlap=overlap)

    def _change(self, task: int, **fields: object) -> None:
        self._send("PATCH", f"/api/tasks/{task}/", fields)

    def _import(self, project: int, tasks: Sequence[NewTask]) -> list[int]:
        with self._asking(f"{len(tasks)} new tasks") as sdk:
            wire: Any = [_wire(task) for task in tasks]
            told = sdk.projects.import_tasks(id=project, request=wire, return_task_ids=True).model_dump()
        ids = [int(number) for number in told["task_ids"]]
        if len(ids) != len(tasks) or told["prediction_count"] != len(tasks):
            raise PredictionsLost(
                f"Label Studio took {len(ids)} tasks and {told['prediction_count']} predictions of {len(tasks)} "
                f"sent to project {project}. Nothing was undone: look at the project before sending again."
            )
        return ids


def _wire(task: NewTask) -> dict[str, Any]:
    """Return the import form; Label Studio serves low scores first, so the score is the priority turned round."""
    prediction = {"result": list(task.result), "score": -task.priority, "model_version": task.model_version}
    return {
        "data": dict(task.data),
        "meta": dict(task.meta),
        "predictions": [prediction],
    }


def parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Cut a sequence into pieces of at most this size."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
