"""COCO detection JSON: the boxes that somebody drew in another program."""

from collections.abc import Mapping

from haulout.errors import BadImport
from haulout.imports.listing import ANIMAL, Json, Listed, Listing, Unusable, entries, four, listed
from labeling_configs.results import quoted

KIND = "coco"
WALRUS = ("walrus", "walruses", "odobenus rosmarus", "морж", "моржи")

Key = int | str


def read_coco(document: Json, where: str, category: str | None = None) -> Listing:
    """Return the photos and the boxes of one category: the one given, that of walruses, or the only one.

    A photo on which anything cannot be read is left out as a whole: without one of its boxes it would say "no animal
    there". Boxes of crowds (iscrowd) are such.
    """
    wanted = _wanted(entries(document, "categories", where), where, category)
    listing = Listing(KIND, relative=False)
    photos = _photos(entries(document, "images", where), listing)
    for number, entry in enumerate(entries(document, "annotations", where)):
        _annotation(f"annotations[{number}]", entry, photos, wanted, listing)
    return listing


def _wanted(categories: object, where: str, category: str | None) -> Key:
    known: dict[str, list[Key]] = {}
    for entry in categories if isinstance(categories, list) else []:
        name, key = (entry.get("name"), _key(entry.get("id"))) if isinstance(entry, dict) else (None, None)
        if isinstance(name, str) and key is not None:
            known.setdefault(name.strip().casefold(), []).append(key)
    named = [name for name in ([category.strip().casefold()] if category else WALRUS) if name in known]
    chosen = named[:1] or ([*known] if len(known) == 1 and not category else [])
    if not chosen or len(known[chosen[0]]) != 1:
        told = ", ".join(quoted(name) for name in sorted(known)[:20]) or "none"
        raise BadImport(f"{where} does not say which boxes are walruses; name their --category, one of: {told}")
    return known[chosen[0]][0]


def _photos(images: object, listing: Listing) -> Mapping[Key, Listed]:
    found: dict[Key, Listed] = {}
    for number, entry in enumerate(images if isinstance(images, list) else []):
        photo = listed(f"images[{number}]", entry, "file_name")
        listing.photos.append(photo)
        key = _key(entry.get("id")) if isinstance(entry, dict) else None
        if key is None:
            photo.reason = photo.reason or "its id is neither a whole number nor a text"
        elif key in found:
            photo.reason = found[key].reason = f"shares its id {quoted(str(key))} with another image"
        else:
            found[key] = photo
    return found


def _annotation(where: str, entry: object, photos: Mapping[Key, Listed], wanted: Key, listing: Listing) -> None:
    key = _key(entry.get("image_id")) if isinstance(entry, dict) else None
    photo = photos.get(key) if key is not None else None
    if not isinstance(entry, dict) or photo is None:
        listing.stray.append(where)
        return
    if photo.reason:
        return
    try:
        if (kind := _key(entry.get("category_id"))) is None:
            raise Unusable("its category_id is neither a whole number nor a text")
        if kind != wanted:
            listing.others += 1
        elif entry.get("iscrowd") not in (None, 0):
            raise Unusable("marks a crowd, not one animal")
        else:
            listing.repeated += not photo.add((*four(entry), 1.0, ANIMAL))
    except Unusable as error:
        photo.reason = f"{where} {error}"


def _key(value: object) -> Key | None:
    """Return an id; true and false are none."""
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None
