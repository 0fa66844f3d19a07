"""The ways in and out: signing up, signing in, a link that opens once, signing out."""

import logging

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from haulout.accounts import passes
from haulout.accounts import sign_in as signing_in
from haulout.accounts.own import end_sessions
from haulout.accounts.proof import Doorkeeper
from haulout.accounts.refusals import Reason, Refused
from haulout.accounts.sign_up import Wish
from haulout.accounts.sign_up import sign_up as make_account
from haulout.db import reading
from haulout.web.asking import asker_or_none, cookie_name, forget, remember
from haulout.web.here import here, language
from haulout.web.not_let_in import in_words

DOORKEEPER = "haulout_doorkeeper"
UNWANTED = 400
_log = logging.getLogger(__name__)

blueprint = Blueprint("entry", __name__)


@blueprint.after_request
def _kept_by_nobody(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> AnyResponse | tuple[str, int]:
    """Ask for name and password."""
    then = onwards(request.values.get("then", ""))
    who = asker_or_none()
    if request.method != "POST":
        if who is not None:
            return redirect(then if who.complete else url_for("second_factor.code", then=then))
        return _sign_in_page(then)
    name, password = request.form.get("name", ""), request.form.get("password", "")
    given = signing_in.Given(name, password, request.cookies.get(cookie_name(), ""), language().code)
    try:
        token = signing_in.sign_in(here().services, given)
    except Refused as refused:
        return _sign_in_page(then, name, in_words(refused), UNWANTED)
    return entered(token, then)


@blueprint.route("/sign-up", methods=["GET", "POST"])
def sign_up() -> AnyResponse | tuple[str, int]:
    """Make an account for whoever has an invitation, or passes the bot check where signing up is open."""
    wish = Wish(
        name=request.form.get("name", ""),
        password=request.form.get("password", ""),
        email=request.form.get("email", ""),
        language=language().code,
        invite=request.values.get("invite", ""),
    )
    if request.method != "POST":
        return _sign_up_page(wish)
    try:
        _check_that_nobody_is_a_bot(wish)
        token = make_account(here().services, wish)
    except Refused as refused:
        _log.info("somebody could not sign up", extra={"reason": refused.reason.value})
        return _sign_up_page(wish, in_words(refused), UNWANTED)
    return entered(token, url_for("pages.first"))


@blueprint.route("/enter", methods=["GET", "POST"])
def enter() -> AnyResponse | tuple[str, int]:
    """Use a link that opens an account once: only the button does, so that no preview of the link uses it up."""
    link, services = request.values.get("link", ""), here().services
    try:
        if request.method == "POST":
            token = signing_in.enter(services, link, request.cookies.get(cookie_name(), ""))
            return entered(token, url_for("pages.first"))
        with reading(services.database) as session:
            passes.find(session, passes.ENTER, link, services.now())
    except Refused as refused:
        return render_template("entry_enter.html", link="", wrong=in_words(refused)), UNWANTED
    return render_template("entry_enter.html", link=link, wrong=""), 200


@blueprint.post("/sign-out")
def sign_out() -> AnyResponse:
    """End this session; whoever has none is signed out already."""
    who = asker_or_none()
    if who is not None:
        end_sessions(here().services, who, who.session)
    answer = redirect(url_for("entry.sign_in"), 303)
    answer.headers["Clear-Site-Data"] = '"cache"'  # not the storage: it may hold answers that are not sent yet
    forget(answer)
    return answer


def entered(token: str, then: str) -> AnyResponse:
    """Send somebody on who has come in."""
    answer = redirect(then, 303)
    remember(answer, token)
    return answer


def onwards(then: str) -> str:
    """Return where somebody wanted to go, if that is one of our pages, else the first page."""
    ours = then.startswith("/") and not then.startswith(("//", "/\\")) and then.isprintable() and " " not in then
    return then if ours else url_for("pages.first")


def _sign_in_page(then: str, name: str = "", wrong: str = "", status: int = 200) -> tuple[str, int]:
    way = here().services.settings.sign_up
    return render_template("entry_sign_in.html", then=then, name=name, wrong=wrong, way=way), status


def _sign_up_page(wish: Wish, wrong: str = "", status: int = 200) -> tuple[str, int]:
    way = here().services.settings.sign_up
    if way == "closed" or (way == "invite" and not wish.invite):
        return render_template("entry_closed.html", wrong=in_words(Refused(Reason.CLOSED, ""))), 403
    task = None if wish.invite else _doorkeeper().task(here().services.now())
    return render_template("entry_sign_up.html", wish=wish, wrong=wrong, task=task), status


def _check_that_nobody_is_a_bot(wish: Wish) -> None:
    """Refuse whoever fills in the field that people do not see, or has not let their browser work."""
    if request.form.get("website"):
        raise Refused(Reason.NO_PROOF, "A field was filled in that nobody sees.")
    if not wish.invite:
        _doorkeeper().take(request.form.get("proof", ""), here().services.now())


def _doorkeeper() -> Doorkeeper:
    settings = here().services.settings
    keeper: Doorkeeper = current_app.extensions.setdefault(DOORKEEPER, Doorkeeper(settings.secret_key))
    return keeper
