"""The experts' pages of what people wrote about pictures, and of pictures they could not say anything about."""

from dataclasses import dataclass

from flask import Blueprint, Flask, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from haulout.comments import Comment, mark_read, newest, unread
from haulout.db import reading, writing
from haulout.desk.passing_on import PassedOn, passed_on
from haulout.tables import CommentRow, TaskRow
from haulout.web.asking import asker
from haulout.web.here import here
from labeling_configs.vocabulary import ABOUT_TILES

PAGE = 30
MOST_PASSED_ON = 60
"""Questions on the page of those that were passed on; what is older was answered by others long ago."""

blueprint = Blueprint("comments", __name__, url_prefix="/comments")


@dataclass(frozen=True)
class Line:
    """What was said or left unsaid, and the question it is about: a tile, or animals."""

    said: Comment | PassedOn

    @property
    def task(self) -> TaskRow | PassedOn:
        """The question that people saw."""
        return self.said if isinstance(self.said, PassedOn) else self.said.task

    @property
    def tile(self) -> str:
        """The tile that was shown; empty where animals were compared."""
        return self.task.subject if self.task.question in ABOUT_TILES else ""

    @property
    def animals(self) -> tuple[str, ...]:
        """The animals that were compared; one where others were to be chosen from."""
        return () if self.tile else tuple(self.task.subject.split("|"))


@blueprint.get("")
def page() -> str:
    """Show the comments, the newest first."""
    with reading(here().services.database) as session:
        found = newest(session, PAGE + 1, request.args.get("before", type=int))
        lines = [Line(one) for one in found[:PAGE]]
        older = found[PAGE - 1].row.id if len(found) > PAGE else None
        return render_template("comments.html", lines=lines, older=older)


@blueprint.get("/passed-on")
def left() -> str:
    """Show what people passed on and why, the newest first."""
    with reading(here().services.database) as session:
        lines = [Line(one) for one in passed_on(session, MOST_PASSED_ON)]
        return render_template("passed_on.html", lines=lines)


@blueprint.post("/<int(max=2147483647):comment>")
def read(comment: int) -> Response:
    """Note that an expert has read the comment."""
    services = here().services
    with writing(services.database) as session:
        row = session.get(CommentRow, comment) or abort(404)
        mark_read(row, asker().account, services.now())
        session.add(row)
    return redirect(url_for("comments.page", before=request.args.get("before", type=int)), 303)


def teach(app: Flask) -> None:
    """Let the navigation say how many comments wait for a reader."""
    app.jinja_env.globals.update(unread_comments=_unread)


def _unread() -> int:
    with reading(here().services.database) as session:
        return unread(session)
