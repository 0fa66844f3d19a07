"""How many walruses there are, and how sure the catalogue is: written down anew by each pass."""

import numpy as np

from active_learning.census import count_individuals
from active_learning.doubts import expected_wrong
from active_learning.intervals import Interval
from active_learning.partition import settle
from active_learning.posterior import sample
from haulout.db import reading, writing
from haulout.identify.known import read_known
from haulout.identify.questions import enough
from haulout.services import Services
from haulout.tables import CensusRow

SAMPLES = 100
"""Partitions drawn from the posterior."""
MOST = 20_000
"""Animals up to which partitions are drawn; beyond, the number of walruses is not told rather than waited for."""
PURPOSE = 25


def count_walruses(services: Services, model: str) -> CensusRow:
    """Count the individuals that the evidence allows, experts' and the machine's together, and those nobody has seen.

    Nothing is counted while the machine's probabilities were measured on other animals: what is not recognised would
    be counted as somebody new.
    """
    with reading(services.database) as session:
        known = read_known(services, session, model)
    row = CensusRow(
        model=model,
        animals=len(known.evidence.animals),
        wrong=expected_wrong(known.settled),
        enough=enough(services, known),
        judged=known.judged,
        at=services.now(),
    )
    if known.judged and 0 < row.animals <= MOST:
        rng = services.rng(PURPOSE)
        census = count_individuals(sample(settle(known.evidence), SAMPLES, rng), rng)
        row.individuals, row.population = _ends(census.individuals), _ends(census.population)
    with writing(services.database) as session:
        session.merge(row)
    return row


def _ends(interval: Interval) -> list[float]:
    return [float(np.round(end, 2)) for end in (interval.value, interval.low, interval.high)]
