"""The ledger of who is who, as rows: names last, old catalogues are taken over, few agreeing experts are not enough."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from haulout import journal
from haulout.db import connect, create_tables, reading, writing
from haulout.fsck import fsck
from haulout.identify.catalogue import NotDecided, settle_catalogue, split_individual, undo_decision
from haulout.identify.decided import BrokenCatalogue
from haulout.tables import IdentityRow, IndividualRow, SightingRow
from labeling_configs.vocabulary import Same
from tests.platform.beach import Beach


@pytest.fixture
def beach(coordinator) -> Beach:
    beach = Beach(coordinator)
    for name in "abcd":
        beach.animal(name, (1, 0.1))
    beach.plan()
    return beach


def names(beach) -> dict[str, str]:
    return {row.animal: row.individual for row in beach.coordinator.rows(SightingRow)}


def changes(beach) -> list[str]:
    return [row.change for row in sorted(beach.coordinator.rows(IdentityRow), key=lambda row: row.id)]


def troubles(beach) -> list[str]:
    return [one.what for one in fsck(beach.services, label_studio=False) if one.invariant == "I12"]


def test_one_expert_alone_merges_nobody_and_another_is_asked_until_enough_agree(beach):
    beach.judge("elena", "a", "b", Same.SAME)
    beach.judge("finn", "a", "b", Same.CANNOT_TELL)
    beach.settle()
    beach.plan()
    asked = beach.coordinator.task("a|b", "pair")
    apart = names(beach)

    beach.judge("gleb", "a", "b", Same.SAME)
    beach.settle()

    assert (asked.state, asked.overlap) == ("open", 3)
    assert apart["a"] != apart["b"]
    assert names(beach) == {"a": "W0001", "b": "W0001"}


def test_a_decision_names_the_answers_it_rests_on_and_passes_that_change_nothing_add_none(beach):
    beach.agree("a", "b")

    for _ in range(3):
        beach.settle()

    (row,) = beach.coordinator.rows(IdentityRow)
    assert (row.change, row.pairs, row.by) == ("named", [["a", "b", 2, 0]], "")


def test_undoing_restores_the_catalogue_and_so_does_undoing_that(beach):
    beach.agree("a", "b")
    beach.agree("c", "d")
    beach.settle()
    before = names(beach)
    beach.agree("b", "c")
    beach.settle()
    merged = names(beach)

    undo_decision(beach.services, 3, "", "the tusks differ")
    undone = names(beach)
    undo_decision(beach.services, 4, "", "they do not")

    assert (undone, names(beach)) == (before, merged)
    assert changes(beach) == ["named", "named", "merged", "undone", "undone"]
    assert troubles(beach) == []


def test_new_answers_do_not_overrule_a_split_but_a_new_sighting_that_joins_both_is_a_dispute(beach):
    beach.agree("a", "b")
    beach.settle()
    split_individual(beach.services, "W0001", ["b"], "", "other wrinkles")

    beach.judge("gleb", "a", "b", Same.SAME)
    beach.agree("a", "c")
    beach.agree("b", "c")
    beach.settle()

    assert names(beach)["a"] != names(beach)["b"]
    assert names(beach)["c"] in (names(beach)["a"], names(beach)["b"])


def test_a_catalogue_from_before_there_was_a_ledger_becomes_its_first_decision(beach):
    beach.agree("a", "b")
    beach.settle()
    with writing(beach.services.database) as session:
        for row in session.exec(text("SELECT id FROM identity")).all():  # as in a home from before
            session.delete(session.get_one(IdentityRow, row[0]))

    settle_catalogue(beach.services)
    beach.agree("c", "d")
    beach.settle()

    assert changes(beach) == ["named", "named"]
    assert names(beach) == {"a": "W0001", "b": "W0001", "c": "W0002", "d": "W0002"}
    assert beach.coordinator.rows(IdentityRow)[0].reason == "as it was before decisions were kept"


def test_the_log_alone_gives_the_same_catalogue(beach, tmp_path):
    beach.agree("a", "b")
    beach.agree("c", "d")
    beach.settle()
    beach.agree("b", "c")
    beach.settle()
    undo_decision(beach.services, 3, "", "no")
    other = connect(f"sqlite:///{tmp_path}/other.sqlite")
    create_tables(other)

    with beach.services.database.connect() as connection:
        told = journal.replay(entry for entry, _ in journal.entries(connection))
    with other.begin() as connection:
        journal.fill(connection, told)
    settle_catalogue(replace(beach.services, database=other))

    with reading(other) as session:
        again = {row.animal: row.individual for row in session.exec(text("SELECT * FROM sighting")).all()}
    assert again == {"a": "W0001", "b": "W0001", "c": "W0002", "d": "W0002"}


def test_a_sighting_that_nobody_decided_on_and_a_decision_that_is_missing_are_found(beach):
    beach.agree("a", "b")
    beach.agree("c", "d")
    beach.settle()
    beach.agree("b", "c")
    beach.settle()
    with beach.services.database.begin() as connection:
        connection.execute(text("UPDATE sighting SET individual = 'W0002' WHERE animal = 'a'"))
    moved = troubles(beach)
    with beach.services.database.begin() as connection:
        connection.execute(text("DELETE FROM identity WHERE id = 2"))

    assert moved == ["a is W0002, but was decided to be W0001"]
    assert "decision 3 takes c from W0002" in troubles(beach)[0]
    with pytest.raises(BrokenCatalogue, match="restore the latest backup"):
        settle_catalogue(beach.services)


@pytest.mark.parametrize(("number", "why"), [(1, "a name once given stays"), (7, "there is no decision 7")])
def test_what_cannot_be_undone_is_refused_and_nothing_is_written(beach, number, why):
    beach.agree("a", "b")
    beach.settle()

    with pytest.raises(NotDecided, match=why):
        undo_decision(beach.services, number, "", "")

    assert changes(beach) == ["named"]


def test_names_are_given_once(beach):
    beach.agree("a", "b")
    beach.settle()
    split_individual(beach.services, "W0001", ["b"], "", "no")
    undo_decision(beach.services, 2, "", "yes")
    beach.agree("c", "d")
    beach.settle()

    assert {row.id for row in beach.coordinator.rows(IndividualRow)} == {"W0001", "W0002", "W0003"}
    assert names(beach) == {"a": "W0001", "b": "W0001", "c": "W0003", "d": "W0003"}
