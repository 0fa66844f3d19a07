"""Behind a proxy of this machine visitors are told apart; without one nobody is believed to speak for others."""

import threading
from collections.abc import Iterator

import httpx
import pytest
from flask import Flask, request
from waitress.server import create_server

from haulout.web.server import options


@pytest.fixture
def address(request) -> Iterator[str]:
    app = Flask(__name__)
    app.add_url_rule("/", "who", _who)
    server = create_server(app, host="127.0.0.1", port=0, **options(proxied=request.param))
    threading.Thread(target=server.run, daemon=True).start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()


def _who() -> str:
    return f"{request.remote_addr} {request.scheme} {request.host.partition(':')[0]}"


@pytest.mark.parametrize(("address", "seen"), [(True, "192.0.2.7"), (False, "127.0.0.1")], indirect=["address"])
def test_only_a_proxy_says_for_whom_it_asks_and_nothing_else(address, seen):
    claims = {"X-Forwarded-For": "198.51.100.1, 192.0.2.7", "X-Forwarded-Host": "evil", "X-Forwarded-Proto": "https"}

    assert httpx.get(address, headers=claims).text == f"{seen} http 127.0.0.1"
