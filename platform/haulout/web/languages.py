"""Which language a visitor reads: the one they chose, else the one their browser asks for."""

from typing import Any

from flask import Flask, Response, g, request, url_for

from haulout.localisation import NAMES
from haulout.web.asking import is_secure
from haulout.web.here import here, language

COOKIE = "language"
ONE_YEAR = 365 * 24 * 3600


def speak(app: Flask) -> None:
    """Make the pages of the application speak the visitor's language."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        lambda message: language().gettext(message),
        lambda singular, plural, n: language().ngettext(singular, plural, n),
        newstyle=True,
    )
    app.before_request(_choose)
    app.after_request(_remember)
    app.context_processor(lambda: {"language": language(), "other_languages": _others()})


def _choose() -> None:
    fallback = here().services.settings.language
    asked_for = request.accept_languages.best_match(list(NAMES), default=fallback)
    wishes = (request.args.get("language"), request.cookies.get(cookie()), asked_for)
    code = next((code for code in wishes if code is not None and code in NAMES), fallback)
    g.language = here().languages[code]


def _remember(response: Response) -> Response:
    response.vary.update(("Cookie", "Accept-Language"))
    if request.args.get("language") in NAMES:
        response.set_cookie(
            cookie(), language().code, max_age=ONE_YEAR, samesite="Lax", httponly=True, secure=is_secure(), path="/"
        )
    return response


def cookie() -> str:
    """Return the name of the cookie; with TLS, one that no other host can set."""
    return f"__Host-{COOKIE}" if is_secure() else COOKIE


def _others() -> list[tuple[str, str, str]]:
    """Return code, name and address of this page in the other languages."""
    return [(code, name, _this_page_in(code)) for code, name in NAMES.items() if code != language().code]


def _this_page_in(code: str) -> str:
    if request.endpoint is None:
        return url_for("pages.first", language=code)
    arguments: dict[str, Any] = {**request.args.to_dict(), **(request.view_args or {}), "language": code}
    # A visitor's own arguments must not become url_for's.
    return url_for(request.endpoint, **{name: value for name, value in arguments.items() if not name.startswith("_")})
