"""What all answers and all parameters of the interface share: how numbers, boxes and moments are written."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from inspect import getdoc
from typing import Any, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from sqlmodel import Session

from haulout.places import time_zone
from haulout.web.api.texts import texts_of

Corners = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the photo as displayed."""


class Value(BaseModel):
    """A value that is written as JSON; the texts under its fields are their descriptions."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def of(cls, row: object, **more: Any) -> Self:
        """Take over the fields that a row has under the same names, and what else is given."""
        shared = {name: getattr(row, name) for name in cls.model_fields if name not in more and hasattr(row, name)}
        return cls(**shared, **more)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        described = handler.resolve_ref_schema(schema)
        described.setdefault("description", getdoc(cls))
        properties = described.get("properties", {})
        for name, text in texts_of(cls).items():
            if name in properties:
                properties[name]["description"] = text
        return schema


class Interval(Value):
    """A measured value with its 95 % limits, if it has any."""

    value: float | None
    low: float | None
    high: float | None


class Clocks:
    """The cameras' clocks of each site, each zone read once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._zones: dict[str, ZoneInfo] = {}

    def zone(self, site: str) -> ZoneInfo:
        """Return the zone of the site's cameras."""
        if site not in self._zones:
            self._zones[site] = time_zone(self._session, site)
        return self._zones[site]

    def moment(self, site: str, at: datetime | None) -> datetime | None:
        """Return a time of the site's cameras with its offset to the minute, as RFC 3339 wants it."""
        if at is None:
            return None
        offset = at.replace(tzinfo=self.zone(site)).utcoffset() or timedelta()
        return at.replace(tzinfo=timezone(timedelta(minutes=round(offset.total_seconds() / 60))))


def utc(at: datetime) -> datetime:
    """Return a time that the coordinator wrote down with its zone."""
    return at.replace(tzinfo=UTC)


def corners(box: Sequence[float]) -> Corners:
    """Return the box to the hundredth of a pixel."""
    x1, y1, x2, y2 = (round(float(side), 2) for side in box[:4])
    return x1, y1, x2, y2
