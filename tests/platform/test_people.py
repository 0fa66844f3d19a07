"""What is learned of volunteers, whose votes count, and what gold tells of them."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from active_learning.crowd import PLAIN, from_json
from active_learning.suspicion import SuspicionKind
from haulout.answers import read_votes
from haulout.collect import collect
from haulout.db import reading, writing
from haulout.dispatch import dispatch
from haulout.errors import UnknownPerson
from haulout.gold import ask_gold
from haulout.loop import listen
from haulout.selection import select_batch
from haulout.settle import exclude_person, knowledge, learn_people, settle
from haulout.tables import AnimalRow, AnswerRow, ConsensusRow, CrowdRow, ProposalRow, SuspicionRow, TaskRow
from labeling_configs import boxes as box_question
from labeling_configs.vocabulary import Origin, Question

LEFT, RIGHT = (20, 50, 120, 150), (220, 50, 320, 150)
NOWHERE = (150, 180, 200, 260)


@pytest.fixture
def tiles(coordinator):
    """Return twelve tiles with two animals each, waiting in Label Studio, without boxes of a machine."""
    coordinator.set(random_share=0.0, blind_share=1.0)
    photos = [coordinator.photo([LEFT, RIGHT]) for _ in range(12)]
    select_batch(coordinator.services)
    dispatch(coordinator.services)
    return [coordinator.tile(photo) for photo in photos]


def take_in(coordinator) -> int:
    collect(coordinator.services, sweep=True)
    return settle(coordinator.services)


def everybody_draws(coordinator, tiles, names=("anna", "boris")) -> None:
    for tile in tiles:
        for name in names:
            coordinator.draw(name, tile, LEFT, RIGHT)


def boxes_of(coordinator, tile) -> list[list[float]]:
    return sorted(animal.box for animal in coordinator.rows(AnimalRow, AnimalRow.tile == tile.id))


def by(coordinator, tile, place: int) -> str:
    """Return the pseudonym of whoever gave the tile's answer number `place`."""
    task = coordinator.task(tile.id)
    return coordinator.rows(AnswerRow, AnswerRow.task == task.id)[place].person


def test_what_is_learned_of_people_is_kept_and_learned_anew_after_a_day(coordinator, tiles):
    everybody_draws(coordinator, tiles)
    take_in(coordinator)

    assert learn_people(coordinator.services)
    assert not learn_people(coordinator.services)

    (row,) = coordinator.rows(CrowdRow)
    skill = from_json(row.learned).of(by(coordinator, tiles[0], 0))
    assert (row.answers, skill.tiles) == (24, 12)
    assert skill.finds[0, PLAIN] > 0.95

    late = replace(coordinator.services, now=lambda: row.at + timedelta(hours=25))
    assert learn_people(late)
    assert len(coordinator.rows(CrowdRow)) == 2


def test_excluding_a_person_settles_again_all_that_they_touched_and_can_be_undone(coordinator, tiles):
    everybody_draws(coordinator, tiles[:2], ("anna", "boris"))
    coordinator.draw("mallory", tiles[0], NOWHERE)
    take_in(coordinator)
    mallory = by(coordinator, tiles[0], 2)
    before = coordinator.rows(ConsensusRow)

    exclude_person(coordinator.services, mallory, excluded=True, reason="draws where nothing is")
    assert settle(coordinator.services) == 1
    without = {row.tile: (row.voters, len(row.boxes)) for row in coordinator.rows(ConsensusRow)}
    exclude_person(coordinator.services, mallory, excluded=False, reason="it was a mistake")
    settle(coordinator.services)

    assert without == {tiles[0].id: (2, 2), tiles[1].id: (2, 2)}
    after = {row.tile: (row.voters, row.boxes) for row in coordinator.rows(ConsensusRow)}
    assert after == {row.tile: (row.voters, row.boxes) for row in before}
    assert len(coordinator.rows(AnswerRow)) == 5


def test_a_tile_whose_people_are_all_excluded_is_asked_again(coordinator, tiles):
    everybody_draws(coordinator, tiles[:1], ("anna", "boris"))
    take_in(coordinator)
    for place in (0, 1):
        exclude_person(coordinator.services, by(coordinator, tiles[0], place), excluded=True, reason="one and the same")

    settle(coordinator.services)

    task = coordinator.task(tiles[0].id)
    assert (task.state, task.overlap) == ("open", 4)
    assert coordinator.rows(AnimalRow) == []


def test_people_whose_word_does_not_count_still_count_towards_the_cap(coordinator, tiles):
    coordinator.set(most_votes=3)
    coordinator.draw("anna", tiles[0], LEFT)
    coordinator.draw("boris", tiles[0], RIGHT)
    coordinator.draw("mallory", tiles[0], NOWHERE)
    take_in(coordinator)
    exclude_person(coordinator.services, by(coordinator, tiles[0], 2), excluded=True, reason="draws where nothing is")

    settle(coordinator.services)

    assert coordinator.rows(ConsensusRow)[0].state == "disputed"
    assert coordinator.task(tiles[0].id).state == "retired"


def test_excluding_somebody_unknown_says_who_is_known(coordinator, tiles):
    everybody_draws(coordinator, tiles[:1])
    take_in(coordinator)

    with pytest.raises(UnknownPerson, match=by(coordinator, tiles[0], 0)):
        exclude_person(coordinator.services, "person-99", excluded=True, reason="")


