"""The first page of who is not signed in: what this is, how one takes part, and how far it has come."""

from flask import Blueprint, render_template

from haulout.db import reading
from haulout.report import read_progress
from haulout.web.here import here

blueprint = Blueprint("welcome", __name__)


@blueprint.get("/welcome")
def page() -> str:
    """Show what the project is; no place, no picture of a camera and nobody's name is on it."""
    with reading(here().services.database) as session:
        return render_template(
            "welcome.html", progress=read_progress(session), sign_up=here().services.settings.sign_up
        )
