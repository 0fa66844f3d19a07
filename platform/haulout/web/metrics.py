"""Figures for Prometheus: what these pages answered, and what is watched; for this machine or with a token."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import cast

from flask import Blueprint, Flask, Response, current_app, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from haulout.tokens import Scope
from haulout.watch import Sight
from haulout.web.api.access import admit
from haulout.web.here import here
from haulout.web.request_log import seconds
from haulout.web.watching import Watching

NOWHERE = "none"
"""Stands for an address or method that there is not: whatever anybody may invent names no series."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip")
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

blueprint = Blueprint("metrics", __name__)


class Measures:
    """The metrics of one application, in a registry of its own."""

    def __init__(self, watching: Watching) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "haulout_requests", "Requests answered.", ("endpoint", "method", "status"), registry=self.registry
        )
        self.durations = Histogram(
            "haulout_request_seconds", "Time to answer.", ("endpoint",), buckets=BUCKETS, registry=self.registry
        )
        self.webhooks = Counter(
            "haulout_webhooks", "Rings of Label Studio's bell.", ("outcome",), registry=self.registry
        )
        for outcome in ("received", "refused", "failed"):
            self.webhooks.labels(outcome)  # there from the start, as 0
        self.registry.register(_Watched(watching))

    def count(self, response: Response) -> Response:
        """Count an answer, and how long it took."""
        endpoint = request.endpoint or NOWHERE
        method = request.method if request.method in METHODS else NOWHERE
        self.requests.labels(endpoint, method, str(response.status_code)).inc()
        self.durations.labels(endpoint).observe(seconds())
        return response


class _Watched(Collector):
    """Tells what was seen as gauges, read when somebody asks."""

    def __init__(self, watching: Watching) -> None:
        self._watching = watching

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Promise nothing, so that registering reads no database."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give every gauge; one whose value is not known yet is left out."""
        return gauges(self._watching.sight())


def measure(app: Flask, watching: Watching) -> Measures:
    """Measure what the application answers."""
    measures = Measures(watching)
    app.extensions["haulout_measures"] = measures
    app.after_request(measures.count)
    return measures


def measures() -> Measures:
    """Return what this application measures."""
    return cast(Measures, current_app.extensions["haulout_measures"])


@blueprint.get("/metrics")
def metrics() -> Response:
    """Give all figures as text; how much was answered is not everybody's business."""
    if not _from_this_machine():
        admit(Scope.READ)
    answer = Response(generate_latest(measures().registry), content_type=CONTENT_TYPE_LATEST)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _from_this_machine() -> bool:
    """Say whether a program here asks; a proxy here speaks for others, and another site's page has another host.

    With a public address there is such a proxy, and the server has taken its headers away.
    """
    if here().services.settings.public_url or any(header in request.headers for header in FORWARDED):
        return False
    host = request.host.rsplit(":", 1)[0].strip("[]")
    return _is_loopback(request.remote_addr or "") and (host == "localhost" or _is_loopback(host))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def gauges(sight: Sight) -> Iterator[GaugeMetricFamily]:
    """Give what was seen as gauges; names end in their unit."""
    now = sight.now
    yield _one("haulout_answers_stored", "Answers of people, every revision.", sight.stored)
    yield from _age("haulout_newest_answer_age_seconds", "Since an answer was stored.", sight.stored_at, now)
    read = {one.question: _since(one.read_to, now) for one in sight.readings}
    yield _each("haulout_cursor_lag_seconds", "Since the newest answer read, by Label Studio's clock.", "project", read)
    unread = {one.question: one.unread.number for one in sight.readings}
    yield _each("haulout_unread_answers", "Answers that Label Studio has and we have not.", "project", unread)
    yield _each("haulout_open_tasks", "Tasks that wait for people.", "project", sight.tasks)
    yield _one("haulout_untold_tasks", "Tasks of which Label Studio is still to be told.", sight.untold.number)
    yield _one("haulout_unconfirmed_operations", "Sent, not known to have arrived.", sight.operations.number)
    yield from _age("haulout_unconfirmed_operation_age_seconds", "The oldest of them.", sight.operations.since, now)
    yield _one("haulout_spooled_answers", "Answers on their way to Label Studio.", sight.spooled.number)
    yield from _age("haulout_spooled_answer_age_seconds", "The oldest of them.", sight.spooled.since, now)
    yield _each("haulout_jobs", "Jobs of the ledger.", "state", sight.jobs)
    if sight.run is not None:
        states = {sight.run.state: 1}
        yield _each("haulout_run_state", "1 for the state of the newest weekly run.", "state", states)
        yield from _age("haulout_run_age_seconds", "Since the newest run began.", sight.run.started_at, now)
        yield from _age("haulout_run_heard_age_seconds", "Since it was heard of.", sight.run.heard_at, now)
    serving = GaugeMetricFamily("haulout_serving_model", "1 for each network that serves.", labels=("kind", "version"))
    for kind, version in sight.serving.items():
        serving.add_metric((kind, version), 1)
    yield serving
    yield _one("haulout_missing_models", "Serving networks whose files are not there.", len(sight.missing))
    yield _one("haulout_quarantined_files", "Files put aside.", sight.quarantined)
    yield _one("haulout_disk_free_bytes", "Room on the home's disk.", sight.room.free)
    yield _one("haulout_backups", "Backups kept.", sight.backups)
    yield from _age("haulout_backup_age_seconds", "Since the newest backup.", sight.backup_at, now)
    yield _one("haulout_fsck_findings", "What the newest check found.", sight.fsck.findings if sight.fsck else None)
    yield _one("haulout_open_holds", "Mass deletions to decide on.", len(sight.holds))
    yield from _age("haulout_looked_age_seconds", "Since the watch looked.", sight.looked_at, now)


def _one(name: str, words: str, value: float | None) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words)
    if value is not None:
        family.add_metric((), value)
    return family


def _each(name: str, words: str, label: str, values: Mapping[str, float | None]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=(label,))
    for key, value in values.items():
        if value is not None:
            family.add_metric((key,), value)
    return family


def _age(name: str, words: str, moment: datetime | None, now: datetime) -> Iterator[GaugeMetricFamily]:
    yield _one(name, words, _since(moment, now))


def _since(moment: datetime | None, now: datetime) -> float | None:
    return (now - moment).total_seconds() if moment else None
