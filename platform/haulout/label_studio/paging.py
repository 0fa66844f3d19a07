"""Lists of tasks, filtered as Label Studio's data manager does."""

import json
from collections.abc import Collection, Iterator
from typing import Any

from haulout.label_studio.connection import Connection

PAGE = 500


class TaskPages(Connection):
    """Reads tasks; `include` keeps a page of 500 at a quarter of a second, all columns would take several."""

    def _tasks(self, project: int, include: str, filters: Collection[dict[str, Any]] = ()) -> Iterator[dict[str, Any]]:
        """Yield the tasks that pass all filters, in order of their ids."""
        page, seen, total = 1, 0, 1
        while seen < total:
            told = self._page(project, include, filters, page)
            if not told["tasks"]:
                return
            yield from told["tasks"]
            page, seen, total = page + 1, seen + len(told["tasks"]), told["total"]

    def _pages_after(self, project: int, include: str, after: int) -> Iterator[list[dict[str, Any]]]:
        """Yield pages of the tasks with higher ids; none is passed over when others are deleted meanwhile."""
        while page := self._page(project, include, [column("id", "greater", "Number", after)], 1)["tasks"]:
            yield page
            after = int(page[-1]["id"])

    def _page(self, project: int, include: str, filters: Collection[dict[str, Any]], page: int) -> dict[str, Any]:
        chosen = {"conjunction": "and", "items": list(filters)}
        query = json.dumps(
            {"filters": chosen, "ordering": ["tasks:id"], "selectedItems": {"all": True, "excluded": []}}
        )
        params = {"project": project, "page_size": PAGE, "include": include, "fields": "all", "query": query}
        told: dict[str, Any] = self._get("/api/tasks/", {**params, "page": page})
        return told


def column(name: str, operator: str, kind: str, value: object) -> dict[str, Any]:
    """Return one filter of the data manager."""
    return {"filter": f"filter:tasks:{name}", "operator": operator, "type": kind, "value": value}
