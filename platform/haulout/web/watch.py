"""The page of what needs attention: since when, how bad, and what to type.

It is open like all pages that only show: it names no person, no photo and no place.
"""

from datetime import datetime

from flask import Blueprint, Flask, render_template

from haulout.watch import Level, checks
from haulout.web.alarm_figures import say_figures, time_in_words
from haulout.web.alarm_words import NAMES, WRONG
from haulout.web.here import here, language
from haulout.web.watching import Watching

blueprint = Blueprint("watch", __name__)


def teach(app: Flask) -> None:
    """Let every page say how many alarms there are, and this one what each means."""
    watching: Watching = app.extensions["haulout"].watching
    app.context_processor(lambda: {"alarm_count": watching.alarms})
    app.jinja_env.globals.update(watch_names=NAMES, watch_words=WRONG, say_figures=say_figures, say_since=say_since)


@blueprint.get("/watch")
def page() -> str:
    """Show what is wrong, the worst first, and every figure that was looked at."""
    sight = here().watching.sight()
    return render_template("watch.html", sight=sight, checks=checks(sight), good=Level.GOOD)


def say_since(moment: datetime | None, now: datetime) -> str:
    """Return since when, and how long that is; nothing when nobody knows."""
    if moment is None:
        return ""
    told = language().gettext("since %(moment)s UTC, for %(time)s")
    return told % {"moment": language().moment(moment), "time": time_in_words(language(), now - moment)}
