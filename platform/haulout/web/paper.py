"""Gives out the report as a PDF, made when somebody asks for it and kept until what it says has changed."""

import hashlib
from pathlib import Path
from threading import BoundedSemaphore

from flask import Blueprint, Response, abort, make_response, render_template, request, send_file

from haulout.db import reading
from haulout.press import NotPrinted, print_pdf
from haulout.report import sites
from haulout.storage.files import appearing_at
from haulout.web.here import here
from haulout.web.written import written_report

KEPT = 20
"""The newest PDFs that stay; an older one is made again."""
AT_ONCE = BoundedSemaphore(1)
WAIT = 60.0
"""Seconds that a second visitor waits for the first one's."""

blueprint = Blueprint("paper", __name__)


@blueprint.get("/report.pdf")
def report_pdf() -> Response:
    """Give the report of a site's year, or of all sites, as a PDF in the visitor's language."""
    if not AT_ONCE.acquire(timeout=WAIT):
        return _not_now(503)
    try:
        made = _printed(_page(), here().services.settings.home.resolve() / "reports")
    except NotPrinted:
        return _not_now(500)
    finally:
        AT_ONCE.release()
    return send_file(made, mimetype="application/pdf", download_name="haulout-report.pdf", max_age=0)


def _page() -> str:
    services, site = here().services, request.args.get("site")
    with reading(services.database) as session:
        if site is not None and site not in sites(session):
            abort(404)
        return written_report(session, services, site=site, year=request.args.get("year", type=int), paper=True)


def _printed(page: str, folder: Path) -> Path:
    """Return the PDF of the page, named after the page's SHA-256: the same page is printed once."""
    made = folder / f"{hashlib.sha256(page.encode('utf-8')).hexdigest()}.pdf"
    if not made.exists():
        content = print_pdf(page)
        with appearing_at(made) as part:
            part.write_bytes(content)
    made.touch()
    for old in sorted(folder.glob("*.pdf"), key=lambda file: file.stat().st_mtime, reverse=True)[KEPT:]:
        old.unlink(missing_ok=True)
    return made


def _not_now(status: int) -> Response:
    answer = make_response(render_template("no_paper.html", busy=status == 503), status)
    if status == 503:
        answer.headers["Retry-After"] = str(round(WAIT))
    return answer
