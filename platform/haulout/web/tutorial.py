"""The first five minutes: three drawn pictures with the answer told at once, and the field guide."""

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request, send_from_directory, url_for
from werkzeug.wrappers import Response as AnyResponse

from haulout.db import writing
from haulout.feedback import Feedback, judge
from haulout.tables import AccountRow
from haulout.web import editor, workplace
from haulout.web.asking import asker
from haulout.web.desk_refusals import told
from haulout.web.first_pictures import GUIDE, LESSONS, lesson, made
from haulout.web.here import here, language
from haulout.web.questions import config_for
from labeling_configs import boxes
from labeling_configs.vocabulary import Person, Question

ONE_DAY = 24 * 3600
LARGEST = 1 << 18

blueprint = Blueprint("tutorial", __name__)
workplace.widen(blueprint)


@blueprint.get("/first-pictures")
def page() -> str:
    """Show the three pictures, one after the other; who has seen them before may leave at any time."""
    return render_template("tutorial.html", lessons=LESSONS, taught=asker().taught, editor=editor.address())


@blueprint.get("/first-pictures/<name>")
def task(name: str) -> Response:
    """Tell the editor what to show of a lesson."""
    if name not in LESSONS:
        abort(404)
    shown = lesson(here().services.settings.public, name)
    address = url_for("tutorial.picture", name=name)
    config = config_for(Question.BOXES, language().code)
    return jsonify({"config": config, "data": {"image": address}, "prediction": shown.prediction})


@blueprint.post("/first-pictures/<name>")
def answer(name: str) -> Response:
    """Say what was right and what was missed; nothing is stored, nobody is measured."""
    request.max_content_length = LARGEST
    if name not in LESSONS:
        abort(404)
    said = told(request)
    shown, now = lesson(here().services.settings.public, name), here().services.now()
    given = boxes.read(said.get("result"), shown.tile)
    vote = given.to_vote(Person("learner"), shown.tile, now, 0.0, blind=shown.prediction is None)
    return jsonify({"feedback": Feedback(judge(vote, shown.truth, shown.tile.shown)).told()})


@blueprint.post("/first-pictures")
def finish() -> AnyResponse:
    """Note that somebody has seen them, and lead to the desk."""
    services = here().services
    with writing(services.database) as session:
        account = session.get_one(AccountRow, asker().account)
        account.taught_at = account.taught_at or services.now()
        session.add(account)
    return redirect(url_for("desk.page"), 303)


@blueprint.get("/field-guide")
def guide() -> str:
    """Show what a walrus looks like, and what only looks like one."""
    return render_template("guide.html")


@blueprint.get("/drawn/<name>.jpg")
def picture(name: str) -> Response:
    """Give one of the drawn pictures."""
    if name not in LESSONS and name not in GUIDE:
        abort(404)
    folder = made(here().services.settings.public)
    return send_from_directory(folder, f"{name}.jpg", mimetype="image/jpeg", max_age=ONE_DAY)
