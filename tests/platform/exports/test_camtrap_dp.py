"""Camtrap DP is what the standard demands, as Frictionless reads it, and says who saw what."""

import json
from datetime import datetime, timedelta

import pytest
from frictionless import validate

from haulout.exports.source import CannotExport
from haulout.tables import MoveRow, SiteRow

SITE = "Cape Кожевникова"
NORTH = f"{SITE}/north/"
MOMENT = "%Y-%m-%dT%H:%M:%S%z"


def key(**more):
    return {"type": "string", "constraints": {"required": True, "unique": True} | more}


def text(**more):
    return {"type": "string", "constraints": more}


def number(low=None, high=None, kind="number", **more):
    bounds = {"minimum": low, "maximum": high}
    return {"type": kind, "constraints": {name: bound for name, bound in bounds.items() if bound is not None} | more}


def moment(**more):
    return {"type": "datetime", "format": MOMENT, "constraints": more}


def yes_or_no(**more):
    return {"type": "boolean", "constraints": more}


def one_of(*words, **more):
    return {"type": "string", "constraints": {"enum": list(words)} | more}


MUST = {"required": True}
STANDARD = {
    "deployments": {
        "deploymentID": key(),
        "locationID": text(),
        "locationName": text(),
        "latitude": number(-90, 90, **MUST),
        "longitude": number(-180, 180, **MUST),
        "coordinateUncertainty": number(1, kind="integer"),
        "deploymentStart": moment(**MUST),
        "deploymentEnd": moment(**MUST),
        "setupBy": text(),
        "cameraID": text(),
        "cameraModel": text(),
        "cameraDelay": number(0, kind="integer"),
        "cameraHeight": number(0),
        "cameraDepth": number(0),
        "cameraTilt": number(-90, 90, "integer"),
        "cameraHeading": number(0, 360, "integer"),
        "detectionDistance": number(0),
        "timestampIssues": yes_or_no(),
        "baitUse": yes_or_no(),
        "featureType": one_of("nestSite", "burrow", "waterSource"),
        "habitat": text(),
        "deploymentGroups": text(),
        "deploymentTags": text(),
        "deploymentComments": text(),
    },
    "media": {
        "mediaID": key(),
        "deploymentID": text(**MUST),
        "captureMethod": one_of("activityDetection", "timeLapse"),
        "timestamp": moment(**MUST),
        "filePath": text(pattern=r"^(?=^[^./~])(^((?!\.{2}).)*$).*$", **MUST),
        "filePublic": yes_or_no(**MUST),
        "fileName": text(),
        "fileMediatype": text(pattern="^(image|video|audio)/.*$", **MUST),
        "exifData": {"type": "any"},
        "favorite": yes_or_no(),
        "mediaComments": text(),
    },
    "observations": {
        "observationID": key(),
        "deploymentID": text(**MUST),
        "mediaID": text(),
        "eventID": text(),
        "eventStart": moment(**MUST),
        "eventEnd": moment(**MUST),
        "observationLevel": one_of("media", "event", **MUST),
        "observationType": one_of("animal", "human", "vehicle", "blank", "unknown", "unclassified", **MUST),
        "cameraSetupType": one_of("setup", "calibration"),
        "scientificName": text(),
        "count": number(1, kind="integer"),
        "lifeStage": one_of("adult", "subadult", "juvenile"),
        "sex": one_of("female", "male"),
        "behavior": text(),
        "individualID": text(),
        "individualPositionRadius": number(0),
        "individualPositionAngle": number(-90, 90),
        "individualSpeed": number(0),
        "bboxX": number(0, 1),
        "bboxY": number(0, 1),
        "bboxWidth": number(1e-15, 1),
        "bboxHeight": number(1e-15, 1),
        "classificationMethod": one_of("human", "machine"),
        "classifiedBy": text(),
        "classificationTimestamp": moment(),
        "classificationProbability": number(0, 1),
        "observationTags": text(),
        "observationComments": text(),
    },
}
"""The fields that version 1.0.2 has, in its order, with what they may hold; told again, as tests have no internet."""
LINKS = {"media": {"deploymentID": "deployments"}, "observations": {"deploymentID": "deployments", "mediaID": "media"}}


def valid(folder):
    """Let Frictionless read the package with the standard's tables as said above, and return its report."""
    package = json.loads((folder / "datapackage.json").read_text())
    for resource in package["resources"]:
        name = resource["name"]
        if name in STANDARD:
            fields = [{"name": field, **what} for field, what in STANDARD[name].items()]
            links = [
                {"fields": field, "reference": {"resource": other, "fields": field}}
                for field, other in LINKS.get(name, {}).items()
            ]
            resource["schema"] = {"fields": fields, "primaryKey": next(iter(STANDARD[name])), "foreignKeys": links}
    (folder / "checked.json").write_text(json.dumps({"resources": package["resources"]}))
    return validate(str(folder / "checked.json"))


