"""Who is who: the decisions follow from each other, and the sightings from them."""

from collections.abc import Iterator

from sqlmodel import select

from active_learning.decisions import BrokenLedger, replay
from haulout.db import reading
from haulout.fsck.finding import Finding
from haulout.identify.decided import read_decisions
from haulout.services import Services
from haulout.tables import IndividualRow, SightingRow
from labeling_configs.vocabulary import AnimalId


def sightings(services: Services) -> Iterator[Finding]:
    """Is each animal the individual that the decisions say, and was every one of these named? (I12)"""
    with reading(services.database) as session:
        decisions = read_decisions(session)
        there = {AnimalId(row.animal): row.individual for row in session.exec(select(SightingRow))}
        named = set(session.exec(select(IndividualRow.id)))
    if not decisions:  # a catalogue from before there were decisions: the next pass makes it the first one
        return
    try:
        catalogue = replay(decisions)
    except BrokenLedger as error:
        yield Finding("I12", str(error), "Restore the last backup: `haulout restore`")
        return
    for animal, individual in sorted(there.items()):
        if catalogue.get(animal) != individual:
            yield Finding(
                "I12",
                f"{animal} is {individual}, but was decided to be {catalogue.get(animal)}",
                "`haulout listen` settles who is who anew",
            )
    for code in sorted({str(code) for code in catalogue.values()} - named):
        yield Finding("I12", f"{code} was decided on, but nobody has that name", "Restore the last backup")
