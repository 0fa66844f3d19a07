"""What workers do: plain functions that may run twice. Nothing heavy is imported here: rq forks for each job."""

import logging
import os

log = logging.getLogger(__name__)


def run_week() -> None:
    """Pass once through the loop."""
    from haulout.bootstrap import build_from
    from haulout.lease import LeaseTaken
    from haulout.loop import run_week as run

    try:
        log.info("run %d is done", run(build_from(os.environ)))
    except LeaseTaken as taken:
        log.warning("the weekly run was not started: %s", taken)


def listen() -> None:
    """Take in new answers; does nothing while a run is going on, which takes them in itself."""
    from haulout.bootstrap import build_from
    from haulout.collect import is_quiet
    from haulout.lease import LeaseTaken

    services = build_from(os.environ)
    if is_quiet(services):
        return
    from haulout.loop import listen as take_in  # loads torch, for seconds: not every minute for nothing

    try:
        log.info("%d new answers", take_in(services))
    except LeaseTaken:
        log.info("a run is going on; it will read the answers")
