"""Nothing begins that would fill the disk, and a full disk is named."""

import errno
from pathlib import Path

import pytest

from haulout.config import Settings
from haulout.errors import StorageFull
from haulout.room import Left, naming_the_disk, require_room, room_of

EVERYTHING = 10**9
"""More megabytes than any disk has."""


def test_what_is_left_follows_the_two_thresholds(tmp_path: Path):
    def left(low: int, none: int) -> Left:
        return room_of(Settings(home=tmp_path / "new" / "home", low_room_mb=low, no_room_mb=none)).left

    assert [left(0, 0), left(EVERYTHING, 0), left(EVERYTHING, EVERYTHING)] == [Left.ENOUGH, Left.LOW, Left.NONE]


def test_work_does_not_begin_without_room_and_the_error_names_disk_and_work(tmp_path: Path):
    settings = Settings(home=tmp_path, low_room_mb=EVERYTHING, no_room_mb=EVERYTHING)

    with pytest.raises(StorageFull, match=r"disk mounted at /.*the weekly run did not begin") as caught:
        require_room(settings, "the weekly run")

    assert caught.value.exit_code == 4
    require_room(Settings(home=tmp_path, no_room_mb=0), "the weekly run")
    require_room(Settings(home=tmp_path, low_room_mb=EVERYTHING, no_room_mb=0), "what only leaves little room")


def test_a_full_disk_is_named_and_other_errors_stay_what_they_are(tmp_path: Path):
    with pytest.raises(StorageFull, match="is full"), naming_the_disk(tmp_path / "weights"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(PermissionError), naming_the_disk(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied")