def test_frictionless_finds_nothing_to_complain_of(season, tmp_path):
    season.export("camtrap-dp", tmp_path / "out")

    report = valid(tmp_path / "out")

    assert report.valid, report.flatten(["title", "message"])
    read = {task.name: task.stats["rows"] for task in report.tasks}
    assert read == {
        "deployments": 4,
        "media": 8,
        "observations": 12,
        "individuals": 2,
        "votes": 2,
        "models": 1,
        "identity-decisions": 1,
    }


def test_the_check_above_can_fail(season, tmp_path):
    season.export("camtrap-dp", tmp_path / "out")
    path = tmp_path / "out" / "observations.csv"
    path.write_text(path.read_text().replace(",animal,", ",walrus,").replace("north", "elsewhere", 1))

    kinds = {kind for (kind,) in valid(tmp_path / "out").flatten(["type"])}

    assert kinds >= {"constraint-error", "foreign-key"}


def test_the_descriptor_names_the_standard_and_all_that_it_demands(season, tmp_path):
    season.export("camtrap-dp", tmp_path / "out")

    package = json.loads((tmp_path / "out" / "datapackage.json").read_text())

    standard = "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0.2"
    assert package["profile"] == f"{standard}/camtrap-dp-profile.json"
    assert [one["schema"] for one in package["resources"][:3]] == [
        f"{standard}/{name}-table-schema.json" for name in STANDARD
    ]
    demanded = {"resources", "profile", "created", "contributors", "project", "spatial", "temporal", "taxonomic"}
    assert demanded <= set(package)
    assert package["created"] == "2026-11-23T12:00:00+00:00"
    assert package["temporal"] == {"start": "2026-08-01", "end": "2027-08-01"}
    assert package["spatial"] == {"type": "Point", "coordinates": [60.55, 69.75]}
    assert package["coordinatePrecision"] == 0.1
    assert {one["role"] for one in package["contributors"]} <= {"contributor", "contact", "rightsHolder"}
    assert package["project"].keys() >= {"title", "samplingDesign", "captureMethod", "individualAnimals"}
    assert [one["scientificName"] for one in package["taxonomic"]] == ["Odobenus rosmarus"]
    assert "1 photos without a time are left out" in package["description"]


def test_deployments_end_where_a_camera_was_moved_or_paused_for_a_month(season, tmp_path, rows):
    season.export("camtrap-dp", tmp_path / "out")

    found = rows(tmp_path / "out" / "deployments.csv")

    assert [(one["deploymentStart"][:10], one["deploymentEnd"][:10], one["deploymentTags"]) for one in found] == [
        ("2026-08-01", "2026-08-02", "photos:3|days:2"),
        ("2026-08-04", "2026-08-06", "photos:3|days:3"),
        ("2026-09-20", "2026-09-20", "photos:1|days:1"),
        ("2027-08-01", "2027-08-01", "photos:1|days:1"),
    ]
    place = {(one["latitude"], one["longitude"], one["coordinateUncertainty"]) for one in found}
    assert place == {("69.75", "60.55", "7872")}


def test_a_photo_at_the_moment_of_a_move_belongs_to_what_follows(empty, tmp_path, rows):
    start = datetime(2026, 8, 1)
    empty.store(SiteRow(name=SITE, latitude=1, longitude=2, changed_at=start))
    empty.store(MoveRow(site=SITE, camera="north", at=start + timedelta(hours=2)))
    for hour in range(4):
        empty.photo(f"p{hour}", start + timedelta(hours=hour))
    empty.photo("month", start + timedelta(days=30, hours=3))
    empty.photo("longer", start + timedelta(days=60, hours=3, seconds=1))
    empty.export("camtrap-dp", tmp_path / "out")

    assert [one["deploymentTags"] for one in rows(tmp_path / "out" / "deployments.csv")] == [
        "photos:2|days:1",
        "photos:3|days:2",
        "photos:1|days:1",
    ]
    of = {one["fileName"]: one["deploymentID"] for one in rows(tmp_path / "out" / "media.csv")}
    assert of["p1.JPG"] != of["p2.JPG"] == of["month.JPG"] != of["longer.JPG"]


def test_people_win_where_they_settled_and_the_machine_fills_in_the_rest(season, tmp_path, rows):
    season.export("camtrap-dp", tmp_path / "out")
    file = {one["mediaID"]: one["fileName"][:-4] for one in rows(tmp_path / "out" / "media.csv")}

    found = rows(tmp_path / "out" / "observations.csv")

    told = [(file[one["mediaID"]], one["observationType"], one["classificationMethod"]) for one in found]
    assert told == [
        ("full", "animal", "human"),
        ("full", "animal", "human"),
        ("half", "animal", "human"),
        ("half", "animal", "machine"),
        ("half", "human", "human"),
        ("blank", "blank", "human"),
        ("machine-blank", "blank", "machine"),
        ("fog", "unknown", "human"),
        ("unseen", "unclassified", ""),
        ("later", "animal", "machine"),
        ("south", "animal", "human"),
        ("south", "animal", "human"),
    ]
    machine = found[3]
    assert (machine["classifiedBy"], machine["classificationProbability"]) == ("det-0002", "0.8")
    assert machine["observationTags"] == "unverified"
    first = found[0]
    assert (first["observationID"], first["individualID"], first["count"]) == ("a1", "W0001", "1")
    box = [float(first[edge]) for edge in ("bboxX", "bboxY", "bboxWidth", "bboxHeight")]
    assert box == pytest.approx([10 / 400, 20 / 300, 100 / 400, 50 / 300], abs=1e-6)
    assert first["eventStart"] == first["eventEnd"] == "2026-08-01T09:00:00+03:00"


