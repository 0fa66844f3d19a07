"""A lost database comes back: from the log's files, or from Label Studio alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from haulout import journal
from haulout.collect import collect
from haulout.db import connect, create_tables, writing
from haulout.dispatch import dispatch
from haulout.fsck import fsck
from haulout.identify.step import identify
from haulout.rebuild import NotEmpty, NothingToRebuildFrom, from_label_studio, from_log
from haulout.selection import select_batch
from haulout.settle import exclude_person, learn_people, settle
from haulout.shipping import BrokenLogFile, head, read_files, ship
from haulout.tables import AnimalRow, AnswerRow, ConsensusRow, ExclusionRow, PersonRow, TaskRow

BOX = (20, 50, 120, 150)


@pytest.fixture
def season(coordinator):
    """Four tiles that three people answered, one of whom is excluded."""
    photos = [coordinator.photo([BOX]) for _ in range(4)]
    select_batch(coordinator.services)
    dispatch(coordinator.services)
    for name in ("anna", "boris", "clara"):
        for photo in photos:
            coordinator.draw(name, coordinator.tile(photo), *([BOX] if name != "clara" else []))
    collect(coordinator.services, sweep=True)
    exclude_person(coordinator.services, "person-3", excluded=True, reason="clicks")
    learn_people(coordinator.services, force=True)
    settle(coordinator.services, everything=True)
    identify(coordinator.services)
    dispatch(coordinator.services)
    return coordinator


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty(request, season, tmp_path):
    """The same services, but their database is new."""
    url = f"sqlite:///{tmp_path}/new.sqlite"
    if request.param == "postgresql":
        url = request.getfixturevalue("new_postgres_database")()
    database = connect(url)
    create_tables(database)
    yield replace(season.services, database=database)
    database.dispose()


def kept(services) -> journal.State:
    with services.database.connect() as connection:
        return journal.live(connection)


def shipped(season, tmp_path: Path) -> Path:
    ship(season.services.database, tmp_path / "journal")
    return tmp_path / "journal"


def derived(season, services):
    """Return what follows from the votes, apart from when it was made."""
    from sqlmodel import select

    from haulout.db import reading

    with reading(services.database) as session:
        tiles = session.exec(select(ConsensusRow).order_by(ConsensusRow.tile)).all()
        animals = session.exec(select(AnimalRow).order_by(AnimalRow.id)).all()
    return [row.model_dump(exclude={"settled_at"}) for row in [*tiles, *animals]]


def test_everything_comes_back_from_the_log(season, empty, tmp_path):
    from_log(empty, shipped(season, tmp_path))

    told, there = kept(empty), kept(season.services)
    assert {n: journal.lasting(n[0], r) for n, r in told.items()} == {
        n: journal.lasting(n[0], r) for n, r in there.items()
    }
    assert journal.digest(told) == journal.digest(there)
    assert head(empty.database)[0] >= head(season.services.database)[0]
    assert derived(season, empty) == derived(season, season.services)
    assert {one.invariant for one in fsck(empty, label_studio=False)} <= {"I11"}  # these photos have no web pictures


def test_the_loop_goes_on_with_what_came_back_from_the_log(season, empty, tmp_path):
    from_log(empty, shipped(season, tmp_path))
    before = len(season.label_studio.tasks)

    dispatch(empty)
    stored = collect(empty, sweep=True)

    assert (stored, len(season.label_studio.tasks)) == (0, before)
    with writing(empty.database) as session:  # numbers are counted on from what came back
        session.add(TaskRow(question="boxes", subject="new", key="new", created_at=empty.now()))


def test_people_s_answers_come_back_from_label_studio_alone(season, empty):
    tasks, answers = from_label_studio(empty)

    assert (tasks, answers) == (len(season.rows(TaskRow)), 12)
    told = {(table, key): row for (table, key), row in kept(empty).items() if table in ("task", "tile", "photo")}
    there = {name: row for name, row in kept(season.services).items() if name[0] in ("task", "tile", "photo")}
    assert {name: journal.lasting(name[0], row) for name, row in told.items()} == {
        name: journal.lasting(name[0], row) for name, row in there.items()
    }
    assert _answers(empty) == _answers(season.services)


def test_who_was_excluded_is_not_known_to_label_studio(season, empty):
    from_label_studio(empty)

    assert [name for name in kept(empty) if name[0] == ExclusionRow.__tablename__] == []
    assert len([name for name in kept(empty) if name[0] == PersonRow.__tablename__]) == 3


def test_a_second_copy_of_a_task_in_label_studio_becomes_an_alias(season, empty):
    from haulout.label_studio import NewTask

    there = next(iter(season.label_studio.tasks.values()))
    (version,) = there.predictions
    again = NewTask(there.data, [], 0.5, version, there.overlap, there.meta)
    (twin,) = season.label_studio.send_tasks(there.project, [again])

    from_label_studio(empty)

    assert [json.loads(key) for table, key in kept(empty) if table == "alias"] == [[twin]]


@pytest.mark.parametrize("bring_back", [lambda s, folder: from_log(s, folder), lambda s, _: from_label_studio(s)])
def test_a_database_that_holds_a_season_is_not_mixed_with_another(season, tmp_path, bring_back):
    with pytest.raises(NotEmpty, match="DATABASE_URL"):
        bring_back(season.services, shipped(season, tmp_path))


def test_without_a_log_it_is_said_what_else_can_be_done(empty, tmp_path):
    with pytest.raises(NothingToRebuildFrom, match="--label-studio"):
        from_log(empty, tmp_path / "nothing")


def test_an_empty_label_studio_is_nothing_to_rebuild_from(season, empty):
    season.label_studio.projects.clear()

    with pytest.raises(NothingToRebuildFrom, match="No project"):
        from_label_studio(empty)


def test_a_log_that_was_changed_is_refused_and_the_place_named(season, empty, tmp_path):
    folder = shipped(season, tmp_path)
    (file,) = folder.glob("*.jsonl")
    lines = file.read_text().splitlines(keepends=True)
    lines[4] = lines[4].replace('"insert"', '"delete"')
    file.write_text("".join(lines))

    with pytest.raises(NothingToRebuildFrom, match="entry 5"):
        from_log(empty, folder)
    assert kept(empty) == {}


def test_the_files_are_added_to_and_never_written_twice(season, tmp_path):
    folder = shipped(season, tmp_path)
    before = (folder / "000000000001.jsonl").read_bytes()
    season.photo([BOX])

    added = [ship(season.services.database, folder) for _ in range(2)]

    assert added == [1, 0]
    assert (folder / "000000000001.jsonl").read_bytes().startswith(before)
    assert [entry.seq for entry, _ in read_files(folder)] == list(range(1, head(season.services.database)[0] + 1))


def test_files_end_where_the_next_begins(season, tmp_path, monkeypatch):
    monkeypatch.setattr("haulout.shipping.SEGMENT", 10)
    folder = shipped(season, tmp_path)
    season.photo([BOX])
    ship(season.services.database, folder)

    sizes = [len(file.read_text().splitlines()) for file in sorted(folder.glob("*.jsonl"))]
    assert set(sizes[:-1]) == {10}
    assert journal.first_break(read_files(folder)) is None
    assert sum(sizes) == head(season.services.database)[0]


@pytest.mark.parametrize("cut", [1, 30])
def test_a_line_that_a_power_cut_tore_is_written_again(season, tmp_path, cut):
    folder = shipped(season, tmp_path)
    (file,) = folder.glob("*.jsonl")
    whole = file.read_bytes()
    file.write_bytes(whole[:-cut])
    assert len(list(read_files(folder))) == head(season.services.database)[0] - 1

    ship(season.services.database, folder)

    assert file.read_bytes() == whole


def test_only_the_last_line_of_the_last_file_may_be_torn(season, tmp_path, monkeypatch):
    monkeypatch.setattr("haulout.shipping.SEGMENT", 10)
    folder = shipped(season, tmp_path)
    season.photo([BOX])
    ship(season.services.database, folder)
    first, *_, last = files = sorted(folder.glob("*.jsonl"))
    whole = [file.read_bytes() for file in files]

    last.write_bytes(whole[-1][:-1])
    torn = len(list(read_files(folder)))
    ship(season.services.database, folder)
    again = [file.read_bytes() for file in files]
    first.write_bytes(whole[0][:-2])

    assert [file.name for file in files] == [f"{start:012d}.jsonl" for start in range(1, 10 * len(files), 10)]
    assert torn == head(season.services.database)[0] - 1
    assert again == whole
    with pytest.raises(BrokenLogFile, match=f"Line 10 of .*{first.name}"):
        list(read_files(folder))


def test_the_files_of_another_history_are_moved_aside_not_overwritten(season, tmp_path):
    folder = shipped(season, tmp_path)
    (file,) = folder.glob("*.jsonl")
    older = connect("sqlite://")
    create_tables(older)
    with writing(older) as session:
        session.add(PersonRow(id="person-9", label_studio_user=9, joined_at=season.services.now()))
    before = file.read_bytes()

    ship(older, folder)

    assert (folder / "aside-1" / file.name).read_bytes() == before
    assert len(list(read_files(folder))) == 1


def test_a_line_that_is_no_entry_is_named(season, tmp_path):
    folder = shipped(season, tmp_path)
    (file,) = folder.glob("*.jsonl")
    file.write_bytes(b"[]\n" + file.read_bytes())

    with pytest.raises(BrokenLogFile, match=r"Line 1 of .*jsonl"):
        list(read_files(folder))


def _answers(services) -> list:
    rows = [row for (table, _), row in kept(services).items() if table == AnswerRow.__tablename__]
    passing = {"id", "task", "received_at"}
    return sorted((json.dumps({k: v for k, v in row.items() if k not in passing}, sort_keys=True)) for row in rows)
