"""The report as one page that brings along all it shows, to be kept as a file or printed."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flask import render_template, url_for
from sqlmodel import Session

from haulout.report import read_years, season_report, sites
from haulout.services import Services
from haulout.teaching import foresee
from haulout.web.thumbnails import Thumbnails

STYLES = Path(__file__).with_name("static")
ON_SCREEN = ("haulout.css", "report.css")
ON_PAPER = (*ON_SCREEN, "print.css")


def about(session: Session, services: Services) -> dict[str, Any]:
    """Return what a report says beside a site's figures."""
    teaching = foresee(session, services.settings)
    return {"teaching": teaching, "code": version("haulout"), "today": services.now().date(), "links": True}


def written_report(
    session: Session, services: Services, *, site: str | None = None, year: int | None = None, paper: bool = False
) -> str:
    """Return the report of one site, or of all, or of the configured one before there are photos; inside a request.

    Its links lead to the pages of this Haulout, wherever the request was sent to.
    """
    settings, pictures = services.settings, Thumbnails(session, services.storage)
    chosen = [site] if site else sites(session) or [settings.site]
    reports = [season_report(session, one, year, settings.most_animals_per_tile) for one in chosen]
    return render_template(
        "standalone.html",
        **about(session, services),
        reports=[(report, read_years(session, report.site)) for report in reports],
        paper=paper,
        style=_style(paper),
        url_for=_leading_to(settings.pages),
        photo_picture=pictures.photo,
        animal_picture=pictures.animal,
    )


def _leading_to(pages: str) -> Callable[..., str]:
    return lambda endpoint, **values: pages + url_for(endpoint, **values)


def _style(paper: bool) -> str:
    return "\n".join((STYLES / name).read_text(encoding="utf-8") for name in (ON_PAPER if paper else ON_SCREEN))
