"""An export is a folder that is there completely, with the checksums of its files, or not at all."""

import ctypes
import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from haulout.errors import HauloutError
from haulout.exports.contents import Content
from haulout.exports.manifest import CHECKSUMS, MANIFEST, File, Manifest, is_inside, read_manifest, strangers
from haulout.room import is_full, storage_full
from haulout.services import Tell, silently
from haulout.storage.files import flush

AT_WORKING_FOLDER, SWAP = -100, 2
"""AT_FDCWD and RENAME_EXCHANGE of renameat2(2)."""


class AlreadyThere(HauloutError):
    """Something has the name that the export was to take."""


class CannotWriteExport(HauloutError):
    """The disk refuses what is written to it."""


def write_package(
    target: Path,
    contents: Iterable[Content],
    format_: str,
    code: str,
    *,
    left_out: Mapping[str, str] | None = None,
    replace: bool = False,
    tell: Tell = silently,
) -> Manifest:
    """Write the files and their manifest as the folder `target`, and return the manifest.

    Everything is written beside it and on disk before it takes the name. With `replace` an older export changes place
    with the new one at once; a folder that holds anything else is left alone.
    """
    target = target.absolute()
    refuse_if_there(target, replace=replace)
    with _saying_what_is_wrong(target), _part_of(target) as part:
        files = [_write(part, content, tell) for content in contents]
        manifest = Manifest.of(format_, code, files, {} if left_out is None else left_out)
        _save(part / MANIFEST, manifest.text().encode())
        _save(part / CHECKSUMS, manifest.checksums().encode())
        for folder in [part, *(path for path in part.rglob("*") if path.is_dir())]:
            flush(folder)
        _appear(part, target, replace=replace)
    return manifest


def refuse_if_there(target: Path, *, replace: bool) -> None:
    """Raise AlreadyThere when the name is taken, unless it is by an export that may be replaced."""
    if not os.path.lexists(target):
        return
    if not replace:
        raise AlreadyThere(f"{target} is there already; choose another --out, or give --replace to write it anew")
    if target.is_symlink() or not target.is_dir() or not (target / MANIFEST).is_file():
        raise AlreadyThere(f"{target} is no export of Haulout and is not replaced; choose another --out")
    foreign = strangers(target, read_manifest(target))
    if foreign:
        raise AlreadyThere(f"{target} also holds {foreign[0]}, which no export wrote; move it, or choose another --out")


@contextmanager
def _saying_what_is_wrong(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise storage_full(target) from error
        reason = error.strerror or str(error)
        raise CannotWriteExport(
            f"{target} could not be written: {reason}. Nothing is left of it; make room, or choose another --out."
        ) from error


@contextmanager
def _part_of(target: Path) -> Iterator[Path]:
    """Give a folder beside the target that only we fill; whatever it holds at the end is removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name}.part-"
    for old in target.parent.glob(f"{_literally(prefix)}*"):
        _sweep(old)
    part = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    lock = os.open(part, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        part.chmod(0o755)
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)
        os.close(lock)


def _literally(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _sweep(old: Path) -> None:
    """Remove what somebody who was killed left half-written; those who still write hold a lock on it."""
    lock = os.open(old, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(old, ignore_errors=True)
    except BlockingIOError:
        return
    finally:
        os.close(lock)


def _write(part: Path, content: Content, tell: Tell) -> File:
    if not is_inside(content.name) or content.name in (MANIFEST, CHECKSUMS):
        raise CannotWriteExport(f"{content.name!r} cannot be the name of a file in an export")
    path = part / content.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as out:
        records = content.write(out, tell)
        out.flush()
        os.fsync(out.fileno())
    with path.open("rb") as written:
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    return File(name=content.name, bytes=path.stat().st_size, sha256=digest, records=records)


def _save(path: Path, data: bytes) -> None:
    with path.open("xb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())


def _appear(part: Path, target: Path, *, replace: bool) -> None:
    """Give the part its name; when it changes place with an older export, that one is now the part."""
    if replace and target.exists():
        _swap(part, target)
    else:
        try:
            part.rename(target)
        except OSError as error:
            _explain(error, target)
    flush(target.parent)


def _explain(error: OSError, target: Path) -> NoReturn:
    if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
        raise AlreadyThere(f"{target} has appeared meanwhile; choose another --out") from error
    raise error


def _swap(part: Path, target: Path) -> None:
    """Exchange the two names in one step, as only Linux can."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    here = AT_WORKING_FOLDER
    if rename is None or rename(here, os.fsencode(part), here, os.fsencode(target), SWAP) != 0:
        reason = os.strerror(ctypes.get_errno()) if rename else "this system cannot exchange folders"
        raise CannotWriteExport(
            f"{target} cannot be replaced at once: {reason}. Remove it first, or choose another --out"
        )
