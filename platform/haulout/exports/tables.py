"""Plain tables as CSV, with a dictionary that says what each column means."""

from collections.abc import Iterable, Iterator, Sequence

from haulout.exports import catalogue, people
from haulout.exports.camtrap_dp import file_name
from haulout.exports.contents import Cell, Column, Content, Table
from haulout.exports.looks import Look, read_looks
from haulout.exports.season import SITE, season_tables
from haulout.exports.source import Source
from haulout.report import read_disturbances

PHOTO = Column("photo", "string", "SHA-256 of the photo's file")
DAY = Column("day", "date", "The day on the cameras' clock")
PHOTOS = (
    PHOTO,
    Column("file", "string", "The name that the camera gave the file"),
    SITE,
    Column("camera", "string", "The camera"),
    Column("takenAt", "datetime", "When it was taken, clock corrected, with the offset from UTC; empty when unknown"),
    Column("takenAtOriginal", "datetime", "The same as the camera's clock had it"),
    Column("burst", "string", "Photos of one burst show the same animals"),
    Column("width", "integer", "Width as displayed", "px"),
    Column("height", "integer", "Height as displayed", "px"),
)
COUNTS = (
    PHOTO,
    Column("people", "integer", "Animals that people found, each once", "animals"),
    Column("machine", "integer", "Boxes of the detector where people have settled nothing, score .3 or more", "boxes"),
    Column("expected", "number", "Animals that the detector expects there: the sum of all its scores", "animals"),
    Column("settled", "number", "Share of the photo that people have settled, from 0 to 1"),
    Column("unusable", "number", "Share of the photo in which people say that nobody can tell, from 0 to 1"),
    Column("model", "string", "The detector; empty when none has looked"),
)
ANIMALS = (
    Column("animal", "string", "The box; it keeps its name when it is settled anew"),
    PHOTO,
    Column("x1", "number", "Left edge", "px"),
    Column("y1", "number", "Upper edge", "px"),
    Column("x2", "number", "Right edge", "px"),
    Column("y2", "number", "Lower edge", "px"),
    Column("by", "string", "people: settled by them together; machine: the detector's, nobody has looked yet"),
    Column("model", "string", "The detector; empty for people"),
    Column("probability", "number", "That it is an animal: of people to one decimal, of the machine its score"),
    Column("individualID", "string", "The individual of the catalogue; empty when not known"),
)
DISTURBANCES = (
    SITE,
    DAY,
    Column("kind", "string", "people, boat, bear or aircraft"),
    PHOTO,
    Column("share", "number", "Share of those who looked at its photos of that day who saw it, from 0 to 1"),
)


def tables(source: Source) -> Iterator[Content]:
    """Give the tables, and the dictionary of their columns last."""
    given = [
        Table("photos.csv", PHOTOS, _photos(source)),
        Table("counts.csv", COUNTS, (_count(look) for look in read_looks(source))),
        *season_tables(source),
        Table("animals.csv", ANIMALS, (row for look in read_looks(source) for row in _animals(look))),
        catalogue.individuals(source, "individuals.csv"),
        catalogue.sightings(source, "sightings.csv"),
        catalogue.decisions(source, "identity-decisions.csv"),
        people.votes(source, "votes.csv"),
        people.models(source, "models.csv"),
        Table("disturbances.csv", DISTURBANCES, _disturbances(source)),
    ]
    return iter([*given, Table("data-dictionary.csv", DICTIONARY, _meanings(given))])


DICTIONARY = (
    Column("table", "string", "The file"),
    Column("column", "string", "The column"),
    Column("type", "string", "string, integer, number, boolean, date or datetime (ISO 8601)"),
    Column("unit", "string", "The unit; empty where there is none"),
    Column("meaning", "string", "What it says"),
)


def _meanings(given: Iterable[Table]) -> Iterator[Sequence[Cell]]:
    for table in given:
        for column in table.columns:
            yield (table.name, column.name, column.type, column.unit, column.meaning)


def _photos(source: Source) -> Iterator[Sequence[Cell]]:
    for photos in source.photos():
        for photo in photos:
            at, original = (source.moment(photo.site, when) for when in (photo.taken_at, photo.taken_at_original))
            named = (photo.id, file_name(photo), photo.site, photo.camera)
            yield (*named, at, original, photo.burst, photo.width, photo.height)


def _count(look: Look) -> Sequence[Cell]:
    area, people_found = look.photo.width * look.photo.height, look.people()
    return (
        look.photo.id,
        people_found,
        len(look.animals) - people_found,
        round(look.expected, 3),
        round(min(look.settled / area, 1.0), 4),
        round(min(look.unusable / area, 1.0), 4),
        look.model or None,
    )


def _animals(look: Look) -> Iterator[Sequence[Cell]]:
    for one in look.animals:
        box = [round(edge, 1) for edge in one.box]
        by = "machine" if one.model else "people"
        yield (one.id, look.photo.id, *box, by, one.model or None, one.probability, one.individual)


def _disturbances(source: Source) -> Iterator[Sequence[Cell]]:
    for site in source.sites:
        for one in read_disturbances(source.session, site):
            for photo in one.photos:
                yield (site, one.day.isoformat(), one.kind.value, photo, round(one.share, 4))
