"""Predictions of tasks already sent: what people see, and who is asked what first."""

from collections.abc import Collection, Mapping
from typing import Any

from haulout.label_studio.paging import TaskPages, column
from haulout.label_studio.projects import Projects
from haulout.label_studio.refusals import PredictionsLost
from haulout.label_studio.tasks import CHUNK, parts
from haulout.label_studio.validity import check_predictions
from haulout.label_studio.values import Result


class Predictions(Projects, TaskPages):
    """Label Studio serves the lowest `prediction.score` of the served version first; here high priority is first."""

    def replace_predictions(self, project: int, version: str, new: Mapping[int, tuple[Result, float]]) -> None:
        """Give these tasks the result and priority of a new version, then serve it; safe to run twice.

        Give every open task one: those without are asked last, or never while others hold the rest. Predictions of
        older versions stay, unseen, until `forget_version`.
        """
        xml = str(self._get(f"/api/projects/{project}/")["label_config"])
        check_predictions(xml, {f"task {task}": result for task, (result, _) in new.items()})
        there = self._predictions(project, version, new)
        for part in parts([task for task in new if task not in there], CHUNK):
            self._import_predictions(project, version, {task: new[task] for task in part})
        self._put_scores(there, {task: new[task][1] for task in there})
        self.serve_version(project, version)

    def prioritise(self, project: int, priorities: Mapping[int, float]) -> None:
        """Change the order in which open tasks are asked, higher first; only what differs is written."""
        there = self._predictions(project, self.served_version(project), priorities)
        missing = sorted(set(priorities) - set(there))
        if missing:
            raise PredictionsLost(
                f"Tasks {missing[:10]} of project {project} have no prediction of the served version, so they cannot "
                "be ordered. Run `replace_predictions` for them first."
            )
        self._put_scores(there, priorities)

    def _import_predictions(self, project: int, version: str, new: Mapping[int, tuple[Result, float]]) -> None:
        wire = [
            {"task": task, "result": list(result), "score": -priority, "model_version": version}
            for task, (result, priority) in new.items()
        ]
        told = self._send("POST", f"/api/projects/{project}/import/predictions", wire)
        if told["created"] != len(new):
            raise PredictionsLost(
                f"Label Studio stored {told['created']} of {len(new)} predictions of {version} in project {project} "
                "and did not say why; running this again sends the rest."
            )

    def _put_scores(self, there: Mapping[int, Mapping[str, Any]], priorities: Mapping[int, float]) -> None:
        for task, prediction in there.items():
            if prediction["score"] != -priorities[task]:
                self._send("PATCH", f"/api/predictions/{prediction['id']}/", {"score": -priorities[task]})

    def _predictions(self, project: int, version: str, tasks: Collection[int]) -> dict[int, dict[str, Any]]:
        """Return the prediction of this version of each of these tasks that has one."""
        wanted = column("id", "in", "Number", {"min": min(tasks, default=0), "max": max(tasks, default=0)})
        return {
            task["id"]: prediction
            for task in self._tasks(project, "id,predictions", [wanted])
            for prediction in task["predictions"]
            if task["id"] in tasks and prediction["model_version"] == version
        }
