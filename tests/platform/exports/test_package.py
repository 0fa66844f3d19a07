"""An export is complete or absent, whatever happens while it is written, and says when it is no longer what it was."""

import fcntl
import json
import os
import subprocess
import sys
from errno import ENOSPC
from pathlib import Path

import pytest

from haulout.errors import StorageFull
from haulout.exports.contents import Archive, Blob, Column, Table
from haulout.exports.manifest import CHECKSUMS, MANIFEST, DamagedExport, verify
from haulout.exports.package import AlreadyThere, CannotWriteExport, write_package

KILLED = """
import os, signal, sys
from pathlib import Path
from haulout.exports.contents import Blob
from haulout.exports.manifest import verify
from haulout.exports.package import write_package

def contents(version):
    for name in ("a.csv", "folder/b.csv", "c.csv"):
        yield Blob(name, [version, b" of ", name.encode()], 1)

def killed_at(step):
    left = [step]
    def hook(event, _arguments):
        if event != "os.kill" and event.startswith(("open", "os.", "fcntl.", "ctypes.")):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
    return hook

target, replace = Path(sys.argv[1]), sys.argv[2] == "replace"
if replace:
    write_package(target, contents(b"old"), "csv", "1")
for step in range(1000):
    if (child := os.fork()) == 0:
        try:
            sys.addaudithook(killed_at(step))
            write_package(target, contents(b"new"), "csv", "1", replace=replace)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    whole = target.exists() and verify(target) is not None
    print({0: "done", 9: "killed"}[status], (target / "c.csv").read_text().split()[0] if whole else "absent")
    if status == 0 or (whole and not replace):
        break
print("left", sorted(path.name for path in target.parent.iterdir()))
"""


def contents(version: bytes = b"new"):
    yield Table("table.csv", [Column("a", "integer", "")], [[1], [2]])
    yield Blob("folder/blob.bin", [version, b"!"], 5)
    yield Archive("zipped.zip", [Blob("inside.txt", [version])])


def broken_at(number: int, error: Exception):
    """Give three files of two pieces each, and fail at one of these pieces, or while the next file is sought."""

    def pieces(first: int):
        for piece in (first, first + 1):
            if piece == number:
                raise error
            yield b"x"

    for file in range(3):
        yield Blob(f"{file}.bin", pieces(3 * file))
        if 3 * file + 2 == number:
            raise error


def test_an_export_holds_its_files_and_checksums_that_sha256sum_reads(tmp_path):
    manifest = write_package(tmp_path / "out", contents(), "csv", "1.2.3")

    told = subprocess.run(["sha256sum", "-c", CHECKSUMS], cwd=tmp_path / "out", capture_output=True, text=True)
    assert told.returncode == 0 and told.stdout.count(": OK") == 4
    assert (tmp_path / "out" / "folder" / "blob.bin").read_bytes() == b"new!"
    stored = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert [file["name"] for file in stored["files"]] == ["folder/blob.bin", "table.csv", "zipped.zip"]
    assert stored["counts"] == {"files": 3, "bytes": sum(file["bytes"] for file in stored["files"]), "records": 7}
    assert (stored["format"], stored["haulout"]) == ("csv", "1.2.3")
    assert verify(tmp_path / "out") == manifest
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("replace", ["anew", "replace"])
def test_a_kill_at_any_step_leaves_a_whole_export_or_none(tmp_path, replace):
    target = tmp_path / "here" / "out"
    told = subprocess.run([sys.executable, "-c", KILLED, target, replace], capture_output=True, text=True, timeout=60)

    assert told.returncode == 0, told.stderr
    *steps, left = told.stdout.splitlines()
    before = "old" if replace == "replace" else "absent"
    states = [step.split()[1] for step in steps]
    assert set(states) == {before, "new"} and states[-1] == "new"
    assert len(steps) > 20 and states.count(before) > 10
    assert states == sorted(states, key=lambda state: state == "new")
    if replace == "replace":
        assert left == "left ['out']"


@pytest.mark.parametrize("number", range(9))
@pytest.mark.parametrize("replace", [False, True])
def test_a_writer_that_fails_anywhere_leaves_nothing_new(tmp_path, number, replace):
    if replace:
        write_package(tmp_path / "out", contents(b"old"), "csv", "1")

    with pytest.raises(ZeroDivisionError):
        write_package(tmp_path / "out", broken_at(number, ZeroDivisionError()), "csv", "1", replace=replace)

    assert [path.name for path in tmp_path.iterdir()] == (["out"] if replace else [])
    if replace:
        assert verify(tmp_path / "out") and (tmp_path / "out" / "folder" / "blob.bin").read_bytes() == b"old!"


def test_a_full_disk_is_told_with_what_to_do(tmp_path):
    with pytest.raises(StorageFull, match=r"is full .* could not be written"):
        write_package(tmp_path / "out", broken_at(4, OSError(ENOSPC, os.strerror(ENOSPC))), "csv", "1")

    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_refused_and_kept(tmp_path):
    for name in ("file", "folder", "link"):
        (tmp_path / "folder").mkdir(exist_ok=True)
        (tmp_path / "file").write_text("mine")
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to("nowhere")
        with pytest.raises(AlreadyThere, match=f"{name} is there already"):
            write_package(tmp_path / name, contents(), "csv", "1")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "link"]


