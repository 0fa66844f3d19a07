"""Projects: one per question, with everything that makes Label Studio ask in our order."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from haulout.label_studio.connection import Connection
from haulout.label_studio.refusals import LabelStudioRefused
from labeling_configs.vocabulary import Question

if TYPE_CHECKING:
    from label_studio_sdk.client import LabelStudio as Sdk

SAMPLING = "Uncertainty sampling"
"""Label Studio's name for: serve the lowest `prediction.score` of the project's model version first."""


class Projects(Connection):
    """Makes and finds projects."""

    def ensure_project(self, question: Question, title: str, xml: str, description: str, overlap: int) -> int:
        """Return the project of this question, made when missing and brought up to date when not."""
        found = self.find_project(question)
        wanted = {
            "title": title[:50],
            "description": _marker(question),
            "label_config": xml,
            "expert_instruction": description,
            "show_instruction": True,
            "show_skip_button": True,
            "show_collab_predictions": True,
            "enable_empty_annotation": True,
            "sampling": SAMPLING,
            "skip_queue": "REQUEUE_FOR_OTHERS",
        }
        if found is None:
            return int(self._send("POST", "/api/projects/", {**wanted, "maximum_annotations": overlap})["id"])
        # Never `maximum_annotations` again: it overwrites the overlap of every task.
        self._send("PATCH", f"/api/projects/{found}/", wanted)
        return found

    def has_project(self, project: int) -> bool:
        """Say whether the project is still there."""
        try:
            self._get(f"/api/projects/{project}/")
        except LabelStudioRefused as refused:
            if refused.status != 404:
                raise
            return False
        return True

    def find_project(self, question: Question) -> int | None:
        """Return the project of this question, None when there is none."""
        known = self._read("the list of projects", _descriptions)
        return min((number for number, text in known.items() if text == _marker(question)), default=None)

    def ensure_local_files(self, project: int, folder: Path) -> None:
        """Let the project's tasks show files of this folder, which must lie below Label Studio's document root."""
        path = str(folder.resolve())
        known = self._read("the project's local files", lambda sdk: sdk.import_storage.local.list(project=project))
        if any(storage.path == path for storage in known):
            return
        with self._asking("the project's local files") as sdk:
            sdk.import_storage.local.create(project=project, path=path, use_blob_urls=True, title="Haulout")

    def serve_version(self, project: int, version: str) -> None:
        """Show and order by the predictions of this version; bulk imports do not do so by themselves.

        A version without predictions in the project is refused by Label Studio.
        """
        self._send("PATCH", f"/api/projects/{project}/", {"model_version": version})

    def served_version(self, project: int) -> str:
        """Return the version that people see now, empty before the first."""
        return str(self._get(f"/api/projects/{project}/")["model_version"] or "")

    def forget_version(self, project: int, version: str) -> None:
        """Delete the predictions of a version that is not served any more; slow, 11 ms of CPU each."""
        if version == self.served_version(project):
            raise LabelStudioRefused(f"forgetting version {version}", 409, "it is the one that people see now")
        self._send("DELETE", f"/api/projects/{project}/model-versions/", {"model_version": version})

    def register_webhook(self, project: int, url: str, secret: str) -> None:
        """Have Label Studio ring at `url` after every answer, with `secret` in the header X-Haulout-Secret."""
        wanted = {
            "url": url,
            "headers": {"X-Haulout-Secret": secret},
            "send_payload": True,  # for the project's id: the bell must say whose it is
            "send_for_all_actions": False,
            "actions": ["ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED"],
        }
        known = [hook for hook in self._get("/api/webhooks/", {"project": project}) if hook["url"] == url]
        if known:
            self._send("PATCH", f"/api/webhooks/{known[0]['id']}/", wanted)
        else:
            self._send("POST", "/api/webhooks/", {**wanted, "project": project})


def local_file_url(relative: str | Path) -> str:
    """Return what a task's data holds for a file, given its path below Label Studio's document root."""
    return f"/data/local-files/?d={quote(Path(relative).as_posix())}"


def _descriptions(sdk: "Sdk") -> dict[int, str | None]:
    return {one.id: one.description for one in sdk.projects.list(include="id,description")}  # type: ignore[var-annotated]


def _marker(question: Question) -> str:
    """Return what a project is known by: titles get translated and edited, so the description carries it."""
    return f"haulout:{question.value}"
