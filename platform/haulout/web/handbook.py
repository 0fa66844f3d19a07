"""The handbooks: Markdown files beside the code, shown as pages in the reader's language."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Response, abort, render_template, send_from_directory
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

import haulout
from haulout.web.here import language
from haulout.web.wording import N_

FOLDER = Path(haulout.__file__).with_name("handbook")
READERS = {"operator": N_("For operators"), "volunteer": N_("For volunteers"), "expert": N_("For experts")}
ONE_DAY = 24 * 3600

blueprint = Blueprint("handbook", __name__, url_prefix="/handbook")


@dataclass(frozen=True)
class Handbook:
    """One handbook as a page: its title, its parts with their anchors, and the text below the title."""

    title: str
    parts: tuple[tuple[str, str], ...]
    text: Markup


@blueprint.get("/<who>")
def read(who: str) -> str:
    """Show the handbook for these readers."""
    if who not in READERS:
        abort(404)
    book = handbook(FOLDER / f"{who}.{language().code}.md")
    return render_template("handbook.html", who=who, book=book, readers=READERS)


@blueprint.get("/pictures/<name>")
def picture(name: str) -> Response:
    """Give a picture that a handbook shows."""
    return send_from_directory(FOLDER / "pictures", name, max_age=ONE_DAY)


@lru_cache
def handbook(file: Path) -> Handbook:
    """Read a handbook; HTML in it is shown as text, its only heading of the first level is the title."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(file.read_text(encoding="utf-8"))
    title, *rest = tokens[1:2] + tokens[3:]
    parts = tuple(_number_parts(rest))
    # No text of a visitor goes in here, and the renderer escapes all HTML of the file.
    return Handbook(title.content, parts, Markup(markdown.renderer.render(rest, markdown.options, {})))  # noqa: S704


def _number_parts(tokens: list[Token]) -> Iterator[tuple[str, str]]:
    """Give each heading of the second level an anchor, the same in all languages; yield anchor and words."""
    openings = [at for at, token in enumerate(tokens) if token.type == "heading_open" and token.tag == "h2"]
    for number, at in enumerate(openings, start=1):
        anchor = f"part-{number}"
        tokens[at].attrSet("id", anchor)
        yield anchor, tokens[at + 1].content
