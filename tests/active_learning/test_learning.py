"""Everybody's skill is learned from all votes at once, whatever their order, and can be written down."""

import json
from dataclasses import replace

import numpy as np
import pytest

from active_learning.ballots import EXPERT, MACHINE, Sight
from active_learning.consensus import agree_all
from active_learning.crowd import HIDDEN, PLAIN, USUAL_FINDS, Crowd, from_json, to_json
from active_learning.learning import learn_crowd
from labeling_configs.vocabulary import Person

REFIT = 5e-3
"""What boxes' probabilities may differ by between learning anew and going on; measured: 1.6e-3 on 400 tiles."""


@pytest.fixture
def people(drawer):
    """Somebody sharp, somebody usual, one who imagines, one who draws roughly, one who overlooks, and a neat one."""
    return {
        "sharp": drawer(0.99, 0.85, 0.02, 0.5),
        "usual": drawer(0.95, 0.6, 0.05, 0.9),
        "imagines": drawer(0.95, 0.6, 1.0, 0.9),
        "rough": drawer(0.95, 0.6, 0.1, 1.4),
        "overlooks": drawer(0.8, 0.4, 0.05, 0.9),
        "neat": drawer(0.95, 0.7, 0.1, 0.7),
    }


def test_what_people_find_is_recovered(season, people):
    crowd = learn_crowd(season(people, 400, 3, seed=1).votes)

    for name, true in people.items():
        found, low, high = crowd.skills[Person(name)].detection()
        assert found == pytest.approx(true.plain, abs=0.05)
        assert low < found < high < low + 0.08
    assert crowd.skills["sharp"].finds[Sight.BLIND, HIDDEN] > crowd.skills["overlooks"].finds[Sight.BLIND, HIDDEN]


def test_how_often_people_imagine_animals_is_recovered(season, people):
    crowd = learn_crowd(season(people, 400, 3, seed=2).votes)

    for name, true in people.items():
        assert crowd.skills[Person(name)].strays == pytest.approx(true.strays, abs=0.06 + 0.1 * true.strays)
    assert crowd.strays == pytest.approx(np.mean([true.strays for true in people.values()]), rel=0.2)


def test_how_precisely_people_draw_is_recovered(season, people):
    crowd = learn_crowd(season(people, 400, 3, seed=3).votes)

    for name, true in people.items():
        assert crowd.skills[Person(name)].spread == pytest.approx(true.spread, rel=0.2)


def test_how_many_animals_there_are_is_recovered(season, people):
    drawn = season(people, 400, 3, seed=4)

    crowd = learn_crowd(drawn.votes)

    assert crowd.sizes.density[: HIDDEN + 1].sum() == pytest.approx(
        sum(map(len, drawn.animals.values())) / 400, rel=0.05
    )
    assert crowd.clumping == pytest.approx(1, rel=0.4)


def test_the_machine_is_measured_like_a_person(season, people):
    drawn = season(people, 400, 3, seed=5, machine=0.6, assisted=0.3)

    machine = learn_crowd(drawn.votes).skills[MACHINE]

    assert machine.tiles > 350
    assert machine.finds[Sight.BLIND, PLAIN] == pytest.approx(0.6, abs=0.1)


def test_people_who_overlook_what_the_machine_does_not_show_are_known_to(season, drawer):
    def crowd(blinkered):
        people = {f"p{i}": drawer(blinkered=blinkered) for i in range(6)}
        return learn_crowd(season(people, 300, 4, seed=6, machine=0.5, assisted=0.5).votes)

    open_eyed, blinkered = (crowd(share).finds for share in (1.0, 0.6))

    assert blinkered[Sight.UNSHOWN, PLAIN] < open_eyed[Sight.UNSHOWN, PLAIN] - 0.1
    assert blinkered[Sight.BLIND, PLAIN] == pytest.approx(open_eyed[Sight.BLIND, PLAIN], abs=0.03)


def test_the_order_of_votes_does_not_matter(season, people):
    votes = season(people, 60, 3, seed=7, machine=0.6, assisted=0.5).votes
    shuffled = [votes[i] for i in np.random.default_rng(0).permutation(len(votes))]

    assert to_json(learn_crowd(votes)) == to_json(learn_crowd(shuffled))


