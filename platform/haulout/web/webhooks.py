"""Label Studio rings here when somebody answered; what was answered is then read from Label Studio itself."""

import logging
from hmac import compare_digest

from flask import Blueprint, request

from haulout.errors import HauloutError
from haulout.web.here import here
from haulout.web.metrics import measures

SECRET_HEADER = "X-Haulout-Secret"  # noqa: S105  (the name of the header, not the secret)
_log = logging.getLogger(__name__)

blueprint = Blueprint("webhooks", __name__)


@blueprint.post("/webhook/label-studio")
def label_studio() -> tuple[str, int]:
    """Ring the bell and answer at once: Label Studio waits one second, inside the volunteer's own request."""
    if not _knows_the_secret():
        measures().webhooks.labels("refused").inc()
        return "The secret is missing or wrong.\n", 403
    project = _project()
    if project is None:
        measures().webhooks.labels("refused").inc()
        return "The event names no project.\n", 400
    here().watching.bell.rings(here().services.now())
    try:
        here().ring(project)
    except HauloutError as error:
        # Nothing is lost: Label Studio is polled as well.
        measures().webhooks.labels("failed").inc()
        _log.warning("The event of project %d could not be passed on: %s", project, error)
        return "The queue does not answer.\n", 503
    measures().webhooks.labels("received").inc()
    return "", 202


def _knows_the_secret() -> bool:
    secret = here().services.settings.webhook_secret
    given = request.headers.get(SECRET_HEADER, "")
    return bool(secret) and compare_digest(given.encode(), secret.encode())


def _project() -> int | None:
    try:
        event = request.get_json(silent=True)
    except RecursionError:  # lists in lists without end
        return None
    project = event.get("project") if isinstance(event, dict) else None
    number = project.get("id") if isinstance(project, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None
