"""Observations of Camtrap DP: what was seen in each photo, by people or by a machine."""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite

from haulout.exports.catalogue import SPECIES
from haulout.exports.contents import Cell
from haulout.exports.deployments import Deployments
from haulout.exports.looks import Found, Look, read_looks
from haulout.exports.source import Source, utc
from haulout.report import read_disturbances
from labeling_configs.vocabulary import Disturbance

BEARS = "Ursus"
"""Nobody is asked which bear it was."""
PEOPLE = "consensus of people"
PLACES = 6
"""Decimals of a box: a thousandth of a pixel."""
LEAST = 10.0**-PLACES
SHOWS: Mapping[Disturbance, tuple[str, str | None]] = {
    Disturbance.PEOPLE: ("human", None),
    Disturbance.BOAT: ("vehicle", None),
    Disturbance.AIRCRAFT: ("vehicle", None),
    Disturbance.BEAR: ("animal", BEARS),
}
"""The observation's type and species."""

KNOWN = (
    "observationID deploymentID mediaID eventID eventStart eventEnd observationLevel observationType scientificName "
    "count individualID bboxX bboxY bboxWidth bboxHeight classificationMethod classifiedBy classificationTimestamp "
    "classificationProbability observationTags"
).split()


def species(source: Source) -> list[str]:
    """Return the species that the observations name."""
    seen = {kind for site in source.sites for kind in (one.kind for one in read_disturbances(source.session, site))}
    return [SPECIES, *([BEARS] if Disturbance.BEAR in seen else [])]


def observation_rows(source: Source, deployments: Deployments) -> Iterator[Sequence[Cell]]:
    """Give the observations of all photos that have a time, at least one of each."""
    for look in read_looks(source):
        photo = look.photo
        if photo.taken_at is None:
            continue
        deployment = deployments.of(photo.site, photo.camera, photo.taken_at).id
        at = source.moment(photo.site, photo.taken_at)
        for name, seen in _seen(look):
            yield (name, deployment, photo.id, photo.burst, at, at, "media", *seen)


def _seen(look: Look) -> Iterator[tuple[str, Sequence[Cell]]]:
    for animal in look.animals:
        yield animal.id, _animal(animal, look)
    for kind in look.disturbances:
        what, species = SHOWS[kind]
        by = ("human", PEOPLE, utc(look.answered_at), None, f"disturbance:{kind.value}")
        yield f"{look.photo.id}-{kind.value}", (what, species, None, None, *NOWHERE, *by)
    if not look.animals:
        yield f"{look.photo.id}-none", _none(look)


NOWHERE = (None, None, None, None)


def _animal(animal: Found, look: Look) -> Sequence[Cell]:
    box = relative(animal.box, look.photo.width, look.photo.height)
    if animal.model:
        by: Sequence[Cell] = ("machine", animal.model, None, animal.probability, "unverified")
    else:
        by = ("human", PEOPLE, utc(look.answered_at), animal.probability, None)
    return ("animal", SPECIES, 1, animal.individual, *box, *by)


def _none(look: Look) -> Sequence[Cell]:
    """Say of a photo without animals who found that it is blank, or that nobody can tell, or has looked."""
    people: Sequence[Cell] = ("human", PEOPLE, utc(look.answered_at), None)
    if look.checked:
        what, by, tag = "blank", people, None
    elif look.unusable and not look.model:
        what, by, tag = "unknown", people, "unusable"
    elif look.unusable >= look.photo.width * look.photo.height:
        what, by, tag = "unknown", people, "unusable"
    elif look.model:
        what, by, tag = "blank", ("machine", look.model, None, None), "unverified"
    else:
        what, by, tag = "unclassified", NOWHERE, None
    return (what, None, None, None, *NOWHERE, *by, tag)


def relative(box: tuple[float, float, float, float], width: int, height: int) -> Sequence[float | None]:
    """Return left, top, width and height as shares of the photo, inside it; nothing of a box that is none."""
    if not isfinite(sum(box)) or width < 1 or height < 1:
        return NOWHERE
    left, share_of_width = _span(box[0] / width, box[2] / width)
    top, share_of_height = _span(box[1] / height, box[3] / height)
    return left, top, share_of_width, share_of_height


def _span(first: float, second: float) -> tuple[float, float]:
    """Return start and length of what lies between 0 and 1, which is never nothing."""
    low, high = (first, second) if first <= second else (second, first)
    start = min(max(round(low, PLACES), 0.0), 1 - LEAST)
    return start, max(round(min(high, 1.0) - start, PLACES), LEAST)
