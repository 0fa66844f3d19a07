"""What the editor shows of a question: its configuration in one language, without what the page says itself."""

import re
from functools import cache
from xml.etree import ElementTree

from labeling_configs.catalog import CATALOG
from labeling_configs.vocabulary import Question

LANGUAGES = ("en", "ru")
BETWEEN = " · "
"""Stands between the two languages of a text."""
SHOWN = ("value", "requiredMessage")
"""The attributes that people read, of tags that store something else or nothing."""
_TALLEST = "var(--tallest, 16rem)"
"""What the page leaves room for, see `static/editor.js`."""
_CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


@cache
def config_for(question: Question, language: str) -> str:
    """Return the question's configuration with every text in one language; what is stored stays the same."""
    root = _parsed(question)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in ("Collapse", "Style") or _is_question(child):
                parent.remove(child)
    for tag in root.iter():
        for name in SHOWN:
            if name in tag.attrib:
                tag.set(name, one_language(tag.attrib[name], language))
        if tag.tag == "Image":
            tag.set("maxHeight", _TALLEST)
    return ElementTree.tostring(root, encoding="unicode")


@cache
def title_for(question: Question, language: str) -> str:
    """Return what is asked."""
    root = _parsed(question)
    return next(one_language(tag.attrib["value"], language) for tag in root.iter() if _is_question(tag))


@cache
def advice_for(question: Question, language: str) -> tuple[str, ...]:
    """Return how to answer well, a sentence or two each; the keys are told by the page."""
    said = [tag.attrib["value"] for panel in _parsed(question).iter("Panel") for tag in panel.iter("Header")]
    own = [line for line in said if BETWEEN not in line]
    return tuple(line for line in own if bool(_CYRILLIC.search(line)) == (language == "ru"))


def one_language(text: str, language: str) -> str:
    """Return the part of a text in the language; a text that has no two parts is whole."""
    parts = text.split(BETWEEN)
    return parts[LANGUAGES.index(language)] if len(parts) == len(LANGUAGES) else text


def data_for(data: dict[str, object], language: str) -> dict[str, object]:
    """Return a task's data with the answers that it offers in one language."""
    offered = data.get("candidates")
    return data | {"candidates": [_offer(one, language) for one in offered]} if isinstance(offered, list) else data


def _offer(offer: dict[str, object], language: str) -> dict[str, object]:
    # Two languages stand only in what is offered always, as <b>English · Русский</b>.
    found = re.fullmatch(r"<b>([^<>]*)</b>", str(offer.get("html", "")))
    return offer | {"html": f"<b>{one_language(found[1], language)}</b>"} if found else offer


def _parsed(question: Question) -> ElementTree.Element:
    return ElementTree.fromstring(CATALOG[question].xml)  # noqa: S314  (packaged with us, nobody else's)


def _is_question(tag: ElementTree.Element) -> bool:
    """Say whether this is the line on top; other lines are smaller."""
    return tag.tag == "Header" and tag.attrib.get("style") == "margin:4px 0"
