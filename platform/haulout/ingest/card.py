"""Which files of a folder or memory card may be photos, and why the others are not read."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PHOTOS = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp"}
_UNREAD_PICTURES = {
    *(".tif", ".tiff", ".gif", ".bmp", ".svg", ".heic", ".heif", ".avif", ".jp2", ".jxl"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw", ".raw"),
}
_VIDEOS = {".mp4", ".avi", ".mov", ".m4v", ".mpg", ".mpeg", ".mts", ".m2ts", ".wmv", ".mkv", ".3gp", ".asf"}
_SYSTEM = {"thumbs.db", "desktop.ini", "system volume information", "$recycle.bin", "lost+found", "__macosx"}
_SYSTEM_SUFFIXES = {".ctg"}  # Canon's index of a card


@dataclass(frozen=True)
class Refused:
    """A file, by its path under the folder that was read, and why it is not among the photos."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path} {self.reason}"


@dataclass(frozen=True)
class Card:
    """What a folder holds: paths that may be photos, pictures and folders that cannot be read, and everything else."""

    photos: tuple[Path, ...]
    unreadable: tuple[Refused, ...]
    passed_over: tuple[Refused, ...]


def look_through(folder: Path, leave_out: tuple[Path, ...] = ()) -> Card:
    """List the folder and its sub-folders in sorted order; hidden and system files are not even mentioned."""
    photos: list[Path] = []
    unreadable: list[Refused] = []
    passed_over: list[Refused] = []
    for path in _files(folder, leave_out, unreadable):
        refused = _refused(path, folder)
        if refused is None:
            photos.append(path)
        elif path.suffix.lower() in _UNREAD_PICTURES:
            unreadable.append(refused)
        else:
            passed_over.append(refused)
    return Card(tuple(photos), tuple(unreadable), tuple(passed_over))


def name_under(folder: Path, path: Path) -> str:
    """Return the path under the folder as text."""
    return text_of(path.relative_to(folder))


def text_of(path: Path) -> str:
    """Return the path as text that any database takes, whatever bytes the card uses for names."""
    return os.fsencode(path.as_posix()).decode("utf-8", "replace")


def _files(folder: Path, leave_out: tuple[Path, ...], unreadable: list[Refused]) -> Iterator[Path]:
    def note(error: OSError) -> None:
        where = name_under(folder, Path(error.filename))
        unreadable.append(Refused(where, f"is a folder that cannot be read: {error.strerror}"))

    for here, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted(f for f in folders if not _system(f) and Path(here, f) not in leave_out)
        yield from (Path(here, name) for name in sorted(names) if not _system(name))


def _system(name: str) -> bool:
    low = name.lower()
    return low.startswith(".") or low in _SYSTEM or Path(low).suffix in _SYSTEM_SUFFIXES


def _refused(path: Path, folder: Path) -> Refused | None:
    reason = _reason(path)
    return Refused(name_under(folder, path), reason) if reason else None


def _reason(path: Path) -> str:
    suffix = path.suffix.lower()
    if path.is_symlink():
        return "is a link; links are not followed"
    if not path.is_file():
        return "is no ordinary file"
    if suffix in _VIDEOS:
        return "is a video; only photos are read"
    if suffix in _UNREAD_PICTURES:
        return f"is a {suffix} picture; convert it to JPEG or PNG and ingest it again"
    if suffix not in _PHOTOS:
        return "is no photo by its name"
    return ""
