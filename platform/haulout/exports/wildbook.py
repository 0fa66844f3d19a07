"""Wildbook's bulk import sheet (https://wildbook.docs.wildme.org/data/bulk-import-beta.html), a row a sighting."""

import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice

from openpyxl import Workbook
from openpyxl.cell import Cell as SheetCell
from openpyxl.writer.excel import ExcelWriter

from haulout.exports.catalogue import read_sightings
from haulout.exports.contents import Blob, Cell, Content, harmless, zip_entry
from haulout.exports.source import CannotExport, Source
from haulout.places import Place, public_place
from haulout.tables import PhotoRow

ENCOUNTERS_PER_SHEET = 200
"""More slow a Wildbook down for everybody, its manual says."""
Encounter = dict[str, Cell]


def wildbook(source: Source) -> Iterator[Content]:
    """Give sheets of at most 200 rows; CannotExport when no individual was seen on a known date.

    The pictures named in them are the crops that experts saw. A sighting without a date cannot be imported.
    """
    encounters = _encounters(source)
    first = list(islice(encounters, ENCOUNTERS_PER_SHEET))
    if not first:
        raise CannotExport("no individual was seen on a known date; experts have to say first who is who")
    return _sheets(source, first, encounters)


def _sheets(source: Source, sheet: Sequence[Encounter], encounters: Iterator[Encounter]) -> Iterator[Content]:
    number = 1
    while sheet:
        written = _workbook(sheet, source.newest)
        yield Blob(f"wildbook-{number:03}.xlsx", [written], len(sheet))
        sheet, number = list(islice(encounters, ENCOUNTERS_PER_SHEET)), number + 1


def _encounters(source: Source) -> Iterator[Encounter]:
    places = {site: public_place(source.session, site) for site in source.sites}
    assigned: Encounter = {"Encounter.submitterID": source.wildbook_user}
    for individual, animal, photo in read_sightings(source):
        if photo.taken_at is not None:
            yield _encounter(individual, animal, photo, photo.taken_at, places[photo.site]) | assigned


def _encounter(individual: str, animal: str, photo: PhotoRow, at: datetime, place: Place | None) -> Encounter:
    return {
        "Encounter.mediaAsset0": f"{animal}.jpg",
        "Encounter.genus": "Odobenus",
        "Encounter.specificEpithet": "rosmarus",
        "Encounter.year": at.year,
        "Encounter.month": at.month,
        "Encounter.day": at.day,
        "Encounter.hour": at.hour,
        "Encounter.minutes": at.minute,
        "Encounter.locationID": photo.site,
        "Encounter.verbatimLocality": photo.site,
        "Encounter.decimalLatitude": place.latitude if place else None,
        "Encounter.decimalLongitude": place.longitude if place else None,
        "MarkedIndividual.individualID": individual,
        "Encounter.sightingID": photo.id,
        "Encounter.otherCatalogNumbers": animal,
    }


def _workbook(encounters: Sequence[Encounter], newest: datetime) -> bytes:
    """Return the sheet; a column that nobody can fill is left out, as Wildbook wants it."""
    book = Workbook()
    book.properties.creator, book.properties.created, book.properties.modified = "Haulout", newest, newest
    columns = [name for name in encounters[0] if any(one[name] is not None for one in encounters)]
    for column, name in enumerate(columns, 1):
        for row, value in enumerate([name, *(one[name] for one in encounters)], 1):
            _fill(book.active.cell(row, column), value)
    return _packed(book)


def _fill(cell: SheetCell, value: Cell) -> None:
    """Write the value; openpyxl would take some texts for formulas or errors."""
    cell.value = harmless(value) if isinstance(value, str) else value
    if isinstance(value, str):
        cell.data_type = "s"


def _packed(book: Workbook) -> bytes:
    """Return the workbook's bytes; openpyxl's own `save` would write the time of day into them."""
    packed, again = io.BytesIO(), io.BytesIO()
    ExcelWriter(book, zipfile.ZipFile(packed, "w")).save()
    with zipfile.ZipFile(packed) as written, zipfile.ZipFile(again, "w") as archive:
        for name in sorted(written.namelist()):
            archive.writestr(zip_entry(name), written.read(name))
    return again.getvalue()
