"""The experts' page of what people wrote about pictures."""

from dataclasses import dataclass

from flask import Blueprint, Flask, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from haulout.comments import Comment, mark_read, newest, unread
from haulout.db import reading, writing
from haulout.tables import CommentRow
from haulout.web.asking import asker
from haulout.web.here import here
from labeling_configs.vocabulary import ABOUT_TILES

PAGE = 30

blueprint = Blueprint("comments", __name__, url_prefix="/comments")


@dataclass(frozen=True)
class Line:
    """A comment and what it is about: a tile, or animals."""

    comment: Comment

    @property
    def tile(self) -> str:
        """The tile that its author saw; empty where animals were compared."""
        asked = self.comment.task
        return asked.subject if asked.question in ABOUT_TILES else ""

    @property
    def animals(self) -> tuple[str, ...]:
        """The animals that its author compared; one where others were to be chosen from."""
        return () if self.tile else tuple(self.comment.task.subject.split("|"))


@blueprint.get("")
def page() -> str:
    """Show the comments, the newest first."""
    with reading(here().services.database) as session:
        found = newest(session, PAGE + 1, request.args.get("before", type=int))
        lines = [Line(one) for one in found[:PAGE]]
        older = found[PAGE - 1].row.id if len(found) > PAGE else None
        return render_template("comments.html", lines=lines, older=older)


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
