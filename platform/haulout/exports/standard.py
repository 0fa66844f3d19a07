"""The columns of Camtrap DP 1.0.2 in the standard's order: a table has them all, most of them empty."""

from collections.abc import Iterable, Iterator, Sequence

from haulout.exports.contents import Cell, Column, Table

COLUMNS = {
    "deployments": (
        "deploymentID locationID locationName latitude longitude coordinateUncertainty deploymentStart deploymentEnd "
        "setupBy cameraID cameraModel cameraDelay cameraHeight cameraDepth cameraTilt cameraHeading detectionDistance "
        "timestampIssues baitUse featureType habitat deploymentGroups deploymentTags deploymentComments"
    ).split(),
    "media": (
        "mediaID deploymentID captureMethod timestamp filePath filePublic fileName fileMediatype exifData favorite "
        "mediaComments"
    ).split(),
    "observations": (
        "observationID deploymentID mediaID eventID eventStart eventEnd observationLevel observationType "
        "cameraSetupType scientificName count lifeStage sex behavior individualID individualPositionRadius "
        "individualPositionAngle individualSpeed bboxX bboxY bboxWidth bboxHeight classificationMethod classifiedBy "
        "classificationTimestamp classificationProbability observationTags observationComments"
    ).split(),
}


def standard_table(name: str, known: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Table:
    """Return the standard's table of this name from rows of the columns that are known."""
    places = {column: place for place, column in enumerate(known)}
    wanted = [places.get(column) for column in COLUMNS[name]]
    columns = [Column(column, "string", "") for column in COLUMNS[name]]
    return Table(f"{name}.csv", columns, _spread(rows, wanted))


def _spread(rows: Iterable[Sequence[Cell]], wanted: Sequence[int | None]) -> Iterator[Sequence[Cell]]:
    for row in rows:
        yield [None if place is None else row[place] for place in wanted]
