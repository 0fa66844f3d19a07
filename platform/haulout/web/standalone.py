"""Writes the report as one file that opens anywhere, without Haulout and without a network: HTML or PDF."""

from pathlib import Path

from flask import g

from haulout.db import reading
from haulout.press import print_pdf
from haulout.services import Services
from haulout.storage.files import appearing_at
from haulout.web.application import create_app
from haulout.web.here import here
from haulout.web.written import written_report


def write_report(services: Services, out: Path, language: str, year: int | None = None) -> None:
    """Write the figures of all sites, each in this year or its latest one, as HTML; `language` is en or ru."""
    _write(out, _page(services, language, year, paper=False).encode("utf-8"))


def write_pdf(services: Services, out: Path, language: str, year: int | None = None) -> None:
    """Write the same as a PDF for A4 paper; NotPrinted when that fails."""
    _write(out, print_pdf(_page(services, language, year, paper=True)))


def _page(services: Services, language: str, year: int | None, *, paper: bool) -> str:
    with create_app(services).test_request_context("/report"), reading(services.database) as session:
        g.language = here().languages[language]
        return written_report(session, services, year=year, paper=paper)


def _write(out: Path, content: bytes) -> None:
    with appearing_at(out) as part:
        part.write_bytes(content)
