"""The coordinator's pages: drawn on the server, readable offline, on a phone and by keyboard."""

from haulout.web.application import create_app
from haulout.web.server import serve

__all__ = ["create_app", "serve"]
