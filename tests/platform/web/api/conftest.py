"""A season with everything that the interface tells, and tokens of every kind."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlmodel import Session
from werkzeug.test import TestResponse

from haulout.db import writing
from haulout.services import Services
from haulout.tables import (
    CameraRow,
    ConditionRow,
    ConsensusRow,
    EventRow,
    FigureRow,
    MoveRow,
    OccupancyRow,
    PhotoRow,
    SeasonRow,
    SiteRow,
)
from haulout.testing import enters
from haulout.tokens import Scope, make_token, revoke_token
from haulout.web import create_app

SITE, OTHER = "Matveyev Island", 'Rocks "N/3" & more'
TRUE = (69.46371, 58.52914)
FIRST = date(2026, 8, 1)
NOON = datetime(2026, 8, 1, 12)
SEASON_DAYS = 40
UNSEEN = (12, 13, 29)
"""Days on which there were photos, but only of fog."""
MISSING = (20, 21)
"""Days without any photo."""


@dataclass(frozen=True)
class Told:
    """A season that was told, and the services that know it."""

    services: Services
    photos: list[PhotoRow]
    measuring: list[str]
    """Tiles that measure people."""

    @property
    def names(self) -> dict[str, str]:
        """What can stand in an address."""
        return {"photo": self.photos[2].id, "individual": "W0001", "version": "detector-2", "batch": "1"}


@pytest.fixture(scope="session")
def told_once(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the first test that needs the season leaves for the others: to draw it takes seconds, to copy it none."""
    return {"file": tmp_path_factory.mktemp("told") / "season.sqlite"}


@pytest.fixture
def told(request: pytest.FixtureRequest, told_once: dict[str, Any], tmp_path: Path, make_services) -> Told:
    """Give each test a database of its own with the whole season."""
    if "photos" not in told_once:
        season, people = request.getfixturevalue("season"), request.getfixturevalue("people")
        with writing(season.services.database) as session:
            session.add_all([*_places(), *_days(), *_season()])
            _seen_by_experts(session)
        with season.services.database.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql(f"VACUUM INTO '{told_once['file']}'")
        told_once |= {"photos": season.photos, "measuring": people.measuring}
    shutil.copy(told_once["file"], tmp_path / "told.sqlite")
    services = make_services(tmp_path / "home", f"sqlite:///{tmp_path / 'told.sqlite'}")
    return Told(services, told_once["photos"], told_once["measuring"])


def _places() -> Iterator[Any]:
    latitude, longitude = TRUE
    yield SiteRow(name=SITE, latitude=latitude, longitude=longitude, time_zone="Asia/Yekaterinburg", changed_at=NOON)
    yield SiteRow(name=OTHER, latitude=1.5, longitude=2.5, geoprivacy="withheld", changed_at=NOON)
    yield CameraRow(site=SITE, camera="CAM1", view="north")
    yield CameraRow(site=OTHER, camera="NEW", view="")
    yield MoveRow(site=SITE, camera="CAM1", at=NOON + timedelta(days=3), by="Ivan Petrov")


def _days() -> Iterator[OccupancyRow]:
    for number in sorted(set(range(SEASON_DAYS)) - set(MISSING)):
        ashore = max(0.0, 400 - 1.3 * (number - 22) ** 2)
        yield OccupancyRow(
            site=SITE,
            day=FIRST + timedelta(days=number),
            photos=24,
            visible=0 if number in UNSEEN else 20,
            checked=3,
            present=1.0 if ashore else 0.02,
            maximum=ashore,
            maximum_low=0.85 * ashore,
            maximum_high=1.2 * ashore + 4,
            mean=0.6 * ashore,
            mean_low=0.5 * ashore,
            mean_high=0.7 * ashore,
            run=1,
            at=NOON,
        )


def _season() -> Iterator[Any]:
    arrival, departure = FIRST + timedelta(days=5), FIRST + timedelta(days=39)
    limits = {
        f"{name}_{side}": at
        for name, at in (("arrival", arrival), ("departure", departure))
        for side in ("low", "high")
    }
    peak = FIRST + timedelta(days=22)
    most = {"maximum": 400.0, "maximum_low": 340.0, "maximum_high": 484.0}
    yield EventRow(
        site=SITE,
        number=1,
        year=2026,
        arrival=arrival,
        departure=departure,
        departure_open=True,
        **limits,
        peak=peak,
        peak_low=peak,
        peak_high=peak,
        **most,
    )
    yield SeasonRow(
        site=SITE,
        year=2026,
        index=151.5,
        index_low=140.0,
        index_high=163.0,
        **most,
        days=38,
        occupied=33,
        unseen=3,
        first=FIRST,
        last=departure,
        profile={"hours": [[6, 0.9, float("nan"), 1.0]]},
        data="d" * 64,
    )
    for during in ("", "2026-08", "2026-08-03"):
        yield FigureRow(
            site=SITE, name="mean", during=during, value=3.5, low=3.0, high=4.5, drawn=40, model="detector-2", at=NOON
        )


def _seen_by_experts(session: Session) -> None:
    session.add(ConditionRow(animal="animal-1-0", sign="thin", person="person-2", at=NOON))
    row = session.get_one(ConsensusRow, "tile-3")
    row.disturbed = {"boat": 2}
    session.add(row)


@pytest.fixture
def make_header(told: Told) -> Callable[..., dict[str, str]]:
    """Make a token and return the header that carries it."""
    made: dict[tuple[str, ...], dict[str, str]] = {}

    def make(*scopes: str, days: int = 30, ago: int = 0, revoked: bool = False) -> dict[str, str]:
        key = (*scopes, str(days), str(ago), str(revoked))
        if key not in made:
            name = f"token-{len(made)}"
            then = told.services.now() - timedelta(days=ago)
            token = make_token(replace(told.services, now=lambda: then), name, scopes, days)
            if revoked:
                revoke_token(told.services, name)
            made[key] = {"Authorization": f"Bearer {token}"}
        return made[key]

    return make


@pytest.fixture
def interface(told: Told) -> Flask:
    return create_app(told.services)


@pytest.fixture
def ask(interface: Flask, make_header) -> Callable[..., TestResponse]:
    """Ask an address below /api/v1 with a token of these scopes, or a header of one's own."""
    client: FlaskClient = enters(interface.test_client())

    def asked(path: str, scopes: Sequence[str] = (Scope.READ,), **parameters: object) -> TestResponse:
        query = {name.removesuffix("_"): value for name, value in parameters.items()}
        return client.get(f"/api/v1/{path}", query_string=query or None, headers=make_header(*scopes))

    return asked
