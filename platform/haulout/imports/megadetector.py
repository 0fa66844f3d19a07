"""The output of a MegaDetector batch: boxes that a detector drew, in shares of the photo's sides."""

from haulout.errors import BadImport
from haulout.imports.listing import ANIMAL, PERSON, VEHICLE, Json, Listed, Listing, Unusable, entries, four, listed
from haulout.tables import MEGADETECTOR
from labeling_configs.results import number, quoted

LEAST_VERSION, TOO_NEW = 1.3, 2.0
KINDS = {"animal": ANIMAL, "person": PERSON, "vehicle": VEHICLE}


def read_megadetector(document: Json, where: str) -> Listing:
    """Return the photos, with boxes of animals, people and vehicles; categories of other names are counted only.

    See https://lila.science/megadetector-output-format. Photos that the detector could not read are left out, as are
    those with a box that cannot be read.
    """
    _check_version(document, where)
    kinds = _kinds(document.get("detection_categories"), where)
    listing = Listing(MEGADETECTOR, relative=True)
    for place, entry in enumerate(entries(document, "images", where)):
        photo = listed(f"images[{place}]", entry, "file")
        listing.photos.append(photo)
        if isinstance(entry, dict) and not photo.reason:
            try:
                _detections(entry, kinds, photo, listing)
            except Unusable as error:
                photo.reason = str(error)
    return listing


def _check_version(document: Json, where: str) -> None:
    info = document.get("info")
    told = info.get("format_version") if isinstance(info, dict) else None
    try:
        version = number(float(told)) if isinstance(told, str) else number(told)
    except ValueError:
        version = None
    if version is None or not LEAST_VERSION <= version < TOO_NEW:
        raise BadImport(
            f"{where} has format_version {quoted(told)}; versions from {LEAST_VERSION} to below {TOO_NEW} are read. "
            "Run MegaDetector's batch again, with a version of today."
        )


def _kinds(categories: object, where: str) -> dict[str, int]:
    named = categories.items() if isinstance(categories, dict) else ()
    kinds = {key: KINDS[name.strip().casefold()] for key, name in named if _is_known(name)}
    if ANIMAL not in kinds.values():
        raise BadImport(f"{where} has no category 'animal' in detection_categories, so none of its boxes is one.")
    return kinds


def _is_known(name: object) -> bool:
    return isinstance(name, str) and name.strip().casefold() in KINDS


def _detections(entry: Json, kinds: dict[str, int], photo: Listed, listing: Listing) -> None:
    if entry.get("failure") is not None:
        raise Unusable(f"the detector could not read it: {quoted(entry['failure'])}")
    found = entry.get("detections")
    if not isinstance(found, list):
        raise Unusable(f"its detections are {quoted(found)}, not a list")
    for place, box in enumerate(found):
        try:
            _box(box, kinds, photo, listing)
        except Unusable as error:
            raise Unusable(f"detections[{place}] {error}") from error


def _box(box: object, kinds: dict[str, int], photo: Listed, listing: Listing) -> None:
    if not isinstance(box, dict):
        raise Unusable(f"is {quoted(box)}, not an object")
    category, score = box.get("category"), number(box.get("conf"))
    if not isinstance(category, str):
        raise Unusable(f"its category is {quoted(category)}, not a text")
    if score is None or not 0 <= score <= 1:
        raise Unusable("its conf is not a number from 0 to 1")
    if category not in kinds:
        listing.others += 1
    else:
        listing.repeated += not photo.add((*four(box), score, kinds[category]))
