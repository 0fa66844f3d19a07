"""What the files of an export consist of: rows of a table, bytes, or files in a zip; all are written piecewise."""

import csv
import io
import math
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import IO, Protocol

from haulout.services import Tell

Cell = str | int | float | bool | None
ROWS_AT_ONCE = 2000
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
STARTS_A_FORMULA = tuple("=+-@＝＋－＠")
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip can tell: nothing in an export says when it was written."""


class Content(Protocol):
    """One file of an export."""

    @property
    def name(self) -> str:
        """Where it lies in the export, with slashes."""

    def write(self, out: IO[bytes], tell: Tell) -> int:
        """Write it all, and return how many records it holds."""


@dataclass(frozen=True)
class Column:
    """One column of a table; `type` is one of Frictionless' table schema."""

    name: str
    type: str
    meaning: str
    unit: str = ""

    def field(self) -> dict[str, str]:
        """Return the column as a field of a table schema."""
        field = {"name": self.name, "type": self.type, "description": self.meaning}
        if self.type == "datetime":
            field["format"] = "%Y-%m-%dT%H:%M:%S%z"
        return field | ({"unit": self.unit} if self.unit else {})


@dataclass(frozen=True)
class Table:
    """A table as CSV in UTF-8, separated by commas, with its names in the first row."""

    name: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Cell]]

    def write(self, out: IO[bytes], tell: Tell) -> int:
        """Write the table some thousand rows at a time."""
        rows, written = iter(self.rows), 0
        out.write(as_csv([[column.name for column in self.columns]]))
        while piece := list(islice(rows, ROWS_AT_ONCE)):
            out.write(as_csv(piece))
            written += len(piece)
            tell(f"Writing {self.name}", written, 0)
        return written


@dataclass(frozen=True)
class Blob:
    """Bytes as they are."""

    name: str
    pieces: Iterable[bytes]
    records: int = 0

    def write(self, out: IO[bytes], tell: Tell) -> int:
        """Write the pieces one after the other."""
        tell(f"Writing {self.name}", 0, 0)
        for piece in self.pieces:
            out.write(piece)
        return self.records


@dataclass(frozen=True)
class Archive:
    """Other files in a zip."""

    name: str
    entries: Iterable[Content]

    def write(self, out: IO[bytes], tell: Tell) -> int:
        """Write the zip; `out` must be able to seek."""
        written = 0
        with zipfile.ZipFile(out, "w") as archive:
            for entry in self.entries:
                with archive.open(zip_entry(entry.name), "w", force_zip64=True) as inside:
                    written += entry.write(inside, tell)
        return written


@dataclass(frozen=True)
class Inside:
    """A file in a folder of its own."""

    folder: str
    content: Content

    @property
    def name(self) -> str:
        """Where it lies in the export."""
        return f"{self.folder}/{self.content.name}"

    def write(self, out: IO[bytes], tell: Tell) -> int:
        """Write it as ever."""
        return self.content.write(out, tell)


def zip_entry(name: str) -> zipfile.ZipInfo:
    """Return an entry that says nothing of when and where it was packed."""
    entry = zipfile.ZipInfo(name, EARLIEST)
    entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
    return entry


def as_csv(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return the rows as lines of a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        ["" if cell is None else told(cell) for cell in row] for row in rows
    )
    return text.getvalue().encode()


def told(cell: Cell) -> str:
    """Return the cell as a CSV file has it; a number that is none stays empty."""
    if isinstance(cell, str):
        return harmless(cell)
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return "" if cell is None or not math.isfinite(cell) else repr(cell)


@lru_cache(maxsize=1024)  # a row says much that the row before said
def harmless(text: str) -> str:
    """Return the text in one line, and so that no spreadsheet takes it for a formula."""
    line = printable(text)
    return "'" + line if line.lstrip().startswith(STARTS_A_FORMULA) else line


def printable(text: str) -> str:
    """Return the text with a space for whatever XML, or a line of a table, cannot hold."""
    return UNPRINTABLE.sub(" ", text)