def test_who_says_of_every_tile_that_it_is_empty_is_found_and_loses_their_say(coordinator, tiles):
    everybody_draws(coordinator, tiles, ("anna", "boris", "clara"))
    for tile in tiles:
        coordinator.draw("mallory", tile)
    take_in(coordinator)
    mallory = by(coordinator, tiles[0], 3)

    learn_people(coordinator.services, force=True)
    settle(coordinator.services, everything=True)

    (suspect,) = coordinator.rows(SuspicionRow)
    with reading(coordinator.services.database) as session:
        known = knowledge(session)
    assert (suspect.person, suspect.kind) == (mallory, SuspicionKind.EMPTY_CLICKS.value)
    assert not known.counts(mallory)
    assert {row.voters for row in coordinator.rows(ConsensusRow)} == {3}
    assert len(coordinator.rows(AnswerRow)) == 48


def test_people_s_votes_say_what_they_did_with_the_machine_s_boxes(coordinator):
    coordinator.set(random_share=0.0, blind_share=0.0)
    photo = coordinator.photo([LEFT, NOWHERE], model="det-x")
    with writing(coordinator.services.database) as session:
        cold = session.get_one(ProposalRow, (photo.id, "det-x"))
        session.add(ProposalRow(**cold.model_dump() | {"model": "cold-start"}))
    select_batch(coordinator.services)
    dispatch(coordinator.services)
    tile = coordinator.tile(photo)
    task = coordinator.task(tile.id)
    task.model = "det-x"
    coordinator.store(task)
    drawn = box_question.write([LEFT, RIGHT], None, tile, origins=[Origin.KEPT, Origin.DRAWN])
    coordinator.say("anna", tile.id, drawn)
    collect(coordinator.services)

    with reading(coordinator.services.database) as session:
        row = coordinator.rows(AnswerRow)[0]
        row.model = row.model_shown = "det-x"
        coordinator.store(row)
        ((vote, _, _),) = read_votes(session, Question.BOXES, tile)

    assert not vote.blind
    assert vote.machine.tolist() == [list(LEFT), list(NOWHERE)]
    assert vote.deleted.tolist() == [list(NOWHERE)]
    assert [origin.value for origin in vote.origins] == ["prediction", "manual"]


def test_an_expert_s_tile_is_asked_again_as_gold_of_one_person_each(coordinator, tiles):
    disputed = settled_by_expert(coordinator, tiles)

    ask_gold(coordinator.services)
    dispatch(coordinator.services)

    copies = coordinator.rows(TaskRow, TaskRow.gold > 0)
    assert [(task.subject, task.overlap, task.state) for task in copies] == [(disputed.id, 1, "open")]
    sent = coordinator.label_studio.tasks[copies[0].label_studio_task]
    first = coordinator.label_studio.tasks[coordinator.task(disputed.id).label_studio_task]
    assert {**sent.data, "key": ""} == {**first.data, "key": ""}
    assert all(re.fullmatch("boxes:[0-9a-f]{32}", one.data["key"]) for one in (sent, first))
    assert "gold" not in str(sent.data) + str(sent.predictions)


def test_gold_is_learned_from_but_never_settles_a_tile(coordinator, tiles):
    disputed = settled_by_expert(coordinator, tiles)
    ask_gold(coordinator.services)
    dispatch(coordinator.services)
    before = coordinator.rows(ConsensusRow, ConsensusRow.tile == disputed.id)[0].model_dump()
    (copy,) = coordinator.rows(TaskRow, TaskRow.gold > 0)
    answer = box_question.write([LEFT], None, disputed)
    coordinator.person("zoe").submit(copy.label_studio_task, answer, 9.0, "once")

    listen(coordinator.services)
    learn_people(coordinator.services, force=True)

    after = coordinator.rows(ConsensusRow, ConsensusRow.tile == disputed.id)[0].model_dump()
    assert {**after, "settled_at": 0} == {**before, "settled_at": 0}
    assert coordinator.rows(TaskRow, TaskRow.gold > 0)[0].state == "retired"
    (zoe,) = {row.person for row in coordinator.rows(AnswerRow, AnswerRow.task == copy.id)}
    newest = coordinator.rows(CrowdRow)[-1]
    skill = from_json(newest.learned).of(zoe)
    assert skill.tiles == 2
    assert skill.finds[0, PLAIN] < from_json(newest.learned).finds[0, PLAIN]


def settled_by_expert(coordinator, tiles):
    """Let an expert say that both animals are there on a tile about which volunteers were asked."""
    coordinator.set(gold_share=0.02, gold_wanted=1)  # one to teach and one to measure, whichever the tile is
    everybody_draws(coordinator, tiles)
    take_in(coordinator)
    ask_gold(coordinator.services)
    dispatch(coordinator.services)
    (task,) = coordinator.rows(TaskRow, TaskRow.question == "box_dispute")
    (tile,) = [tile for tile in tiles if tile.id == task.subject]
    coordinator.draw("zoe", next(other for other in tiles if other != tile), LEFT, RIGHT)  # so one has not seen it
    coordinator.draw("elena", tile, LEFT, RIGHT, question="box_dispute")
    take_in(coordinator)
    coordinator.set(gold_wanted=0)
    return tile