@pytest.mark.parametrize("each", [2, 3])
def test_going_on_from_what_was_known_ends_where_learning_anew_does(season, people, each):
    votes = season(people, 400, each, seed=8).votes
    before = learn_crowd(votes[: 9 * len(votes) // 10])

    anew, going_on = learn_crowd(votes), learn_crowd(votes, start=before)

    assert going_on.rounds < 300
    assert differing(agree_all(votes, anew), agree_all(votes, going_on)) < REFIT
    assert (anew.inward, anew.spread) == (going_on.inward, going_on.spread)


def test_who_goes_on_with_the_same_votes_has_little_to_learn(season, people):
    votes = season(people, 200, 3, seed=9).votes
    known = learn_crowd(votes)

    again = learn_crowd(votes, start=known)

    assert again.rounds <= 2 < known.rounds
    assert differing(agree_all(votes, known), agree_all(votes, again)) < REFIT / 5


def differing(one, other):
    pairs = [pair for tile in one for pair in zip(one[tile].boxes, other[tile].boxes, strict=True)]
    return max(abs(a.probability - b.probability) for a, b in pairs)


def test_a_newcomer_starts_as_everybodys_average_and_a_few_votes_move_him_little(season, people, drawer):
    votes = season({**people, "zz": drawer(0.2, 0.2, 0.0)}, 300, 3, seed=10).votes
    few = [one for one in votes if one.person == "zz"][:2]
    crowd = learn_crowd([*(one for one in votes if one.person != "zz"), *few])

    newcomer, stranger = crowd.skills[Person("zz")], crowd.of(Person("nobody knows"))

    assert np.array_equal(stranger.finds, crowd.finds)
    assert (stranger.strays, stranger.spread, stranger.tiles) == (crowd.strays, crowd.spread, 0)
    assert newcomer.tiles == 2
    assert 0.5 < newcomer.finds[Sight.BLIND, PLAIN] < crowd.finds[Sight.BLIND, PLAIN]


def test_people_are_measured_by_experts_and_experts_by_nobody(season, people):
    drawn = season(people, 40, 2, seed=11)
    animals = [(tile, rows) for tile, rows in drawn.animals.items() if len(rows)]
    expert = [replace(drawn.votes[0], person=EXPERT, tile=tile, boxes=rows[:0], origins=()) for tile, rows in animals]

    judged, alone = learn_crowd([*drawn.votes, *expert]), learn_crowd(drawn.votes)

    assert EXPERT not in judged.skills
    assert judged.strays > 2 * alone.strays


def test_without_votes_the_usual_is_assumed(season, people):
    (skipped,) = [replace(one, skipped=True) for one in season(people, 1, 1, seed=0).votes]

    assert to_json(learn_crowd([])) == to_json(learn_crowd([skipped])) == to_json(Crowd())
    assert np.array_equal(learn_crowd([]).finds, USUAL_FINDS)


def test_a_handful_of_votes_leaves_everybody_close_to_the_usual(season, people):
    crowd = learn_crowd(season(people, 2, 2, seed=12).votes)

    assert crowd.finds == pytest.approx(USUAL_FINDS, abs=0.02)
    assert np.isfinite(crowd.sizes.density).all()


def test_a_crowd_survives_being_written_down(season, people):
    votes = season(people, 60, 3, seed=13, machine=0.6, assisted=0.5).votes
    crowd = learn_crowd(votes, smallest=60)

    read = from_json(json.loads(json.dumps(to_json(crowd))))

    assert to_json(read) == to_json(crowd)
    assert agree_all(votes, read, smallest=60) == agree_all(votes, crowd, smallest=60)
    assert to_json(from_json(to_json(Crowd()))) == to_json(Crowd())


def test_small_animals_are_learned_of_apart_from_those_that_count(season, people):
    crowd = learn_crowd(season(people, 60, 3, seed=14).votes, smallest=60)

    assert 60 in crowd.sizes.cuts
    assert 0 < crowd.sizes.counted(60)[PLAIN] < 1
    assert crowd.sizes.counted(0) == pytest.approx(1)
