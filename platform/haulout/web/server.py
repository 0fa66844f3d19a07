"""Serves the pages with waitress, a production WSGI server that needs nothing else."""

from typing import Any

from flask import Flask
from waitress import serve as run

THREADS = 8


def serve(app: Flask, host: str, port: int, *, proxied: bool = False) -> None:
    """Serve until the process is told to stop."""
    # Waitress would take a gigabyte before Flask says that it is too much.
    largest = app.config["MAX_CONTENT_LENGTH"]
    trusted = options(proxied=proxied)
    run(app, host=host, port=port, threads=THREADS, ident="Haulout", max_request_body_size=largest, **trusted)


def options(*, proxied: bool) -> dict[str, Any]:
    """Return whom to believe for whom they ask: the proxy of this machine that ends TLS, if there is one."""
    return {"trusted_proxy": "127.0.0.1", "trusted_proxy_headers": {"x-forwarded-for"}} if proxied else {}
