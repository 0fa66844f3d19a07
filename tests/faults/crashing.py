"""One pass of the coordinator in a process of its own that is killed at a chosen moment, as by a power cut.

A moment is the n-th time that something is made to last or sent: before and after each commit, each change that Label
Studio is asked for, each renaming and each flush of a file. Runs in a fork server, so that torch is loaded once.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from haulout.bootstrap import build
from haulout.collect import collect
from haulout.collect.storing import Storing
from haulout.config import Settings
from haulout.db import writing
from haulout.dispatch import dispatch, sending
from haulout.identify.step import identify
from haulout.ingest import ingest
from haulout.label_studio import LabelStudio
from haulout.lease import SEASON, lease
from haulout.propose import propose
from haulout.selection import select_batch
from haulout.services import Services
from haulout.settle import learn_people, settle
from haulout.shipping import ship
from haulout.tables import BatchRow

SLOWER = 0.1
"""The share of its waiting that a pass really waits: imports of five tasks arrive within a second."""


@dataclass(frozen=True)
class Order:
    """What a child shall do, and when it is killed: at its `at`-th moment, or after some seconds, or not at all."""

    settings: Settings
    card: Path
    told: Path
    """Where the moments are written down, a line each."""
    at: int = 0
    after: float = 0.0
    naive: bool = False
    """As somebody would write it who trusts that what was sent and not heard of did not arrive."""


def obey(order: Order) -> None:
    """Make the pass; moments are counted from its beginning."""
    os.environ["OMP_NUM_THREADS"] = "1"
    services = build(order.settings)
    services = replace(services, sleep=lambda seconds: time.sleep(seconds * SLOWER))
    if order.naive:
        sending.clear_up = lambda *_: None
        LabelStudio.find_tasks = lambda *_: {}
        Storing.note_twin = lambda *_: None
    if order.after:
        signal.signal(signal.SIGALRM, lambda *_: _die())
        signal.setitimer(signal.ITIMER_REAL, order.after)
    _watch(order, services)
    work(services, order.card)


def work(services: Services, card: Path) -> None:
    """Do the ten things that a coordinator does, all that is still to do of each."""
    ingest(services, card)
    with lease(services.database, SEASON) as held:
        services = replace(services, database=held)
        propose(services)
        _ask(services)
        dispatch(services)
        collect(services, sweep=True)
        learn_people(services)
        settle(services)
        identify(services)
        dispatch(services)
    ship(services.database, services.storage.journal)


def _ask(services: Services) -> None:
    from sqlmodel import func, select

    with writing(services.database) as session:
        batches = session.exec(select(func.count()).select_from(BatchRow)).one()
    if batches < len(list(services.settings.home.glob("card-*"))):
        select_batch(services)


def _watch(order: Order, services: Services) -> None:
    count = 0
    told = order.told.open("a")

    def moment(name: str) -> None:
        nonlocal count
        count += 1
        told.write(f"{name}\n")
        told.flush()
        if count == order.at:
            _die()

    dialect = services.database.dialect
    dialect.do_commit = _around(dialect.do_commit, moment, lambda *_: "commit")
    httpx.Client.send = _around(httpx.Client.send, moment, _change)
    os.replace = _around(os.replace, moment, lambda *_: "replace")
    os.rename = _around(os.rename, moment, lambda *_: "rename")
    os.fsync = _around(os.fsync, moment, lambda *_: "fsync")


def _change(_client: Any, request: httpx.Request, **_: Any) -> str | None:
    """Name a request that changes something; reading changes nothing."""
    if request.method == "GET":
        return None
    return f"{request.method} {''.join(c for c in request.url.path if not c.isdigit())}"


def _around(call: Callable[..., Any], moment: Callable[[str], None], name: Callable[..., str | None]) -> Any:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        what = name(*args, **kwargs)
        if what:
            moment(f"before {what}")
        result = call(*args, **kwargs)
        if what:
            moment(f"after {what}")
        return result

    return wrapped


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
