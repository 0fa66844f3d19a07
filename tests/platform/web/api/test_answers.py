"""The interface tells what the pages show: all of it, in order, and nothing that nobody may know."""

from datetime import date, datetime, timedelta

import pytest
from sqlmodel import select

from haulout.db import reading, writing
from haulout.tables import ConsensusRow, PhotoRow, SpotDecisionRow, SpotRow

SITE, OTHER = "Matveyev Island", 'Rocks "N/3" & more'
TRUE = (69.46371, 58.52914)


def read_all(client, address: str, headers: dict) -> list[dict]:
    items = []
    while address:
        answer = client.get(address, headers=headers)
        assert answer.status_code == 200, answer.text
        items += answer.json["items"]
        address = answer.json["next"]
    return items


def test_sites_are_told_as_exactly_as_the_token_may_know(ask) -> None:
    public = {site["name"]: site for site in ask("sites").json["items"]}
    known = {site["name"]: site for site in ask("sites", ["read", "places"]).json["items"]}

    assert list(public) == [SITE, OTHER]
    assert (public[SITE]["latitude"], public[SITE]["longitude"]) == (69.45, 58.55)
    assert public[SITE]["uncertainty"] > 5000 and not public[SITE]["exact"]
    assert public[OTHER]["latitude"] is None and not public[OTHER]["exact"]
    assert (known[SITE]["latitude"], known[SITE]["longitude"]) == TRUE and known[SITE]["exact"]
    assert (known[OTHER]["latitude"], known[OTHER]["longitude"]) == (1.5, 2.5)


def test_no_answer_to_a_token_that_reads_tells_a_true_coordinate_or_a_person(ask, told) -> None:
    for path in (
        "sites",
        "cameras",
        "photos",
        f"photos/{told.names['photo']}",
        "individuals/W0001",
        "version",
    ):
        answer = ask(path, boxes="yes").text if path == "photos" else ask(path).text
        for secret in ("69.46", "58.52", "person-", "Ivan", "expert"):
            assert secret not in answer, (path, secret)


def test_moments_carry_the_offset_of_the_site_s_zone(ask, told) -> None:
    photos = ask("photos", limit=1).json["items"]
    (move,) = ask("cameras", site=SITE).json["items"][0]["moves"]

    assert photos[0]["taken_at"] == "2026-08-01T12:00:00+05:00"
    assert move == {"at": "2026-08-04T12:00:00+05:00", "by": "person"}
    assert ask("models").json["items"][0]["created_at"] == "2026-08-10T08:00:00Z"


def test_a_camera_without_photos_is_told_too(ask) -> None:
    (camera,) = ask("cameras", site=OTHER).json["items"]

    assert camera == {
        "site": OTHER, "camera": "NEW", "view": "", "photos": 0, "first": None, "last": None, "moves": [],
    }  # fmt: skip


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_all_photos_come_once_and_in_order_whatever_the_size_of_a_page(interface, make_header, told, limit) -> None:
    photos = read_all(interface.test_client(), f"/api/v1/photos?limit={limit}", make_header("read"))

    with reading(told.services.database) as session:
        rows = session.exec(select(PhotoRow)).all()
    timed = sorted((row.taken_at, row.id) for row in rows if row.taken_at)
    untimed = sorted(row.id for row in rows if row.taken_at is None)
    assert len(untimed) == 1
    assert [photo["id"] for photo in photos] == [name for _, name in timed] + untimed


def test_a_photo_that_comes_in_between_shifts_no_page(interface, make_header, told) -> None:
    client, headers = interface.test_client(), make_header("read")
    first = client.get("/api/v1/photos?limit=4", headers=headers).json
    with writing(told.services.database) as session:
        row = session.get_one(PhotoRow, first["items"][0]["id"])
        session.add(PhotoRow(**row.model_dump() | {"id": "0" * 64, "taken_at": row.taken_at - timedelta(days=1)}))

    second = client.get(first["next"], headers=headers).json

    assert not {photo["id"] for photo in first["items"]} & {photo["id"] for photo in second["items"]}


