"""How often one address may try to come in, and one person ask and answer.

Each account slows wrong tries down by itself, see `accounts.sign_in`.
"""

from collections.abc import Mapping
from typing import Any

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from haulout.web.asking import asker

TRIES: Mapping[str, str] = {
    "entry.sign_in": "30 per minute; 300 per hour",
    "entry.sign_up": "20 per minute; 100 per hour",
    "entry.enter": "20 per minute",
    "second_factor.code": "20 per minute; 200 per hour",
    "account.password": "20 per minute",
    "account.new_second_factor": "20 per minute",
    "account.erase": "20 per minute",
}
"""For forms that are sent; a class of pupils behind one address can still sign up together."""
WORK: Mapping[str, str] = {
    "desk.next_question": "60 per minute; 1000 per hour",
    "desk.take": "60 per minute; 1000 per hour",
    "desk.pass_on": "60 per minute; 600 per hour",
    "desk.comment": "10 per minute",
    "disputes.answer": "60 per minute",
    "search.find": "10 per minute; 100 per hour",
    "tutorial.answer": "60 per minute",
}
"""For each account: nobody looks at a picture in less than a second, for minutes."""


def limit(app: Flask) -> None:
    """Answer 429 to an address that tries too often, with the seconds to wait."""
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://", headers_enabled=True)
    for which, whose in ((TRIES, get_remote_address), (WORK, _account)):
        for endpoint, tries in which.items():
            limited: Any = limiter.limit(tries, key_func=whose, methods=["POST"])(app.view_functions[endpoint])
            app.view_functions[endpoint] = limited


def _account() -> str:
    return asker().account
