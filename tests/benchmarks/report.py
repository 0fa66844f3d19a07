"""Times the season's report, as HTML and as PDF, on a made-up home: every row it reads is there, nothing is trained.

Run `python tests/benchmarks/report.py --photos 20000 --days 60 --cameras 2 --boxes 30 --answers 2000 --json OUT`.
With `--home DIR` the home stays there, to be looked at with HAULOUT_HOME=DIR; `--out DIR` keeps what was written.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / part) for part in (".", "platform", "models", "tests/benchmarks")]

from report_season import Wanted, make  # noqa: E402

from haulout.bootstrap import build  # noqa: E402
from haulout.config import Settings, make_secrets  # noqa: E402
from haulout.services import Services  # noqa: E402

NOW = datetime(2026, 11, 29, 6)


def main() -> None:
    options = arguments()
    if options.home:
        run(options, Path(options.home))
        return
    with tempfile.TemporaryDirectory() as home:
        run(options, Path(home))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for field in fields(Wanted):
        parser.add_argument(f"--{field.name}", type=int, default=field.default)
    parser.add_argument("--home", help="an empty folder in which the made-up home stays")
    parser.add_argument("--out", help="a folder that keeps the reports, in both languages")
    parser.add_argument("--json", default="-", help="file for the result, - for standard output")
    return parser.parse_args()


def run(options: argparse.Namespace, home: Path) -> None:
    from matching import write

    wanted = Wanted(**{field.name: getattr(options, field.name) for field in fields(Wanted)})
    services = home_of(home)
    making = timed(lambda: make(services, wanted, NOW))
    out, languages = (Path(options.out), ("en", "ru")) if options.out else (home / "written", ("en",))
    ours, *_ = [report(services, out, language) for language in languages]
    data = {"made_up": True, "making_seconds": making, "database_bytes": (home / "haulout.sqlite").stat().st_size}
    settings = asdict(wanted) | {"threads": os.environ.get("OMP_NUM_THREADS", "all")}
    write({"benchmark": "report", "settings": settings, "data": data, "methods": {"ours": ours}}, options.json)


def home_of(home: Path) -> Services:
    home.mkdir(parents=True, exist_ok=True)
    make_secrets(home)
    return replace(build(Settings.from_env({"HAULOUT_HOME": str(home)})), now=lambda: NOW)


def report(services: Services, out: Path, language: str) -> dict[str, float]:
    """Write the report both ways, each from the database."""
    from haulout.web.standalone import write_pdf, write_report

    page, paper = out / f"report-{language}.html", out / f"report-{language}.pdf"
    html = timed(lambda: write_report(services, page, language))
    pdf = timed(lambda: write_pdf(services, paper, language))
    sizes = {"html_bytes": page.stat().st_size, "pdf_bytes": paper.stat().st_size}
    return {"html_seconds": html, "pdf_seconds": pdf, **sizes}


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return round(time.perf_counter() - start, 2)


if __name__ == "__main__":
    main()
