"""A hundred people at the desk for some minutes, Label Studio stopped for one of them: what is lost, how long all take.

    python tests/benchmarks/gateway.py --people 100 --minutes 3 --json OUT

Everything is real but the people: Label Studio as `haulout up` starts it, the pages in a process of their own, all
over HTTP. Each person asks for a picture, looks at it for `--think` seconds on average, and sends the same boxes back;
what is not acknowledged is sent again. In the second minute Label Studio is stopped, and started again after it.

At the end every acknowledged answer is looked for in Label Studio and in the database. CPU seconds are those of the
processes, from the first request until everything was delivered; on a machine that does other work trust them, not
the latencies.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlmodel import select

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from haulout.accounts import Role  # noqa: E402
from haulout.bootstrap import build  # noqa: E402
from haulout.collect import collect  # noqa: E402
from haulout.config import Settings  # noqa: E402
from haulout.db import reading  # noqa: E402
from haulout.dispatch import dispatch  # noqa: E402
from haulout.fsck import fsck  # noqa: E402
from haulout.ingest import ingest  # noqa: E402
from haulout.label_studio import LabelStudio  # noqa: E402
from haulout.processes import Supervisor, label_studio_program, prepare_label_studio  # noqa: E402
from haulout.propose import propose  # noqa: E402
from haulout.selection import select_batch  # noqa: E402
from haulout.services import Services  # noqa: E402
from haulout.settle import settle  # noqa: E402
from haulout.tables import AccountRow, AnswerRow, ProjectRow, SpoolRow  # noqa: E402
from haulout.testing import enter  # noqa: E402
from tests.conftest import EMAIL, PASSWORD, TOKEN  # noqa: E402
from tests.faults.test_crashes import new_card  # noqa: E402

SLOW = 1.0
"""Seconds above which an answer is slow."""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Ledger:
    """What the people were told, and how long it took."""

    acknowledged: list[str] = field(default_factory=list)
    requests: list[tuple[float, str, float, int]] = field(default_factory=list)
    """When, which, how many seconds, and the status; 0 for no answer."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, which: str, began: float, status: int) -> None:
        with self.lock:
            self.requests.append((began, which, time.monotonic() - began, status))


def main() -> None:
    options = arguments()
    # Label Studio may still write when it is told to end.
    with tempfile.TemporaryDirectory(prefix="haulout-gateway-", ignore_cleanup_errors=True) as folder:
        result = measure(Path(folder), options)
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))
    sys.exit(0 if result["lost"] == result["doubled"] == 0 and not result["fsck"] else 1)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--think", type=float, default=20, help="seconds that a person looks at a picture, on average")
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--port", type=int, default=18340)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def measure(home: Path, options: argparse.Namespace) -> dict[str, object]:
    settings = settings_of(home, options)
    with label_studio(home, settings) as supervisor:
        services = build(settings)
        fill(services, home, options.photos)
        cookies = [enter(services, Role.VOLUNTEER, f"person {number}")[1] for number in range(options.people)]
        with pages(settings) as gateway:
            return work(services, supervisor, gateway, cookies, options)


def settings_of(home: Path, options: argparse.Namespace) -> Settings:
    return Settings(
        home=home,
        port=options.port,
        label_studio_port=options.port + 1,
        label_studio_url=f"http://127.0.0.1:{options.port + 1}",
        label_studio_token=TOKEN,
        redis_port=options.port + 2,
        starter="none",
        batch_size=options.photos,
        exam_share=0.0,
        least_votes=5,
        secret_key="a key",
        webhook_secret="a bell",
        site="Beach",
    )


@contextmanager
def label_studio(home: Path, settings: Settings) -> Iterator[Supervisor]:
    """Start Label Studio as `haulout up` does."""
    python, public = settings.label_studio_python, home / "public"
    public.mkdir()
    prepare_label_studio(python, home / "ls", settings.cache, EMAIL, PASSWORD, TOKEN, lambda _message: None)
    supervisor = Supervisor(home / "run")
    program = label_studio_program(python, home / "ls", public, settings.label_studio_port, "127.0.0.1")
    supervisor.start([program])
    try:
        LabelStudio(settings.label_studio, TOKEN).wait_until_ready(180, time.monotonic, time.sleep)
        yield supervisor
    finally:
        supervisor.stop()


@contextmanager
def pages(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """Serve the pages as `haulout serve` does."""
    (settings.home / "secrets.json").write_text(
        json.dumps({"secret_key": "a key", "webhook_secret": "a bell", "label_studio_token": TOKEN})
    )
    environment = settings.to_env() | {"LABEL_STUDIO_URL": settings.label_studio_url, "HAULOUT_LOG": "json"}
    with (settings.home / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "haulout", "serve"], env=os.environ | environment, stdout=log, stderr=log, cwd=ROOT
        )
    try:
        wait_for(lambda: httpx.get(f"{settings.pages}/healthz", timeout=2).status_code == 200)
        yield process
    finally:
        process.terminate()
        process.wait(30)


def fill(services: Services, home: Path, photos: int) -> None:
    """Put tasks before people."""
    for number in range(0, photos, 100):
        ingest(services, new_card(home / f"card-{number}", number, min(100, photos - number)))
    propose(services)
    select_batch(services)
    dispatch(services)