def test_photos_are_filtered_by_site_camera_days_and_animals(ask, told) -> None:
    ids = [photo.id for photo in told.photos[:7]]

    def found(**wanted: object) -> set[str]:
        return {photo["id"] for photo in ask("photos", limit=500, **wanted).json["items"]} & set(ids)

    assert found(site=SITE) == set(ids)
    assert found(site=OTHER) == set()
    assert found(camera="CAM2") == set(ids[5:])
    assert found(from_="2026-08-02", to="2026-08-03") == {ids[1], ids[2], ids[5]}
    assert found(to="2026-08-01") == {ids[0]}
    assert found(animals="yes") == {*ids[1:4], *ids[5:]}
    assert found(animals="no") == {ids[0], ids[4]}
    assert found(animals="unseen") == set()


def test_boxes_are_told_with_who_drew_them_and_only_when_asked_for(ask, told) -> None:
    plain = ask("photos", camera="CAM1").json["items"][2]
    full = ask("photos", camera="CAM1", boxes="yes").json["items"][2]
    alone = ask(f"photos/{told.names['photo']}").json

    assert (plain["people"], plain["machine"], plain["animals"]) == (None, None, 3)
    assert [box["individual"] for box in full["people"]] == ["W0001", None, None]
    assert (full["model"], len(full["machine"]), full["machine"][0]["score"]) == ("detector-2", 3, 0.9)
    assert {name: alone[name] for name in full} == full
    assert [(tile["state"], tile["voters"], tile["disturbed"]) for tile in alone["tiles"]] == [
        ("agreed", 2, {"boat": 2})
    ]


def test_a_photo_that_no_machine_has_looked_at_has_no_model_and_no_machine_boxes(ask, told) -> None:
    with writing(told.services.database) as session:
        row = session.get_one(PhotoRow, told.names["photo"])
        session.add(PhotoRow(**row.model_dump() | {"id": "0" * 64, "camera": "BLIND"}))

    (photo,) = ask("photos", animals="unseen", boxes="yes").json["items"]

    assert (photo["model"], photo["expected"], photo["machine"], photo["people"]) == (None, None, None, [])


def test_a_box_at_a_rock_is_told_as_a_thing(ask, told) -> None:
    alone = ask(f"photos/{told.names['photo']}").json
    box = alone["machine"][1]["box"]
    day = date(2026, 8, 3)
    with writing(told.services.database) as session:
        spot = SpotRow(
            id=7,
            site=SITE,
            camera="CAM1",
            box=box,
            first=day,
            last=day,
            best=0.95,
            model="detector-2",
            found_at=datetime(2026, 8, 9),
        )
        session.add(spot)
        session.flush()
        session.add(SpotDecisionRow(spot=7, decision="thing", by="operator", at=datetime(2026, 8, 9)))

    alone = ask(f"photos/{told.names['photo']}").json

    assert [machine["thing"] for machine in alone["machine"]] == [False, True, False]


def test_days_events_seasons_and_figures_are_told_as_they_were_stored(ask) -> None:
    days = ask("occupancy", site=SITE, from_="2026-08-11", to="2026-08-15").json["items"]
    (event,), (season,) = ask("events", year=2026).json["items"], ask("seasons", site=SITE).json["items"]

    assert [(day["day"], day["visible"]) for day in days] == [
        ("2026-08-11", 20), ("2026-08-12", 20), ("2026-08-13", 0), ("2026-08-14", 0), ("2026-08-15", 20),
    ]  # fmt: skip
    assert days[0]["time_zone"] == "Asia/Yekaterinburg" and days[0]["maximum_low"] < days[0]["maximum"]
    assert (event["arrival"], event["departure_open"], event["peak"]) == ("2026-08-06", True, "2026-08-23")
    assert (season["index"], season["data"]) == (151.5, "d" * 64)
    assert season["profile"] == {"hours": [[6, 0.9, None, 1.0]]}, "what is no number is null: JSON knows no NaN"
    assert [figure["during"] for figure in ask("figures").json["items"]] == [None, "2026-08", "2026-08-03"]
    assert ask("events", year=2025).json["items"] == []
    assert ask("version").json["seasons"] == [{"site": SITE, "year": 2026, "data": "d" * 64}]


def test_disturbances_are_told_with_their_photos(ask, told) -> None:
    (one,) = ask("disturbances", site=SITE).json["items"]

    assert (one["kind"], one["day"], one["photos"], one["share"]) == ("boat", "2026-08-03", [told.names["photo"]], 1.0)


