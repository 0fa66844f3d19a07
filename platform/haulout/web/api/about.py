"""Which code answers, and on which version of the data its figures rest."""

from importlib.metadata import version

from sqlmodel import col, select

from haulout.tables import SeasonRow
from haulout.web.api.endpoint import Asked
from haulout.web.api.parameters import Nothing
from haulout.web.api.values import Value

API = "v1"


class DataVersion(Value):
    """The data on which the figures of one season rest."""

    site: str
    year: int
    data: str
    """SHA-256 of all that the figures rest on."""


class Version(Value):
    """The versions of code and data."""

    api: str
    code: str
    """Version of Haulout."""
    seasons: tuple[DataVersion, ...]


def versions(asked: Asked[Nothing]) -> Version:
    """Tell the versions."""
    rows = asked.session.exec(select(SeasonRow).order_by(col(SeasonRow.site), col(SeasonRow.year)))
    return Version(api=API, code=version("haulout"), seasons=tuple(DataVersion.of(row) for row in rows))
