"""Times the overview and the photo browser over HTTP: 100,000 photos, 5 million boxes, the real application and server.

A first view is the first request of its kind after the process has started and answers /healthz; the list is asked also
for with every combination of its filters. Run
`python tests/benchmarks/browsing.py --photos 100000 --boxes 5000000 --folder DIR --json OUT`; a folder that holds a
season already is used as it is. DATABASE_URL, an empty PostgreSQL database, takes the place of SQLite.
`--browser` times headless Chromium as well. There is no peer: the pages are held against the seconds that were
promised.
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import unescape
from itertools import product
from pathlib import Path
from typing import Any

import httpx
from matching import write

ROOT = Path(__file__).resolve().parents[2]
for folder in (ROOT, ROOT / "platform", ROOT / "models"):
    sys.path.insert(0, str(folder))

FIRST_VIEW, NEXT_PAGE = 1.0, 0.3
"""Seconds that the pages may take."""
CLIENT = httpx.Client(timeout=600, verify=False)
STEPS = 10
"""Photos walked through, forwards and backwards."""
WAYS: Mapping[str, Sequence[str]] = {
    "site": ("", "Dolgy"),
    "camera": ("", "CAM2"),
    "when": ("", "day=2025-08-09", "first=2025-08-01&last=2025-09-10", "month=2026-10"),
    "shows": ("", "animals", "nothing", "unseen"),
    "triage": ("", "empty", "animals", "look"),
    "split": ("", "train", "exam"),
    "disturbed": ("", "boat"),
    "individual": ("", "W0007"),
}


def main() -> None:
    options = arguments()
    if options.serve:
        serve(options)
        return
    season = prepared(options)
    with serving(options) as address:
        first = {"overview": timed(address, "/")[0]}
    with serving(options) as address:
        first["photos"] = timed(address, "/photos")[0]
    with serving(options) as address:
        first[f"photo_of_{season['boxes_full']}"] = timed(address, f"/photos/{season['full']}")[0]
    with serving(options) as address:
        later, slowest = walked(address, season, options)
        drawn = browser(address, season) if options.browser else {}
    report(options, season, first, later, slowest, drawn)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--boxes", type=int, default=5_000_000)
    parser.add_argument("--filters", type=int, default=0, help="combinations of filters asked for; 0 for all")
    parser.add_argument("--folder", type=Path, required=True, help="the home; kept, and used again")
    parser.add_argument("--browser", action="store_true", help="time Chromium too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", default="-", help="file for the result, - for standard output")
    parser.add_argument("--serve", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def prepared(options: argparse.Namespace) -> dict[str, Any]:
    """Return what is known of the season in the folder, made now when there is none."""
    known = options.folder / "season.json"
    if not known.exists():
        from browsing_season import FULL, make

        began = time.perf_counter()
        made = make(options.folder, options.photos, options.boxes, options.seed, os.environ.get("DATABASE_URL", ""))
        known.write_text(json.dumps({**vars(made), "boxes_full": FULL, "made_in": time.perf_counter() - began}))
    return dict(json.loads(known.read_text()))


def serve(options: argparse.Namespace) -> None:
    from haulout.bootstrap import build
    from haulout.config import Settings
    from haulout.web import create_app
    from haulout.web.server import serve as listen

    settings = Settings(home=options.folder, database_url=os.environ.get("DATABASE_URL", ""))
    listen(create_app(build(settings)), "127.0.0.1", options.serve)


@contextmanager
def serving(options: argparse.Namespace) -> Iterator[str]:
    """Start a process of its own that serves the pages, and end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, __file__, "--folder", str(options.folder), "--serve", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait(f"http://127.0.0.1:{port}/healthz", process)
        CLIENT.cookies.set("haulout", token(options))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def token(options: argparse.Namespace) -> str:
    """Sign the operator in and return the token of their session."""
    from haulout.bootstrap import build
    from haulout.config import Settings
    from haulout.testing import enter

    return enter(build(Settings(home=options.folder, database_url=os.environ.get("DATABASE_URL", ""))))[1]


