"""Asks for the operator's password before a page changes anything; all other pages only show."""

from secrets import compare_digest

from flask import Response, abort, make_response, request

from haulout.web.here import here
from haulout.web.mistakes import refused
from haulout.web.wording import N_

ACCOUNT = N_("This needs the operator's account")
WHICH_ACCOUNT = N_("It is the one that haulout up printed at the start. Go back, press again and give it.")


def only_the_operator() -> None:
    """Break off the request unless it carries the operator's account and comes from one of our own pages.

    The browser itself asks for the account, which is the one of Label Studio that was printed at the start. It sends
    the account along whoever made the form, so a form of another site is refused.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        abort(403)
    settings, given = here().services.settings, request.authorization
    known = (
        [(given.username or "", settings.admin_email), (given.password or "", settings.admin_password)] if given else []
    )
    right = [compare_digest(one.encode(), other.encode()) for one, other in known]
    if not settings.admin_password or not right or not all(right):
        abort(_asked_for_account())


def sealed(*what: object) -> str:
    """Return what a form carries to show that it was made here, and that it speaks of just this."""
    return here().services.sealed("form:" + ":".join(str(one) for one in what))


def _asked_for_account() -> Response:
    answer = make_response(refused(ACCOUNT, WHICH_ACCOUNT), 401)
    answer.headers["WWW-Authenticate"] = 'Basic realm="Haulout", charset="UTF-8"'
    return answer
