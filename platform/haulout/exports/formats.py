"""The formats in which a season can be exported, and the export itself."""

import re
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import Engine

from haulout.errors import HauloutError
from haulout.exports.camtrap_dp import camtrap_dp
from haulout.exports.capture_histories import capture_histories
from haulout.exports.coco import coco_contents
from haulout.exports.contents import Content, Inside
from haulout.exports.darwin_core import darwin_core
from haulout.exports.manifest import Manifest
from haulout.exports.package import refuse_if_there, write_package
from haulout.exports.source import CannotExport, Source, opened
from haulout.exports.tables import tables
from haulout.exports.wildbook import wildbook
from haulout.services import Tell, silently

UNSAFE = re.compile(r"[^\w-]+")


def coco(source: Source) -> Iterator[Content]:
    """Give the files of each site, in folders of their own when there are several."""
    for number, site in enumerate(source.sites, 1):
        folder = f"{number:02}-{UNSAFE.sub('-', site)}"
        for content in coco_contents(source.session, site):
            yield content if len(source.sites) == 1 else Inside(folder, content)


FORMATS: Mapping[str, Callable[[Source], Iterator[Content]]] = {
    "camtrap-dp": camtrap_dp,
    "darwin-core": darwin_core,
    "wildbook": wildbook,
    "csv": tables,
    "captures": capture_histories,
    "coco": coco,
}
"""What can be exported; a new format is one line."""
ALL = "all"


class UnknownFormat(HauloutError):
    """Nothing is exported in a format of that name."""

    exit_code = 2


def export(
    database: Engine,
    format_: str,
    target: Path,
    site: str | None = None,
    *,
    replace: bool = False,
    tell: Tell = silently,
    wildbook_user: str | None = None,
) -> Manifest:
    """Write the season of one site, or of all, as the folder `target`, and return what is in it.

    In "all" each format has its folder; one that the data do not allow is left out, and the manifest says why.
    """
    if format_ not in (*FORMATS, ALL):
        raise UnknownFormat(f"{format_!r} is no format; there are {', '.join([*FORMATS, ALL])}")
    refuse_if_there(target.absolute(), replace=replace)
    with opened(database, site, tell, wildbook_user) as source:
        left_out: dict[str, str] = {}
        contents = _everything(source, left_out) if format_ == ALL else FORMATS[format_](source)
        return write_package(
            target, contents, format_, version("haulout"), left_out=left_out, replace=replace, tell=tell
        )


def _everything(source: Source, left_out: dict[str, str]) -> Iterator[Content]:
    for name, of_format in FORMATS.items():
        try:
            contents = of_format(source)
        except CannotExport as reason:
            left_out[name] = str(reason)
            continue
        for content in contents:
            yield Inside(name, content)
