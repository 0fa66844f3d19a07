"""Asks experts and operators for the code of their app, and helps them to set it up at the first time."""

from io import BytesIO

import segno
from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from haulout.accounts import Asker
from haulout.accounts.refusals import Refused
from haulout.accounts.second_factor import SecondFactors
from haulout.accounts.sign_in import has_second_factor, show_code
from haulout.web.asking import asker_or_none
from haulout.web.entry import UNWANTED, entered, onwards
from haulout.web.here import here
from haulout.web.not_let_in import in_words

blueprint = Blueprint("second_factor", __name__)


@blueprint.route("/sign-in/code", methods=["GET", "POST"])
def code() -> AnyResponse | tuple[str, int]:
    """Ask for the code of who has shown their password."""
    then, who = onwards(request.values.get("then", "")), asker_or_none()
    if who is None:
        return redirect(url_for("entry.sign_in", then=then))
    if who.complete:
        return redirect(then)
    if request.method != "POST":
        return _page(who, then)
    try:
        token = show_code(here().services, who, request.form.get("code", ""), offer=request.form.get("offer", ""))
    except Refused as refused:
        return _page(who, then, request.form.get("offer", ""), in_words(refused), UNWANTED)
    return entered(token, then)


@blueprint.get("/sign-in/code.svg")
def picture() -> Response:
    """Draw the QR code of the secret that was offered to who asks."""
    who, offer = asker_or_none(), request.args.get("offer", "")
    if who is None or who.complete or not _factors().is_fresh(offer, who.account, here().services.now()):
        abort(404)
    drawn = BytesIO()
    segno.make(_factors().address(offer, who.account, who.name)).save(drawn, kind="svg", scale=6, light="#fff")
    answer = make_response(drawn.getvalue())
    answer.mimetype = "image/svg+xml"
    return answer


def _page(who: Asker, then: str, offer: str = "", wrong: str = "", status: int = 200) -> tuple[str, int]:
    services = here().services
    secret = ""
    if not has_second_factor(services, who):
        if not _factors().is_fresh(offer, who.account, services.now()):
            offer = _factors().offer(who.account, services.now())
        secret = _factors().secret(offer, who.account)
    return render_template(
        "entry_code.html", then=then, offer=offer if secret else "", secret=secret, wrong=wrong
    ), status


def _factors() -> SecondFactors:
    return SecondFactors(here().services.settings.secret_key)
