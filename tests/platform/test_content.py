"""What a task shows of the database: each box with what belongs to it."""

import pytest

from haulout.content import content_of
from haulout.db import reading
from haulout.desk.backing import drawn_by
from haulout.selection import select_batch
from haulout.tables import ConsensusRow, TaskRow
from tests.platform.conftest import NOON

NOBODY_S, LEFT, RIGHT = (150, 20, 190, 60), (20, 50, 120, 150), (220, 50, 320, 150)


def test_in_a_dispute_a_box_that_nobody_believes_in_leaves_the_others_their_own_probabilities(coordinator):
    photo = coordinator.photo([LEFT, RIGHT])
    select_batch(coordinator.services)
    tile = coordinator.tile(photo)
    doubted = [[*NOBODY_S, 0.0, []], [*LEFT, 0.9, ["anna", "boris"]], [*RIGHT, 0.4, ["anna"]]]
    coordinator.store(
        ConsensusRow(tile=tile.id, state="disputed", voters=2, agreement=0.5, boxes=doubted, settled_at=NOON)
    )
    coordinator.store(TaskRow(id=90, question="box_dispute", subject=tile.id, key="dispute", created_at=NOON))

    with reading(coordinator.services.database) as session:
        task = session.get_one(TaskRow, 90)
        shown = content_of(task, session, coordinator.services.storage).result
        backing = drawn_by(session, task, shown)

    assert [one["score"] for one in shown] == pytest.approx([0.9, 0.4])
    assert backing == [(2, 2), (1, 2)]
