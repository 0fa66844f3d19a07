"""The Darwin Core archive as two readers that others wrote see it."""

import re
import zipfile
from datetime import datetime
from xml.etree import ElementTree

import pytest
from dwca.darwincore.utils import qualname as qn
from dwca.read import DwCAReader
from dwcahandler import DwcaHandler
from metapype.eml import validate
from metapype.model import metapype_io

from haulout.tables import SiteRow

SITE = "Cape Кожевникова"


def occurrences(folder):
    with DwCAReader(folder / "darwin-core.zip") as archive:
        assert archive.core_contains_term(qn("occurrenceID")) and archive.descriptor.core.type == qn("Occurrence")
        return [{term.rsplit("/")[-1]: value for term, value in row.data.items()} for row in archive]


def test_dwca_reader_reads_presences_absences_and_individuals(season, tmp_path):
    season.export("darwin-core", tmp_path / "out")

    found = occurrences(tmp_path / "out")

    told = [
        (one["eventDate"][:10], one["occurrenceStatus"], one["individualCount"], one["organismID"]) for one in found
    ]
    assert told == [
        ("2026-08-01", "present", "2", ""),
        ("2026-08-01", "present", "1", "W0001"),
        ("2026-08-02", "absent", "0", ""),
        ("2026-08-04", "absent", "0", ""),
        ("2027-08-01", "present", "2", ""),
        ("2027-08-01", "present", "1", "W0001"),
        ("2027-08-01", "present", "1", "W0002"),
    ]
    assert {one["scientificName"] for one in found} == {"Odobenus rosmarus"}
    assert {one["basisOfRecord"] for one in found} == {"MachineObservation"}
    assert found[0]["samplingEffort"] == "2 photos, 2 of them looked at"
    assert found[1]["associatedOccurrences"] == found[0]["occurrenceID"]
    assert found[0]["eventID"].startswith(found[0]["parentEventID"])
    verified = [one["identificationVerificationStatus"] for one in found]
    assert verified[2:4] == ["verified using recorded media", "unverified"]


def test_fog_what_nobody_saw_and_a_lone_machine_on_an_empty_day_say_nothing(season, tmp_path):
    season.export("darwin-core", tmp_path / "out")

    days = {one["eventDate"][:10] for one in occurrences(tmp_path / "out")}

    assert days.isdisjoint({"2026-08-05", "2026-08-06", "2026-09-20"})


def test_dwcahandler_finds_the_archive_valid(season, tmp_path):
    season.export("darwin-core", tmp_path / "out")

    assert DwcaHandler.validate_dwca(str(tmp_path / "out" / "darwin-core.zip"))


def test_metapype_finds_the_metadata_valid_and_would_find_them_wanting(season, tmp_path):
    season.export("darwin-core", tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out" / "darwin-core.zip") as archive:
        about = archive.read("eml.xml").decode()

    complaints, of_another = [], []
    validate.tree(metapype_io.from_xml(about), complaints)
    validate.tree(metapype_io.from_xml(re.sub("<contact>.*</contact>", "", about, flags=re.DOTALL)), of_another)

    assert complaints == [] and len(of_another) == 1


def test_every_occurrence_has_a_name_of_its_own(season, tmp_path):
    season.export("darwin-core", tmp_path / "out")

    names = [one["occurrenceID"] for one in occurrences(tmp_path / "out")]

    assert len(set(names)) == len(names) == 7


@pytest.mark.parametrize(
    ("geoprivacy", "latitude", "generalised", "withheld"),
    [
        ("withheld", "", "", "coordinates"),
        ("obscured", "69.75", "coordinates are the middle of a grid cell of 0.1 degrees", ""),
        ("approximate", "69.715", "coordinates are the middle of a grid cell of 0.01 degrees", ""),
        ("exact", "69.712345", "", ""),
    ],
)
def test_the_place_is_told_as_the_operator_wants_it(season, tmp_path, geoprivacy, latitude, generalised, withheld):
    place = {"latitude": 69.712345, "longitude": 60.543219, "geoprivacy": geoprivacy}
    season.store(SiteRow(name=SITE, changed_at=datetime(2026, 8, 1), **place))
    season.export("darwin-core", tmp_path / "out")

    one = occurrences(tmp_path / "out")[0]

    assert (one["decimalLatitude"], one["dataGeneralizations"], one["informationWithheld"]) == (
        latitude,
        generalised,
        withheld,
    )
    assert bool(one["coordinateUncertaintyInMeters"]) == (geoprivacy != "withheld")


def test_the_metadata_say_what_where_when_and_how(season, tmp_path):
    season.export("darwin-core", tmp_path / "out")

    with DwCAReader(tmp_path / "out" / "darwin-core.zip") as archive:
        about: ElementTree.Element = archive.metadata

    assert about.findtext("dataset/title") == f"Walruses on camera at {SITE}"
    assert about.findtext(".//northBoundingCoordinate") == "69.75"
    assert about.findtext(".//beginDate/calendarDate") == "2026-08-01"
    assert about.findtext(".//taxonRankValue") == "Odobenus rosmarus"
    for demanded in ("creator", "metadataProvider", "pubDate", "abstract/para", "intellectualRights", "contact"):
        assert about.find(f"dataset/{demanded}") is not None