STRANGE = {
    (-50, -50, 900, 900): (0, 0, 1, 1),
    (100, 100, 100, 100): (0.25, 1 / 3, 1e-6, 1e-6),
    (500, 400, 600, 500): (1 - 1e-6, 1 - 1e-6, 1e-6, 1e-6),
    (300, 200, 100, 50): (0.25, 1 / 6, 0.5, 0.5),
    (float("nan"), 0, 1, 1): None,
    (0, 0, float("inf"), 1): None,
}


def test_a_strange_box_stays_inside_the_photo_or_is_not_told(empty, tmp_path, rows):
    empty.store(SiteRow(name=SITE, latitude=1, longitude=2, changed_at=datetime(2026, 8, 1)))
    tile = empty.tile(empty.photo("p", datetime(2026, 8, 1)), (0, 0, 400, 300))
    for number, box in enumerate(STRANGE):
        empty.animal(f"a{number}", tile, box)
    empty.export("camtrap-dp", tmp_path / "out")

    found = [
        [one[edge] for edge in ("bboxX", "bboxY", "bboxWidth", "bboxHeight")]
        for one in rows(tmp_path / "out" / "observations.csv")
    ]

    assert len(found) == len(STRANGE) and valid(tmp_path / "out").valid
    for edges, told in zip(found, STRANGE.values(), strict=True):
        assert [float(edge) for edge in edges if edge] == pytest.approx(told or (), abs=1e-6)


@pytest.mark.parametrize("geoprivacy", ["withheld", None])
def test_a_place_that_may_not_be_told_is_refused_with_what_to_do(season, tmp_path, geoprivacy):
    hidden = {"latitude": 1, "longitude": 2, "geoprivacy": geoprivacy} if geoprivacy else {}
    season.store(SiteRow(name="Other", changed_at=datetime(2026, 8, 1), **hidden))
    season.photo("elsewhere", datetime(2026, 8, 1), site="Other")

    with pytest.raises(CannotExport, match=r'those of Other are unknown or withheld.*haulout site "Other" --latitude'):
        season.export("camtrap-dp", tmp_path / "out")

    assert not (tmp_path / "out").exists()
    assert season.export("camtrap-dp", tmp_path / "out", site=SITE).counts["files"] == 8


def test_photos_without_any_time_are_refused(empty, tmp_path):
    empty.store(SiteRow(name=SITE, latitude=1, longitude=2, changed_at=datetime(2026, 8, 1)))
    empty.photo("p", None)

    with pytest.raises(CannotExport, match="no photo says when it was taken"):
        empty.export("camtrap-dp", tmp_path / "out")


def test_excluded_people_are_flagged_and_what_shows_tests_is_left_out(season, tmp_path, rows):
    season.export("camtrap-dp", tmp_path / "out")

    votes = rows(tmp_path / "out" / "votes.csv")

    assert [(one["person"], one["excluded"]) for one in votes] == [("person-1", "false"), ("person-2", "true")]
    assert json.loads(votes[0]["boxes"])[0] == [10, 20, 110, 70]
    told = rows(tmp_path / "out" / "observations.csv")[0]
    assert told["classificationTimestamp"] == "2026-11-23T06:02:00+00:00"
    (decision,) = rows(tmp_path / "out" / "identity-decisions.csv")
    assert (decision["firstAnimal"], decision["secondAnimal"], decision["verdict"]) == ("a1", "a4", "same")
    assert (decision["confidence"], decision["excluded"]) == ("4", "false")


def test_an_experts_word_looks_like_everybodys(season, tmp_path, rows):
    season.export("camtrap-dp", tmp_path / "out")

    found = [one for one in rows(tmp_path / "out" / "observations.csv") if one["classificationMethod"] == "human"]

    assert {one["classificationProbability"] for one in found} == {"1.0", ""}
    assert {one["classifiedBy"] for one in found} == {"consensus of people"}


def test_individuals_tell_first_and_last_sighting_and_condition(season, tmp_path, rows):
    season.export("camtrap-dp", tmp_path / "out")

    first, second = rows(tmp_path / "out" / "individuals.csv")

    assert (first["individualID"], first["sightings"], first["days"], first["conditions"]) == (
        "W0001",
        "2",
        "2",
        "thin:1",
    )
    assert (first["firstSeen"][:10], first["lastSeen"][:10]) == ("2026-08-01", "2027-08-01")
    assert (second["sightings"], second["days"], second["lastSeen"][:10]) == ("2", "1", "2027-08-01")
