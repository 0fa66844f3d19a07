"""Writes the report as one file that opens anywhere, without Haulout and without a network."""

from importlib.metadata import version
from pathlib import Path

from flask import g, render_template

from haulout.db import reading
from haulout.report import season_report, sites
from haulout.services import Services
from haulout.teaching import foresee
from haulout.web.application import create_app
from haulout.web.here import here

STYLE = Path(__file__).with_name("static") / "haulout.css"


def write_report(services: Services, out: Path, language: str) -> None:
    """Write the figures of all sites, or of the configured one before there are photos; `language` is en or ru."""
    with create_app(services).test_request_context("/report"), reading(services.database) as session:
        g.language = here().languages[language]
        reports = [season_report(session, site) for site in sites(session) or [services.settings.site]]
        style = STYLE.read_text(encoding="utf-8")
        page = render_template(
            "standalone.html",
            reports=reports,
            teaching=foresee(session, services.settings),
            style=style,
            code=version("haulout"),
            now=services.now(),
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")
