"""Camtrap DP 1.0.2, the exchange format of camera traps (https://camtrap-dp.tdwg.org), with individuals and votes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from haulout.exports import catalogue, observations, people
from haulout.exports.catalogue import SPECIES
from haulout.exports.contents import Blob, Cell, Content, printable
from haulout.exports.deployments import Deployment, Deployments, read_deployments
from haulout.exports.observations import BEARS
from haulout.exports.source import CannotExport, Source, utc
from haulout.exports.standard import standard_table
from haulout.places import GRID, Geoprivacy, Place, public_place
from haulout.tables import PhotoRow, SiteRow

STANDARD = "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0.2"
MEDIA_TYPES = {".png": "image/png"}
"""All others are JPEG: nothing else is read."""

DEPLOYMENTS = (
    "deploymentID locationID locationName latitude longitude coordinateUncertainty deploymentStart deploymentEnd "
    "cameraID deploymentTags"
).split()
MEDIA = "mediaID deploymentID timestamp filePath filePublic fileName fileMediatype".split()
TAXA = {
    SPECIES: {
        "scientificName": SPECIES,
        "taxonRank": "species",
        "vernacularNames": {"eng": "walrus", "rus": "морж"},
    },
    BEARS: {"scientificName": BEARS, "taxonRank": "genus", "vernacularNames": {"eng": "bear", "rus": "медведь"}},
}
OURS = {
    "individuals": ("individualID", catalogue.INDIVIDUALS, "The individuals of the catalogue"),
    "votes": ("voteID", people.VOTES, "What each person drew, before it became the consensus in the observations"),
    "models": ("model", people.MODELS, "The networks named in the observations and votes"),
    "identity-decisions": ("decisionID", catalogue.DECISIONS, "Experts' verdicts, from which the individuals follow"),
}
"""Tables that the standard does not know, with their keys."""


def camtrap_dp(source: Source) -> Iterator[Content]:
    """Give the files of the data package; CannotExport when a site's place may not be told, or no photo has a time."""
    places = _places(source)
    deployments = read_deployments(source)
    if not deployments.all:
        raise CannotExport("no photo says when it was taken, and Camtrap DP holds no others; ingest with a clock")
    return _files(source, places, deployments)


def _files(source: Source, places: Mapping[str, Place], deployments: Deployments) -> Iterator[Content]:
    yield standard_table("deployments", DEPLOYMENTS, (_deployment(source, one, places) for one in deployments.all))
    yield standard_table("media", MEDIA, _media(source, deployments))
    yield standard_table("observations", observations.KNOWN, observations.observation_rows(source, deployments))
    yield catalogue.individuals(source, "individuals.csv")
    yield people.votes(source, "votes.csv")
    yield people.models(source, "models.csv")
    yield catalogue.decisions(source, "identity-decisions.csv")
    package = json.dumps(_package(source, places, deployments), indent=2, ensure_ascii=False)
    yield Blob("datapackage.json", [package.encode(), b"\n"])


def _places(source: Source) -> dict[str, Place]:
    places = {site: public_place(source.session, site) for site in source.sites}
    hidden = [site for site, place in places.items() if place is None]
    if hidden:
        raise CannotExport(
            f"Camtrap DP demands coordinates, and those of {', '.join(hidden)} are unknown or withheld; tell them with "
            f'`haulout site "{hidden[0]}" --latitude … --longitude … --geoprivacy obscured`'
        )
    return {site: place for site, place in places.items() if place is not None}


def _deployment(source: Source, one: Deployment, places: Mapping[str, Place]) -> Sequence[Cell]:
    place = places[one.site]
    return (
        one.id,
        one.site,
        one.site,
        place.latitude,
        place.longitude,
        max(1, round(place.uncertainty)),
        source.moment(one.site, one.start),
        source.moment(one.site, one.end),
        one.camera,
        f"photos:{one.photos}|days:{one.days}",
    )


def _media(source: Source, deployments: Deployments) -> Iterator[Sequence[Cell]]:
    for photos in source.photos():
        for photo in photos:
            if photo.taken_at is not None:
                deployment = deployments.of(photo.site, photo.camera, photo.taken_at).id
                at = source.moment(photo.site, photo.taken_at)
                file = f"{photo.id}{photo.suffix}"
                kind = MEDIA_TYPES.get(photo.suffix, "image/jpeg")
                yield (photo.id, deployment, at, file, False, file_name(photo), kind)


def file_name(photo: PhotoRow) -> str:
    """Return the name that the camera gave the file, without the folders it lay in."""
    return PurePosixPath(photo.name.replace("\\", "/")).name


def _package(source: Source, places: Mapping[str, Place], deployments: Deployments) -> dict[str, Any]:
    sites = ", ".join(printable(site) for site in source.sites)
    dated = sum(one.photos for one in deployments.all)
    return {
        "resources": [*_standard_resources(), *_own_resources()],
        "profile": f"{STANDARD}/camtrap-dp-profile.json",
        "name": "haulout-camtrap-dp",
        "title": f"Walruses on camera at {sites}",
        "description": (
            "Boxes round animals as volunteers and experts settled them together, elsewhere a detector's (tagged "
            "unverified). How exactly the coordinates are told is up to the site's operator. "
            f"{source.photo_count() - dated} photos without a time are left out. For a licence ask the operator."
        ),
        "created": utc(source.newest),
        "contributors": [{"title": f"Volunteers and experts of {sites}", "role": "contributor"}],
        "sources": [{"title": "Haulout"}],
        "project": {
            "title": f"Walrus haulouts at {sites}",
            "samplingDesign": "targeted",
            "captureMethod": ["timeLapse", "activityDetection"],
            "individualAnimals": True,
            "observationLevel": ["media"],
        },
        **_precision(source),
        "spatial": _spatial(list(places.values())),
        "temporal": {
            "start": min(one.start for one in deployments.all).date().isoformat(),
            "end": max(one.end for one in deployments.all).date().isoformat(),
        },
        "taxonomic": [TAXA[name] for name in observations.species(source)],
    }


def _standard_resources() -> list[dict[str, Any]]:
    return [
        _resource(name) | {"schema": f"{STANDARD}/{name}-table-schema.json"}
        for name in ("deployments", "media", "observations")
    ]


def _own_resources() -> list[dict[str, Any]]:
    return [
        _resource(name)
        | {
            "description": meaning,
            "schema": {"fields": [column.field() for column in columns], "primaryKey": key, "missingValues": [""]},
        }
        for name, (key, columns, meaning) in OURS.items()
    ]


def _resource(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "path": f"{name}.csv",
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
    }


def _precision(source: Source) -> dict[str, float]:
    """Return the coarsest grid to which coordinates were rounded, if any were."""
    told = [source.session.get(SiteRow, site) for site in source.sites]
    grids = [GRID[Geoprivacy(row.geoprivacy)] for row in told if row and Geoprivacy(row.geoprivacy) in GRID]
    return {"coordinatePrecision": max(grids)} if grids else {}


def _spatial(places: Sequence[Place]) -> dict[str, Any]:
    points = sorted({(place.longitude, place.latitude) for place in places})
    if len(points) == 1:
        return {"type": "Point", "coordinates": list(points[0])}
    return {"type": "MultiPoint", "coordinates": [list(point) for point in points]}