def wait(address: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(6000):
        try:
            CLIENT.get(address).raise_for_status()
            return
        except httpx.HTTPError:
            if process.poll() is not None:
                raise SystemExit(f"the server ended with {process.returncode}") from None
            time.sleep(0.05)
    raise SystemExit("the server did not answer within five minutes")


def timed(address: str, path: str) -> tuple[float, str]:
    """Return the seconds until the whole page was there, and the page."""
    began = time.perf_counter()
    answer = CLIENT.get(address + path)
    took = time.perf_counter() - began
    answer.raise_for_status()
    return took, answer.text


def link(page: str, towards: str) -> str | None:
    """Return where the page's link to the next or previous page leads."""
    found = re.search(rf'rel="{towards}" href="([^"]+)"', page)
    return unescape(found[1]) if found else None


def walked(
    address: str, season: Mapping[str, Any], options: argparse.Namespace
) -> tuple[dict[str, list[float]], list[tuple[float, str]]]:
    """Ask for all pages; return seconds by kind of page, and the slowest addresses."""
    later: dict[str, list[float]] = {}
    every: list[tuple[float, str]] = []

    def ask(kind: str, path: str) -> str:
        took, page = timed(address, path)
        later.setdefault(kind, []).append(took)
        every.append((took, f"{kind}: {path}"))
        return page

    for _ in range(3):
        ask("overview_again", "/")
    for name in ("full", "layered"):
        ask(f"photo_{name}_again", f"/photos/{season[name]}")
    _walk(ask, "neighbour", f"/photos/{season['middle']}", "next", STEPS)
    _walk(ask, "neighbour", f"/photos/{season['middle']}", "prev", STEPS)
    deep = f"/photos?page={season['photos'] // 48}&after={season['middle']}"
    _walk(ask, "list_deep", deep, "next", STEPS)
    for query in queries(options.filters):
        page = ask("filtered_first_view", f"/photos?{query}")
        onward = link(page, "next")
        if onward:
            back = link(ask("filtered_next_page", onward), "prev")
            if back:
                ask("filtered_previous_page", back)
    return later, sorted(every, reverse=True)


def _walk(ask: Any, kind: str, start: str, towards: str, steps: int) -> None:
    path: str | None = start
    for _ in range(steps):
        if path is None:
            return
        path = link(ask(kind, path), towards)


def queries(wanted: int) -> list[str]:
    """Return the filters as they stand in an address, all or so many evenly spread ones."""
    every = [
        "&".join(part if name == "when" else f"{name}={part}" for name, part in zip(WAYS, parts, strict=True) if part)
        for parts in product(*WAYS.values())
    ]
    return every if not wanted else every[:: max(1, len(every) // wanted)]


def browser(address: str, season: Mapping[str, Any]) -> dict[str, Any]:
    from browsing_drawing import drawn

    return {name: drawn(f"{address}/photos/{season[name]}", CLIENT.cookies["haulout"]) for name in ("full", "layered")}


def report(
    options: argparse.Namespace,
    season: Mapping[str, Any],
    first: Mapping[str, float],
    later: Mapping[str, list[float]],
    slowest: list[tuple[float, str]],
    drawn: Mapping[str, Any],
) -> None:
    views = {"first_view_seconds": {name: round(took, 4) for name, took in first.items()}}
    views["first_view_seconds"] |= {"filtered": summary(later.pop("filtered_first_view"))}
    pages = {"next_page_seconds": {name: summary(times) for name, times in later.items()}}
    worst = {"worst": [{"seconds": round(took, 4), "page": page} for took, page in slowest[:10]]}
    ours = {**views, **pages, **worst, **({"chromium": drawn} if drawn else {})}
    settings = {"filters": len(queries(options.filters)), "first_view": FIRST_VIEW, "next_page": NEXT_PAGE}
    data = {"made_up": True, **season, "database": "postgresql" if os.environ.get("DATABASE_URL") else "sqlite"}
    write({"benchmark": "browsing", "settings": settings, "data": data, "methods": {"ours": ours}}, options.json)


def summary(times: Sequence[float]) -> dict[str, float]:
    last = sorted(times)[max(0, round(0.95 * len(times)) - 1)]
    figures = {"median": statistics.median(times), "p95": last, "worst": max(times)}
    return {"pages": len(times)} | {name: round(value, 4) for name, value in figures.items()}


if __name__ == "__main__":
    main()
