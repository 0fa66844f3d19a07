"""When and by which camera a photo was taken, as far as its file tells; nothing is guessed."""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePosixPath

_IN_NAME = re.compile(r"(?<!\d)((?:19[9]\d|20\d\d)[01]\d[0-3]\d)[_-]([0-2]\d[0-5]\d[0-5]\d)(?!\d)")
_CARD_FOLDERS = {"dcim", "."}
_YEARS = range(1950, 2150)
"""No photo is older; a later one comes from a clock that is broken, and near the end of time sums break too."""


def time_in_exif(exif: Mapping[str, str]) -> datetime | None:
    """Return when the picture was taken, local time of the camera, with the fraction of the second if it is there.

    The EXIF field "DateTime" is not used: it says when the file was last changed.
    """
    for name in ("taken", "digitized"):
        moment = _moment(exif.get(name, ""), "%Y:%m:%d %H:%M:%S")
        if moment:
            fraction = exif.get(f"{name}_fraction", "")
            micro = int(fraction[:6].ljust(6, "0")) if fraction.isascii() and fraction.isdigit() else 0
            return moment.replace(microsecond=micro)
    return None


def time_in_name(name: str) -> datetime | None:
    """Return the time in names such as 20200520_194550_01.jpg; None when the name holds none, or several.

    Eight digits that make a date with the year first make none with the year last, so the order is certain.
    """
    found = {_moment(day + clock, "%Y%m%d%H%M%S") for day, clock in _IN_NAME.findall(PurePosixPath(name).name)}
    return found.pop() if len(found) == 1 else None


def camera_of(exif: Mapping[str, str], name: str) -> str:
    """Return the serial number with the model; without a number, the model and the card's folder, that tell it apart.

    `name` is the photo's path under the folder that was read.
    """
    model, serial = exif.get("model", ""), exif.get("serial", "")
    if serial:
        return f"{model} {serial}".strip()
    top = PurePosixPath(name).parts[0] if "/" in name else ""
    folder = "" if top.lower() in _CARD_FOLDERS else top
    return ", ".join(part for part in (model, folder) if part) or "unknown"


def _moment(text: str, form: str) -> datetime | None:
    try:
        moment = datetime.strptime(text, form)
    except ValueError:
        return None
    return moment if moment.year in _YEARS else None