def test_an_individual_is_told_with_marks_and_conditions_and_experts_only_to_whom_may_know(ask) -> None:
    plain, named = ask("individuals/W0001").json, ask("individuals/W0001", ["read", "people"]).json
    first = plain["sightings"][0]

    assert [mark["kind"] for mark in first["marks"]] == ["scar", "tusk_tip"]
    assert [(said["sign"], said["person"]) for said in first["conditions"]] == [("thin", None)]
    assert {mark["person"] for mark in first["marks"]} == {None}
    assert {mark["person"] for mark in named["sightings"][0]["marks"]} == {"person-2"}
    assert named["sightings"][0]["conditions"][0]["person"] == "person-2"
    assert [(one["id"], one["days"]) for one in ask("individuals").json["items"]] == [("W0001", 2), ("W0002", 1)]
    assert ask("individuals", site=OTHER).json["items"] == []
    assert len(ask("individuals/W0002").json["disputes"]) == 1


def test_batches_tell_why_each_tile_was_chosen(ask, told) -> None:
    batch = ask("batches/1").json

    assert [tile["reason"] for tile in batch["tiles"]] == ["uncertain", "novel", "random", "exam", "random"]
    assert [tile["probability"] for tile in batch["tiles"]] == [None, None, 0.2, 0.2, 0.2]
    assert batch["reasons"] == ask("batches").json["items"][0]["reasons"]
    assert batch["reasons"][0] == {"reason": "random", "tiles": 2, "minutes": 0.0}


def test_a_model_is_told_with_its_exam_and_the_decisions_about_it(ask) -> None:
    model = ask("models/detector-2").json

    assert model["measures"]["ap50"]["value"] == 0.58
    assert model["difference"] == {"value": 0.17, "low": 0.1, "high": 0.2}
    assert [one["decision"] for one in model["decisions"]] == ["promoted"]
    assert [one["version"] for one in ask("models").json["items"]] == ["detector-1", "detector-2", "reid-1"]


def test_effort_is_that_of_the_site_and_year(ask) -> None:
    here, there = ask("effort", site=SITE).json, ask("effort", site=OTHER).json

    assert here["agreed"] > 5 and here["volunteers"]["minutes"] > 0
    assert (there["agreed"], there["agreement"]) == (0, None)
    assert ask("effort", site=SITE, year=2025).json["agreed"] == 0


def test_votes_and_people_are_told_by_pseudonym(ask, told) -> None:
    votes = ask(f"photos/{told.names['photo']}/votes", ["people"]).json["items"]
    people = ask("people", ["people"]).json["items"]

    assert [(vote["person"], len(vote["boxes"])) for vote in votes] == [("person-0", 3), ("person-1", 3)]
    assert votes[0]["boxes"][0]["origin"] == "manual"
    assert [person["id"] for person in people] == [f"person-{number}" for number in range(8)]
    assert [person["excluded"] for person in people] == [number == 4 for number in range(8)]


def test_no_answer_tells_which_tiles_measure_people(ask, told) -> None:
    """A tile that measures looks like one that an expert settled and that one volunteer had answered."""
    assert len(told.measuring) == 6
    with reading(told.services.database) as session:
        tiles = [session.get_one(ConsensusRow, tile).tile for tile in told.measuring]
        photos = [photo.id for photo in told.photos if any(tile.startswith(photo.id[:16]) for tile in tiles)]
    assert len(photos) == 6
    for photo in photos:
        votes = ask(f"photos/{photo}/votes", ["people"]).json["items"]
        assert [vote["person"] for vote in votes] == ["person-1"], "the answer on the copy must stay unknown"
    everything = ask("people", ["people"]).text + "".join(
        ask(f"photos/{photo}", ["read", "people"]).text for photo in photos
    )
    assert "gold" not in everything and "measur" not in everything and "by_expert" not in everything


def test_an_empty_home_answers_everything_that_names_nothing(empty_client, empty_home) -> None:
    from haulout.tokens import make_token
    from haulout.web.api.addresses import ENDPOINTS

    header = {"Authorization": f"Bearer {make_token(empty_home, 'all', ['read', 'people', 'places'], 1)}"}
    for endpoint in ENDPOINTS:
        if "{" not in endpoint.path:
            answer = empty_client.get(f"/api/v1{endpoint.path}", headers=header)
            assert answer.status_code == (422 if endpoint.name in ("effort", "disturbances") else 200), answer.text