def work(
    services: Services,
    supervisor: Supervisor,
    gateway: subprocess.Popen[bytes],
    cookies: list[str],
    options: argparse.Namespace,
) -> dict[str, object]:
    ledger, minute = Ledger(), 60 * options.minutes / 3
    began = time.monotonic()
    before = cpu_of(gateway.pid), cpu_of(studio_of(supervisor))
    threads = [
        threading.Thread(
            target=person, args=(services.settings.pages, cookie, ledger, began, options, number), daemon=True
        )
        for number, cookie in enumerate(cookies)
    ]
    for thread in threads:
        thread.start()
    time.sleep(minute)
    spent = cpu_of(studio_of(supervisor)) - before[1]
    supervisor._rpc().supervisor.stopProcess("label_studio", False)  # returns at once
    stopped = time.monotonic()
    time.sleep(minute)
    supervisor._rpc().supervisor.startProcess("label_studio", False)
    started = time.monotonic()
    for thread in threads:
        thread.join()
    ended = time.monotonic()
    wait_for(lambda: waiting(services) == 0, 600)
    drained = time.monotonic()
    spent += cpu_of(studio_of(supervisor))
    used = cpu_of(gateway.pid) - before[0]
    labels = len(ledger.acknowledged)
    return {
        "people": len(cookies),
        "minutes": options.minutes,
        "acknowledged": labels,
        **audit(services, ledger),
        "seconds_until_delivered": round(drained - ended, 1),
        "gateway_cpu_seconds_per_label": round(used / labels, 4),
        "label_studio_cpu_seconds_per_label": round(spent / labels, 4),
        "refused": dict(Counter(str(one[3]) for one in ledger.requests if one[3] != 200)),
        "next": latencies(ledger, "next"),
        "submit": latencies(ledger, "submit"),
        "next_while_stopped": latencies(ledger, "next", stopped, started),
        "submit_while_stopped": latencies(ledger, "submit", stopped, started),
        "slow_share": share_of_slow(ledger, 0.0, ended),
        "slow_share_while_stopped": share_of_slow(ledger, stopped, started),
    }


def person(pages: str, cookie: str, ledger: Ledger, began: float, options: argparse.Namespace, number: int) -> None:
    """Answer pictures until the time is over; what was begun is sent in."""
    lots = random.Random(number)
    end = began + 60 * options.minutes
    headers = {"Cookie": f"haulout={cookie}", "Sec-Fetch-Site": "same-origin"}
    time.sleep(lots.random() * min(options.think, 10))
    with httpx.Client(base_url=pages, headers=headers, timeout=60) as browser:
        while time.monotonic() < end:
            given = ask(browser, ledger, "next", {"question": "boxes"})
            if given is None or "lease" not in given:
                time.sleep(1)
                continue
            browser.get(given["data"]["image"])
            time.sleep(lots.uniform(0.5, 1.5) * options.think)
            body = {"lease": given["lease"], "result": given["prediction"] or [], "seconds": options.think}
            while (told := ask(browser, ledger, "submit", body)) is None:
                time.sleep(1)
            with ledger.lock:
                ledger.acknowledged.append(told["unique_id"])


def ask(browser: httpx.Client, ledger: Ledger, which: str, body: dict[str, object]) -> dict | None:
    began, status = time.monotonic(), 0
    try:
        answer = browser.post(f"/desk/{which}", json=body)
        status = answer.status_code
        return answer.json() if status == 200 else None
    except httpx.HTTPError:
        return None
    finally:
        ledger.note(which, began, status)


def audit(services: Services, ledger: Ledger) -> dict[str, object]:
    """Look for every acknowledged answer in Label Studio and in the database."""
    collect(services, sweep=True)
    settle(services)
    dispatch(services)
    with reading(services.database) as session:
        spooled = {row.unique_id: row for row in session.exec(select(SpoolRow))}
        users = {row.id: row.label_studio_user for row in session.exec(select(AccountRow))}
        stored = Counter(row.label_studio_annotation for row in session.exec(select(AnswerRow)) if not row.gone)
        projects = [row.label_studio_project for row in session.exec(select(ProjectRow))]
    there = [answer for project in projects for answer in services.label_studio().answers_since(project, None)]
    numbers = {answer.annotation: answer.user for answer in there}
    found = [
        name
        for name in ledger.acknowledged
        if (row := spooled.get(name)) is not None
        and row.label_studio_annotation in numbers
        and numbers[row.label_studio_annotation] == users[row.account]
        and stored[row.label_studio_annotation] == 1
    ]
    given = Counter((answer.task, answer.user) for answer in there)
    return {
        "lost": len(ledger.acknowledged) - len(found),
        "doubled": sum(number - 1 for number in given.values()) + len(found) - len(set(found)),
        "in_label_studio": len(there),
        "fsck": [str(one) for one in fsck(services)],
    }


def latencies(ledger: Ledger, which: str, since: float = 0.0, until: float = float("inf")) -> dict[str, float]:
    """Return quantiles in seconds of what was answered well."""
    took = sorted(one[2] for one in ledger.requests if one[1] == which and since <= one[0] < until and one[3] == 200)
    if len(took) < 2:
        return {"requests": len(took)}
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    quantiles = {f"p{part}": round(cuts[part - 1], 3) for part in (50, 95, 99)}
    return {"requests": len(took), **quantiles, "longest": round(took[-1], 3)}


def share_of_slow(ledger: Ledger, since: float, until: float) -> float:
    took = [one[2] for one in ledger.requests if since <= one[0] < until]
    return round(sum(seconds > SLOW for seconds in took) / max(len(took), 1), 4)


def waiting(services: Services) -> int:
    with reading(services.database) as session:
        return len(session.exec(select(SpoolRow.unique_id).where(SpoolRow.state == "waiting")).all())


def studio_of(supervisor: Supervisor) -> int:
    return supervisor.process_ids()["label_studio"]


def cpu_of(process: int) -> float:
    """Return the CPU seconds that a process and its children have used."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(stat.parent.name) == process or int(fields[1]) == process:
            total += (int(fields[11]) + int(fields[12])) / TICKS
    return total


def wait_for(holds: object, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if holds():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise TimeoutError("it does not come to pass")


if __name__ == "__main__":
    main()
