"""The networks: which serve, and whether they are what was examined."""

from collections import Counter
from collections.abc import Iterator

from sqlmodel import select

from haulout.db import reading
from haulout.fsck.finding import Finding
from haulout.services import Services
from haulout.tables import ModelRow
from haulout_models.checkpoints import BrokenCheckpoint
from haulout_models.registry import UnknownModel
from labeling_configs.vocabulary import ModelVersion


def weights(services: Services) -> Iterator[Finding]:
    """Is every network whole, and does one of each kind serve at most? (I7)"""
    with reading(services.database) as session:
        rows = list(session.exec(select(ModelRow).order_by(ModelRow.version)))
    for kind, number in Counter(row.kind for row in rows if row.state == "serving").items():
        if number > 1:
            yield Finding("I7", f"{number} networks serve as {kind}", "`haulout promote VERSION` leaves one")
    for row in rows:
        try:
            services.registry.verify(ModelVersion(row.version), row.sha256)
        except (BrokenCheckpoint, UnknownModel) as error:
            yield Finding("I7", f"{row.version} ({row.state}): {error}", "Restore weights/ from a backup")
