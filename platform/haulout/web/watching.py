"""What the pages know of what needs attention: read anew every few seconds at most, however many ask."""

import logging
import time
from threading import Lock

from sqlalchemy.exc import SQLAlchemyError

from haulout.db import reading
from haulout.errors import HauloutError
from haulout.services import Services
from haulout.watch import Bell, Sight, alarms, read_sight

FRESH_SECONDS = 10.0
_log = logging.getLogger(__name__)


class Watching:
    """One for each application; the bell rings here too."""

    def __init__(self, services: Services, fresh_seconds: float = FRESH_SECONDS) -> None:
        self.bell = Bell(services.now())
        self._services, self._fresh = services, fresh_seconds
        self._lock = Lock()
        self._read: tuple[float, Sight] | None = None

    def sight(self) -> Sight:
        """Return what was seen a few seconds ago, or look anew; one thread looks and the others wait for it."""
        with self._lock:
            if self._read is None or time.monotonic() - self._read[0] >= self._fresh:
                with reading(self._services.database) as session:
                    sight = read_sight(session, self._services.settings, self._services.now(), self.bell)
                self._read = time.monotonic(), sight
            return self._read[1]

    def alarms(self) -> int | None:
        """Return how many alarms there are; None when that cannot be told now, which must break no page."""
        try:
            return len(alarms(self.sight()))
        except (HauloutError, SQLAlchemyError, OSError) as error:
            _log.warning("What needs attention could not be read: %s", type(error).__name__)
            return None
