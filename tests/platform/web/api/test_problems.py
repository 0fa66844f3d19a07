"""A bad question is answered with which parameter is wrong and why, all of them at once, as problem+json."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlmodel import SQLModel

from haulout.db import writing
from haulout.tables import SeasonRow
from haulout.testing import enters
from haulout.tokens import Scope
from haulout.web import create_app
from haulout.web.api.routes import description


@pytest.mark.parametrize(
    ("path", "parameter", "reason"),
    [
        ("photos?from=yesterday", "from", "must be a day, as in 2026-08-03"),
        ("photos?from=2026-02-30", "from", "valid date"),
        ("photos?from=2026-08-03&to=2026-08-01", "to", "ends before it begins"),
        ("photos?limit=0", "limit", "greater than or equal to 1"),
        ("photos?limit=501", "limit", "less than or equal to 500"),
        ("photos?limit=1e2", "limit", "must be a whole number"),
        ("photos?limit=NaN", "limit", "must be a whole number"),
        ("photos?animals=some", "animals", "'yes', 'no' or 'unseen'"),
        ("photos?camera=", "camera", "at least 1 character"),
        ("photos?camera=A%00B", "camera", "match pattern"),
        ("photos?site=A&site=B", "site", "is given twice"),
        ("photos?sight=A", "sight", "it has site, limit, cursor, from, to, camera, animals, boxes"),
        ("photos?cursor=W251bGxd.0", "cursor", "is not one that this address gave"),
        ("sites?x=1", "x", "it has none"),
        ("effort", "site", "must be given"),
        ("seasons?year=0", "year", "greater than or equal to 1"),
    ],
)
def test_a_wrong_parameter_is_named_with_the_reason(interface, make_header, path, parameter, reason) -> None:
    answer = enters(interface.test_client()).get(f"/api/v1/{path}", headers=make_header(Scope.READ))

    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    (wrong,) = answer.json["errors"]
    assert wrong["parameter"] == parameter and reason in wrong["reason"]
    assert parameter in answer.json["detail"] and answer.json["title"].startswith("Unprocessable")


def test_all_that_is_wrong_is_named_at_once(ask) -> None:
    errors = ask("photos", from_="x", limit="x", animals="x", other="x").json["errors"]

    assert [one["parameter"] for one in errors] == ["limit", "from", "animals", "other"]


def test_a_cursor_of_another_address_is_refused(ask) -> None:
    following = ask("individuals", limit=1).json["next"]
    cursor = parse_qs(urlsplit(following).query)["cursor"][0]

    assert ask("individuals", cursor=cursor).status_code == 200
    assert ask("photos", cursor=cursor).json["errors"][0]["parameter"] == "cursor"


@pytest.mark.parametrize(
    "path",
    [
        "photos/0",
        "photos/0/votes",
        "individuals/nobody",
        "models/..%2f..%2fsecrets.json",
        "batches/0",
        "batches/-1",
        "batches/²",
        "batches/1e0",
        "batches/99999999999999999999999",
        "effort?site=Atlantis",
        "disturbances?site=' OR 1=1 --",
        "nothing",
        "photos/%00",
        "sites/",
    ],
)
def test_what_is_not_there_is_answered_as_json(interface, make_header, path) -> None:
    answer = enters(interface.test_client()).get(f"/api/v1/{path}", headers=make_header(Scope.READ, Scope.PEOPLE))

    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert answer.json["status"] == 404 and answer.json["detail"]


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_nothing_can_be_changed(interface, make_header, method) -> None:
    answer = getattr(enters(interface.test_client()), method)("/api/v1/photos", headers=make_header(Scope.READ))

    assert (answer.status_code, answer.mimetype) == (405, "application/problem+json")
    assert "GET" in answer.headers["Allow"] and "use GET" in answer.json["detail"]


def test_pages_that_do_not_exist_are_still_explained_to_people(interface) -> None:
    answer = enters(interface.test_client()).get("/nothing")

    assert (answer.status_code, answer.mimetype) == (404, "text/html")


@pytest.mark.postgres
def test_every_address_answers_the_same_on_postgresql(
    interface, make_header, told, new_postgres_database, make_services
) -> None:
    """Copies the season row by row; what SQLite forgives, PostgreSQL does not."""
    header = make_header("people", "places", "read")
    there = replace(
        make_services(told.services.settings.home, new_postgres_database()), settings=told.services.settings
    )
    with writing(told.services.database) as session:  # PostgreSQL itself refuses what is no number in JSON
        session.get_one(SeasonRow, ("Matveyev Island", 2026)).profile = {"hours": [[6, 0.9, 0.8, 1.0]]}
    with told.services.database.connect() as source, there.database.begin() as target:
        for table in SQLModel.metadata.sorted_tables:
            if rows := [dict(row) for row in source.execute(table.select()).mappings()]:
                target.execute(table.insert(), rows)
    clients = [enters(interface.test_client()), enters(create_app(there).test_client())]
    for path in description()["paths"]:
        wanted = {"site": "Matveyev Island"} if "effort" in path or "disturbances" in path else {}
        for query in (wanted, {**wanted, "limit": 2, "from": "2026-08-02"} if path.endswith("/occupancy") else wanted):
            here, away = (c.get(path.format(**told.names), headers=header, query_string=query) for c in clients)
            assert (here.status_code, away.status_code) == (200, 200), (path, away.text)
            assert here.json == away.json, path
    pages = [[], []]
    for found, client in zip(pages, clients, strict=True):
        address = "/api/v1/photos?limit=3&boxes=yes"
        while address:
            answer = client.get(address, headers=header).json
            found += answer["items"]
            address = answer["next"]
    assert pages[0] == pages[1] and len(pages[0]) == len(told.photos)
