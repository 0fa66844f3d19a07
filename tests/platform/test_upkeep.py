"""What is done while nobody looks: the log copied out, a backup a day, a check a night, and none hinders another."""

from dataclasses import replace
from datetime import timedelta

import pytest

from haulout.config import Settings
from haulout.db import connect, create_tables
from haulout.safekeeping.backup import backups
from haulout.shipping import head, read_files
from haulout.tables import FsckRow
from haulout.upkeep import keep_up

BOX = (20, 50, 120, 150)


@pytest.fixture
def season(coordinator, tmp_path):
    """A season in a database file, whose pages' pictures are made."""
    home = coordinator.services.storage.home
    settings = Settings(home=home, database_url=f"sqlite:///{home}/haulout.sqlite", starter="none")
    database = connect(settings.database)
    create_tables(database)
    before = coordinator.services.now
    later = [timedelta(0)]
    coordinator.services = replace(
        coordinator.services, settings=settings, database=database, now=lambda: before() + later[0]
    )
    coordinator.go_on = lambda **span: later.__setitem__(0, later[0] + timedelta(**span))
    from haulout.tables import IngestionRow

    coordinator.store(IngestionRow(id=1, folder="CARD", site="Beach", started_at=before()))
    yield coordinator
    database.dispose()


def photo(season) -> None:
    row = season.photo([BOX])
    season.services.storage.make_web_photo(row.id, row.suffix)


def made(season) -> tuple[int, int]:
    """Count backups and checks."""
    return len(backups(season.services.settings.home / "backups")), len(season.rows(FsckRow))


def test_a_season_without_photos_needs_neither_backup_nor_check(season):
    keep_up(season.services)

    assert made(season) == (0, 0)


def test_the_log_is_copied_out_at_once_and_the_rest_done_once_a_day(season):
    photo(season)
    counted = []
    for hours in (0, 1, 22, 2):
        season.go_on(hours=hours)
        keep_up(season.services)
        counted.append(made(season))

    assert counted == [(1, 1), (1, 1), (1, 1), (2, 2)]
    assert len(list(read_files(season.services.storage.journal))) == head(season.services.database)[0]


def test_what_cannot_be_done_hinders_nothing_else_and_is_told(season, caplog):
    photo(season)
    season.services.storage.journal.write_text("a file where a folder should be")

    keep_up(season.services)

    assert made(season)[1] == 1
    assert "could not be copied" in caplog.text


def test_the_nightly_check_tells_what_it_finds(season, caplog):
    photo(season)
    row = season.photo([BOX])
    season.services.storage.original(row.id, row.suffix).unlink()

    keep_up(season.services)

    assert not season.rows(FsckRow)[0].clean
    assert row.id in caplog.text
