"""Delivers in the background: at once when somebody has answered, again and again while Label Studio is away."""

import logging
from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread

from sqlalchemy.exc import SQLAlchemyError

from haulout.desk.delivery import NEW, Delivered, deliver
from haulout.errors import HauloutError
from haulout.services import Services

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
"""Seconds between rounds while something is wrong: twice as long each time."""
STEPS_IN_AFTER = timedelta(minutes=2)
"""How long answers may wait before the scheduler delivers them: the pages' own process is dead, or behind."""
STOPS_WITHIN = 5.0
"""Seconds that the end of a process waits for a round; one that is broken off is done again."""
log = logging.getLogger(__name__)


class Deliverer:
    """A thread that delivers until it is stopped; any number of them may, in any processes."""

    def __init__(self, services: Callable[[], Services], least_age: timedelta = NEW) -> None:
        self._services, self._least_age = services, least_age
        self._woken, self._stopped = Event(), Event()
        self._pause = 0.0
        self._thread = Thread(target=self._run, name="deliverer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something to deliver; returns at once."""
        self._woken.set()

    def is_away(self) -> bool:
        """Say whether the last round found that Label Studio does not take what it is given."""
        return self._pause > 0

    def stop(self) -> None:
        """End, after the round under way if that is short."""
        self._stopped.set()
        self._woken.set()
        self._thread.join(STOPS_WITHIN)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._woken.clear()
            if self._is_well():
                self._pause = 0.0
                self._woken.wait(LONGEST_PAUSE)  # others may have spooled
            else:
                self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
                self._stopped.wait(self._pause)

    def _is_well(self) -> bool:
        """Do one round, and say whether Label Studio took what it was given."""
        try:
            done: Delivered = deliver(self._services(), self._least_age)
        except (HauloutError, SQLAlchemyError, OSError) as error:
            log.warning("answers could not be delivered, and are sent again: %s", error)
            return False
        except Exception:  # whatever else: a thread that ended over it would deliver nothing any more
            log.exception("answers could not be delivered, and are sent again")
            return False
        if done.delivered:
            log.info("%d answers delivered, %d wait", done.delivered, done.waiting)
        return not done.away
