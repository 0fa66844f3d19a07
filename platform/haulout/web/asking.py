"""Who makes this request: the session's cookie says it, and what is not allowed to them is refused before all else."""

from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from haulout.accounts import Asker, sessions
from haulout.db import reading, writing
from haulout.errors import DatabaseBusy, StorageFull
from haulout.tables import AccountRow, SessionRow
from haulout.web.here import here
from haulout.web.policy import ADDRESSES, GUARD_THEMSELVES, GUARDED_BY_TOKENS

NO_PATIENCE = 0.2
"""Seconds that a visitor waits for others who write, for nothing but a note."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
ASK_NOBODY = frozenset({"static", "health.alive", "health.ready"})
"""Addresses that answer everybody alike, even while the database does not answer."""
NOBODYS = 99
"""More than anybody's rank."""
POLICY = "haulout_policy"
"""Where an application keeps the least rank of each of its endpoints."""


def guard(app: Flask, policy: Mapping[str, int] = ADDRESSES) -> None:
    """Let nobody reach an address that is not theirs."""
    app.extensions[POLICY] = dict(policy)
    app.before_request(_admit)
    app.jinja_env.globals.update(called=called)
    app.context_processor(lambda: {"asker": asker_or_none(), "may": may})


def asker_or_none() -> Asker | None:
    """Return who makes this request, None when nobody is signed in."""
    return cast(Asker | None, g.get("asker"))


def asker() -> Asker:
    """Return who makes this request; the policy has seen to it that somebody is signed in."""
    return asker_or_none() or abort(401)


def called(account: str) -> str:
    """Return what somebody wants to be called; their pseudonym when they erased that."""
    with reading(here().services.database) as session:
        row = session.get(AccountRow, account)
    return row.name if row and row.name else account


def may(endpoint: str) -> bool:
    """Say whether who asks may follow a link there, and whether there is such a page."""
    who = asker_or_none()
    return endpoint in current_app.view_functions and _wanted(endpoint) <= (who.rank if who else 0)


def cookie_name() -> str:
    """Return the name of the session's cookie; with TLS, one that browsers keep from every other host."""
    return "__Host-haulout" if is_secure() else "haulout"


def is_secure() -> bool:
    """Say whether people reach the pages encrypted."""
    return here().services.settings.public_url.startswith("https://")


def remember(response: BaseResponse, token: str) -> None:
    """Have the browser keep the session's token where no script can read it."""
    response.set_cookie(
        cookie_name(),
        token,
        max_age=int(sessions.LONGEST.total_seconds()),
        secure=is_secure(),
        httponly=True,
        samesite="Lax",
        path="/",
    )


def forget(response: BaseResponse) -> None:
    """Have the browser forget the session's token."""
    response.delete_cookie(cookie_name(), secure=is_secure(), httponly=True, samesite="Lax", path="/")


def _admit() -> Response | BaseResponse | None:
    endpoint = request.endpoint
    if endpoint in GUARD_THEMSELVES or request.blueprint == GUARDED_BY_TOKENS:
        return None
    if request.method not in SAFE and not _comes_from_here():
        abort(403)
    g.asker = None if endpoint in ASK_NOBODY else _who()
    if endpoint is None:
        return None  # there is no such address
    wanted = _wanted(endpoint)
    if wanted <= (g.asker.rank if g.asker else 0):
        return None
    if wanted == NOBODYS or (g.asker is not None and g.asker.complete):
        abort(403)
    if request.method in SAFE and _reads_pages():
        return redirect(_way_in())
    abort(401)


def _wanted(endpoint: str) -> int:
    policy: Mapping[str, int] = current_app.extensions[POLICY]
    return policy.get(endpoint, NOBODYS)


def _reads_pages() -> bool:
    """Say whether a person asks for a page, and not a script of one, which can do nothing with the sign-in page."""
    accepted = request.accept_mimetypes
    return accepted.quality("text/html") > accepted.quality("application/json")


def _way_in() -> str:
    then = request.full_path if request.query_string else request.path
    return url_for("entry.sign_in" if g.asker is None else "second_factor.code", then=then)


def _who() -> Asker | None:
    token = request.cookies.get(cookie_name(), "")
    if not token:
        return None
    services = here().services
    now = services.now()
    with reading(services.database) as session:
        found = sessions.find(session, token, now)
    if found is None:
        return None
    row, asker = found
    if now - row.seen_at > sessions.NOTED_EVERY:
        _note(row.id)
    return asker


def _note(number: str) -> None:
    services = here().services
    try:
        with writing(services.database, NO_PATIENCE) as session:
            row = session.get_one(SessionRow, number)
            row.seen_at = services.now()
            session.add(row)
    except (DatabaseBusy, StorageFull):
        pass  # the next request notes it


def _comes_from_here() -> bool:
    """Say whether a form or script of our own pages made the request: browsers tell, and no page can make them lie."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = urlsplit(request.headers.get("Origin", "")).netloc
    return bool(origin) and origin in (request.host, urlsplit(here().services.settings.public_url).netloc)
