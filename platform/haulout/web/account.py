"""A person's own account: name, password, second factor, the browsers they are signed in with, and its end."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from haulout.accounts import own
from haulout.accounts.refusals import Refused
from haulout.web.asking import asker, forget
from haulout.web.entry import UNWANTED, entered
from haulout.web.here import here
from haulout.web.not_let_in import in_words

blueprint = Blueprint("account", __name__, url_prefix="/account")


@blueprint.get("")
def page() -> str:
    """Show all that is known of who asks."""
    return _page()


@blueprint.post("/name")
def rename() -> Response | tuple[str, int]:
    """Take another name or address."""
    try:
        own.rename(here().services, asker(), request.form.get("name", ""), request.form.get("email", ""))
    except Refused as refused:
        return _page(rename=in_words(refused)), UNWANTED
    return redirect(url_for("account.page"), 303)


@blueprint.post("/password")
def password() -> Response | tuple[str, int]:
    """Take another password; all other browsers are signed out."""
    try:
        token = own.change_password(here().services, asker(), _old(), request.form.get("new", ""))
    except Refused as refused:
        return _page(password=in_words(refused)), UNWANTED
    return entered(token, url_for("account.page"))


@blueprint.post("/second-factor")
def new_second_factor() -> Response | tuple[str, int]:
    """Forget the app, and set up another at once."""
    try:
        token = own.drop_second_factor(here().services, asker(), _old())
    except Refused as refused:
        return _page(second=in_words(refused)), UNWANTED
    return entered(token, url_for("account.page"))


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """Sign out in one other browser, or everywhere."""
    number = request.form.get("session", "")
    own.end_sessions(here().services, asker(), number)
    if number and number != asker().session:
        return redirect(url_for("account.page"), 303)
    return _gone()


@blueprint.post("/erase")
def erase() -> Response | tuple[str, int]:
    """Erase the account."""
    try:
        own.erase_own(here().services, asker(), _old())
    except Refused as refused:
        return _page(erase=in_words(refused)), UNWANTED
    return _gone()


def _page(**complaints: str) -> str:
    who, wrong = asker(), dict.fromkeys(("rename", "password", "second", "erase"), "") | complaints
    return render_template("entry_account.html", own=own.look(here().services, who), wrong=wrong, current=who.session)


def _old() -> str:
    return request.form.get("old", "")


def _gone() -> Response:
    answer = redirect(url_for("entry.sign_in"), 303)
    forget(answer)
    return answer
