"""What every answer tells the browser: load from here alone, keep nothing, look at nothing of the visitor's."""

from collections import ChainMap
from collections.abc import Mapping

from flask import Blueprint, Flask, Response, g, request

from haulout.web.asking import asker_or_none, is_secure

CONTENT: Mapping[str, str] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
"""The Content-Security-Policy, by directive."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
ONE_YEAR = 365 * 24 * 3600


def send_headers(app: Flask) -> None:
    """Send them with every answer of the application."""
    app.after_request(_with_headers)


def allow(blueprint: Blueprint, more: Mapping[str, str]) -> None:
    """Let the pages of a blueprint load more than others: sources to add, by directive."""

    @blueprint.after_request
    def note(response: Response) -> Response:
        g.allowed = {
            directive: f"{CONTENT.get(directive, '')} {sources}".strip() for directive, sources in more.items()
        }
        return response


def _with_headers(response: Response) -> Response:
    content = ChainMap(g.get("allowed", {}), dict(CONTENT))
    names = [*CONTENT, *(name for name in content if name not in CONTENT)]
    response.headers.setdefault("Content-Security-Policy", "; ".join(f"{name} {content[name]}" for name in names))
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if is_secure():
        response.headers.setdefault("Strict-Transport-Security", f"max-age={ONE_YEAR}; includeSubDomains")
    if asker_or_none() is not None and request.endpoint not in ("static", "editor.file"):
        _keep_private(response)
    return response


def _keep_private(response: Response) -> None:
    """Let no cache keep what somebody saw after signing in; their own browser may keep pictures."""
    if (response.mimetype or "").startswith("image/") and response.cache_control.max_age:
        response.cache_control.public, response.cache_control.private = False, True
    else:
        response.headers["Cache-Control"] = "no-store"
