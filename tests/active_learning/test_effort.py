"""How long a tile takes is learned from answers, and hardly swayed by people who went for tea."""

from datetime import datetime

import numpy as np
import pytest

from active_learning.effort import USUAL, Effort, expected_work, from_json, learn_effort, work
from labeling_configs.vocabulary import Origin, Person, TileId, Vote

NOW = datetime(2026, 8, 1)


def vote(seconds, drawn=0, kept=0, deleted=0, **more):
    boxes = np.tile([[0.0, 0, 9, 9]], (drawn + kept, 1))
    origins = (Origin.DRAWN,) * drawn + (Origin.KEPT,) * kept
    gone = np.zeros((deleted, 4))
    more = {"blind": False, **more}
    return Vote(Person("ann"), TileId("t"), boxes, origins, NOW, seconds, deleted=gone, **more)


def answered(effort, count, seed=0, noise=0.3):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        drawn, kept = rng.integers(0, 12, 2)
        seconds = effort.opening + effort.drawn * drawn + effort.kept * kept
        yield vote(float(seconds * np.exp(rng.normal(0, noise))), int(drawn), int(kept))


def test_before_anybody_answered_the_usual_times_hold():
    assert learn_effort([]) == USUAL
    assert learn_effort([vote(0.0, 3), vote(20.0, 3, skipped=True)]) == USUAL


def test_the_times_of_a_slower_crowd_are_learned():
    truth = Effort(12.0, 7.0, 2.0)

    learned = learn_effort(list(answered(truth, 600)))

    assert learned.opening == pytest.approx(12, rel=0.15)
    assert learned.drawn == pytest.approx(7, rel=0.1)
    assert learned.kept == pytest.approx(2, rel=0.25)


def test_a_few_answers_move_the_times_a_little_way():
    few = learn_effort(list(answered(Effort(30.0, 30.0, 5.0), 5)))

    assert USUAL.drawn < few.drawn < 15


def test_the_order_of_the_votes_does_not_matter():
    votes = list(answered(USUAL, 40))

    assert learn_effort(votes) == learn_effort(votes[::-1])


def test_people_who_left_the_browser_open_sway_little():
    votes = list(answered(USUAL, 200))
    tea = [vote(900.0, 1) for _ in range(10)] + [vote(90_000.0, 1) for _ in range(50)]

    assert learn_effort(votes + tea).drawn == pytest.approx(learn_effort(votes).drawn, rel=0.15)


def test_a_removed_machine_box_is_work_unless_it_was_never_shown():
    assert work(vote(9.0, drawn=2, kept=3, deleted=4)) == (6, 3)
    assert work(vote(9.0, drawn=2, deleted=4, blind=True)) == (2, 0)


def test_blind_tiles_must_be_drawn_and_assisted_ones_corrected():
    scores = np.array([0.9, 0.8, 0.1])

    assert expected_work(scores, None) == pytest.approx((1.8, 0))
    assert expected_work(scores, 0.3) == pytest.approx((0.1 + 0.1 + 0.2, 1.7))


def test_what_was_learned_can_be_stored():
    learned = learn_effort(list(answered(Effort(10, 3, 1), 50)))

    assert from_json(learned.to_json()) == learned
    assert from_json({}) == USUAL


def test_more_to_draw_takes_longer():
    assert USUAL.seconds(np.array([0.0, 2.0]), np.array([0.0, 1.0])) == pytest.approx([4.7, 4.7 + 9.2 + 0.7])
