"""Refuses what would write while the disk has no room, and says so on every page; it comes back by itself."""

from flask import Flask, request
from werkzeug.exceptions import HTTPException

from haulout.room import Left, Room, room_of
from haulout.web.here import here

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
WRITES_NOTHING = frozenset({"webhooks.label_studio"})
"""The bell: what it rings for is read later, and Label Studio would not ring twice."""


class NoRoom(HTTPException):
    """Nothing can be stored now."""

    code = 507
    description = "The disk is full, so nothing can be changed now. It works again once there is room."


def protect_the_disk(app: Flask) -> None:
    """Look at the disk before anything is changed, and before each page that tells of it."""
    app.before_request(_refuse_to_write)
    app.context_processor(lambda: {"disk_room": _room})


def _room() -> Room:
    """Return the room of the home's disk, for the banner; asking for it costs some microseconds."""
    return room_of(here().services.settings)


def _refuse_to_write() -> None:
    if request.method in SAFE or request.endpoint in WRITES_NOTHING or request.endpoint is None:
        return
    if _room().left is Left.NONE:
        raise NoRoom