@pytest.mark.parametrize("kind", ["file", "folder", "link", "strangers"])
def test_only_an_export_is_ever_replaced(tmp_path, kind):
    target = tmp_path / "mine"
    if kind == "file":
        target.write_text("mine")
    elif kind == "folder":
        target.mkdir()
        (target / "thesis.doc").write_text("mine")
    else:
        write_package(tmp_path / ("other" if kind == "link" else "mine"), contents(), "csv", "1")
        if kind == "link":
            target.symlink_to("other")
        else:
            (target / "folder" / "thesis.doc").write_text("mine")
    before = sorted(path.as_posix() for path in tmp_path.rglob("*"))

    with pytest.raises(AlreadyThere):
        write_package(target, contents(), "csv", "1", replace=True)

    assert sorted(path.as_posix() for path in tmp_path.rglob("*")) == before


def test_an_older_export_is_replaced_as_a_whole(tmp_path):
    write_package(tmp_path / "out", [*contents(b"old"), Blob("only-old.txt", [b"x"])], "csv", "1")

    manifest = write_package(tmp_path / "out", contents(), "csv", "1", replace=True)

    assert verify(tmp_path / "out") == manifest
    assert not (tmp_path / "out" / "only-old.txt").exists() and [path.name for path in tmp_path.iterdir()] == ["out"]


def test_whoever_comes_second_finds_the_name_taken(tmp_path):
    def slow():
        yield from contents(b"slow")
        write_package(tmp_path / "out", contents(b"fast"), "csv", "1")

    with pytest.raises(AlreadyThere, match="has appeared meanwhile"):
        write_package(tmp_path / "out", slow(), "csv", "1")

    assert verify(tmp_path / "out") and (tmp_path / "out" / "folder" / "blob.bin").read_bytes() == b"fast!"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_the_dead_left_is_swept_and_what_others_write_is_not(tmp_path):
    dead, alive = tmp_path / ".out.part-dead", tmp_path / ".out.part-alive"
    for part in (dead, alive, tmp_path / ".outlook.part-dead"):
        part.mkdir()
        (part / "half").write_text("half")
    lock = os.open(alive, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)

    write_package(tmp_path / "out", contents(), "csv", "1")
    os.close(lock)

    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.part-alive", ".outlook.part-dead", "out"]


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/../../b", "", "a\nb", "a\\b", MANIFEST, CHECKSUMS])
def test_no_file_is_written_outside_or_over_the_manifest(tmp_path, name):
    with pytest.raises(CannotWriteExport, match="cannot be the name"):
        write_package(tmp_path / "out", [Blob(name, [b"x"])], "csv", "1")

    assert list(tmp_path.iterdir()) == []


def _changed(folder: Path) -> None:
    (folder / "table.csv").write_text("a\n1\n3\n")


def _missing(folder: Path) -> None:
    (folder / "zipped.zip").unlink()


def _added(folder: Path) -> None:
    (folder / "folder" / "more.csv").write_text("a")


def _linked(folder: Path) -> None:
    (folder / "table.csv").rename(folder.parent / "table.csv")
    (folder / "table.csv").symlink_to(folder.parent / "table.csv")


def _other_version(folder: Path) -> None:
    path = folder / MANIFEST
    stored = json.loads(path.read_text())
    path.write_text(json.dumps(stored | {"data_version": "0" * 64}))


def _other_sums(folder: Path) -> None:
    (folder / CHECKSUMS).write_text("")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_changed, "table.csv was changed"),
        (_missing, "zipped.zip is missing"),
        (_added, "folder/more.csv was added"),
        (_linked, "table.csv is missing"),
        (_other_version, f"{MANIFEST} was changed"),
        (_other_sums, f"{CHECKSUMS} does not fit"),
    ],
)
def test_damage_is_found_and_named(tmp_path, damage, told):
    write_package(tmp_path / "out", contents(), "csv", "1")
    damage(tmp_path / "out")

    with pytest.raises(DamagedExport, match=told):
        verify(tmp_path / "out")


@pytest.mark.parametrize(
    "manifest", [None, b"", b"[]", b"{}", b"\xff", b'{"files": 1}', "names a file outside", "NaN bytes"]
)
def test_what_is_no_export_is_told_in_one_line(tmp_path, manifest):
    (tmp_path / "out").mkdir()
    outside = {"name": "../secret", "bytes": 1, "sha256": "a" * 64, "records": 0}
    if manifest == "NaN bytes":
        outside |= {"name": "a", "bytes": float("nan")}
    fields = {"format": "csv", "haulout": "1", "data_version": "", "counts": {}, "left_out": {}, "files": [outside]}
    if manifest is not None:
        raw = manifest if isinstance(manifest, bytes) else json.dumps(fields).encode()
        (tmp_path / "out" / MANIFEST).write_bytes(raw)

    with pytest.raises(DamagedExport, match=MANIFEST) as told:
        verify(tmp_path / "out")

    assert "\n" not in str(told.value)
