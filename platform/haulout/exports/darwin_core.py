"""Darwin Core archive for GBIF: an Occurrence core with one event for each camera and day.

The core is the one that Reyserhove, Norton & Desmet (2023), Best Practices for Managing and Publishing Camera Trap
Data, GBIF, recommend. They leave blank photos out; a day of watching without animals is told here as an absence.
"""

from collections.abc import Iterator, Mapping, Sequence

from haulout.exports.catalogue import SPECIES
from haulout.exports.contents import Archive, Blob, Cell, Column, Content, Table
from haulout.exports.days import CameraDay, read_camera_days
from haulout.exports.deployments import Deployments, read_deployments
from haulout.exports.dwc_metadata import eml, meta, title
from haulout.exports.source import CannotExport, Source
from haulout.places import GRID, Geoprivacy, public_place
from haulout.tables import SiteRow

COLUMNS = (
    "occurrenceID basisOfRecord datasetName dataGeneralizations informationWithheld eventID parentEventID eventDate "
    "samplingProtocol samplingEffort occurrenceStatus individualCount organismID associatedOccurrences scientificName "
    "kingdom phylum class order family genus specificEpithet taxonRank vernacularName identificationVerificationStatus "
    "identifiedBy locationID locality decimalLatitude decimalLongitude geodeticDatum coordinateUncertaintyInMeters "
    "coordinatePrecision occurrenceRemarks"
).split()
WALRUS: dict[str, Cell] = {
    "scientificName": SPECIES,
    "kingdom": "Animalia",
    "phylum": "Chordata",
    "class": "Mammalia",
    "order": "Carnivora",
    "family": "Odobenidae",
    "genus": "Odobenus",
    "specificEpithet": "rosmarus",
    "taxonRank": "species",
    "vernacularName": "walrus",
}


def darwin_core(source: Source) -> Iterator[Content]:
    """Give the archive; CannotExport when no photo has a time."""
    deployments = read_deployments(source)
    if not deployments.all:
        raise CannotExport("no photo says when it was taken, and an occurrence without a date says nothing")
    columns = [Column(name, "string", "") for name in COLUMNS]
    occurrences = Table("occurrence.txt", columns, _occurrences(source, deployments))
    about = Blob("eml.xml", [eml(source, deployments)])
    return iter([Archive("darwin-core.zip", [Blob("meta.xml", [meta(COLUMNS)]), about, occurrences])])


def _occurrences(source: Source, deployments: Deployments) -> Iterator[Sequence[Cell]]:
    places = {site: whereabouts(source, site) for site in source.sites}
    for day in read_camera_days(source, deployments):
        event = _event(source, day) | places[day.deployment.site] | WALRUS
        herd = f"{event['eventID']}/herd"
        present = day.present
        if present is not None:
            yield _row({"occurrenceID": herd} | event | _herd(day, present))
        for individual in day.individuals:
            yield _row({"occurrenceID": f"{event['eventID']}/{individual}"} | event | _individual(individual, herd))


def _row(terms: Mapping[str, Cell]) -> list[Cell]:
    return [terms.get(name) for name in COLUMNS]


def _event(source: Source, day: CameraDay) -> dict[str, Cell]:
    site = day.deployment.site
    first, last = source.moment(site, day.first), source.moment(site, day.last)
    return {
        "basisOfRecord": "MachineObservation",
        "datasetName": title(source),
        "eventID": f"{day.deployment.id}/{day.day.isoformat()}",
        "parentEventID": day.deployment.id,
        "eventDate": first if first == last else f"{first}/{last}",
        "samplingProtocol": "camera trap",
        "samplingEffort": f"{day.photos} photos, {day.looked_at} of them looked at",
    }


def _herd(day: CameraDay, present: bool) -> dict[str, Cell]:
    people = day.people > 0 or day.checked >= day.looked_at
    counted = f"largest number in one photo; {day.people} of one photo found by people" if present else None
    return {
        "occurrenceStatus": "present" if present else "absent",
        "individualCount": day.most if present else 0,
        "identificationVerificationStatus": "verified using recorded media" if people else "unverified",
        "identifiedBy": "consensus of people" if people else "|".join(day.models),
        "occurrenceRemarks": counted,
    }


def _individual(individual: str, herd: str) -> dict[str, Cell]:
    return {
        "occurrenceStatus": "present",
        "individualCount": 1,
        "organismID": individual,
        "associatedOccurrences": herd,
        "identificationVerificationStatus": "verified using recorded media",
        "identifiedBy": "experts on this catalogue",
        "occurrenceRemarks": "one of those counted in the associated occurrence",
    }


def whereabouts(source: Source, site: str) -> dict[str, Cell]:
    """Return where the site is as its geoprivacy tells it, and what was done to hide it."""
    row, place = source.session.get(SiteRow, site), public_place(source.session, site)
    named: dict[str, Cell] = {"locationID": site, "locality": site}
    if place is None:
        withheld = row is not None and row.geoprivacy == Geoprivacy.WITHHELD
        return named | ({"informationWithheld": "coordinates"} if withheld else {})
    grid = GRID.get(Geoprivacy(row.geoprivacy)) if row else None
    if grid:
        named["dataGeneralizations"] = f"coordinates are the middle of a grid cell of {grid} degrees"
    return named | {
        "decimalLatitude": place.latitude,
        "decimalLongitude": place.longitude,
        "geodeticDatum": "EPSG:4326",
        "coordinateUncertaintyInMeters": max(1, round(place.uncertainty)),
        "coordinatePrecision": grid,
    }
