"""The parameters of the interface; their descriptions are read by people on the page /api too."""

import re
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from haulout.web.wording import N_

MOST = 500
USUAL = 100


def _digits(given: object) -> object:
    if isinstance(given, str) and not re.fullmatch(r"[0-9]{1,9}", given):
        raise PydanticCustomError("number", "must be a whole number")
    return given


def _day(given: object) -> object:
    if isinstance(given, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", given):
        raise PydanticCustomError("day", "must be a day, as in 2026-08-03")
    return given


_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Day = Annotated[date, BeforeValidator(_day)]


class Nothing(BaseModel):
    """No parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Paged(Nothing):
    """How much is told at once, and from where on."""

    limit: Annotated[int, BeforeValidator(_digits)] = Field(
        USUAL, ge=1, le=MOST, description=N_("How many are told at once.")
    )
    cursor: Annotated[str, Field(min_length=1, max_length=1000)] | None = Field(
        None, description=N_("Where to go on; the address in next holds it.")
    )


class OfSite(Nothing):
    """Those of one site."""

    site: _Name | None = Field(None, description=N_("Only of this site."))


class AtSite(Nothing):
    """One site, which must be named."""

    site: _Name = Field(description=N_("Of this site."))


class OfYear(Nothing):
    """Those of one year."""

    year: Annotated[int, BeforeValidator(_digits), Field(ge=1, le=9998)] | None = Field(
        None, description=N_("Only of this year.")
    )


class AtSiteInYear(OfYear, AtSite):
    """One site, which must be named, in all years or in one."""


class PagedOfSite(Paged, OfSite):
    """Those of one site, page by page."""


class During(PagedOfSite):
    """Those of some days of one site, page by page."""

    first: Day | None = Field(None, alias="from", description=N_("Only from this day on, as in 2026-08-03."))
    last: Day | None = Field(None, alias="to", description=N_("Only to this day, which is included, as in 2026-08-31."))

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first and self.last and self.last < self.first:
            raise PydanticCustomError("order", "ends before it begins", {"parameter": "to"})
        return self


class OfPhotos(During):
    """Which photos are wanted, and how much of each."""

    camera: _Name | None = Field(None, description=N_("Only of this camera."))
    animals: Literal["yes", "no", "unseen"] | None = Field(
        None,
        description=N_(
            "yes: people found an animal or the machine expects one; no: neither; unseen: no machine has looked yet."
        ),
    )
    boxes: Literal["yes", "no"] = Field("no", description=N_("yes tells the boxes of people and of the machine too."))


class OfSeasons(OfYear, PagedOfSite):
    """Those of one site and year, page by page."""
