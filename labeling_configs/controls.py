"""What may be answered to a question: its tags, as the .xml names them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from xml.etree import ElementTree

from labeling_configs.catalog import xml
from labeling_configs.vocabulary import Question

TYPES: Mapping[str, str] = MappingProxyType(
    {
        "RectangleLabels": "rectanglelabels",
        "KeyPointLabels": "keypointlabels",
        "Choices": "choices",
        "Rating": "rating",
    }
)
"""What entries of a result are called that come from a tag."""


@dataclass(frozen=True)
class Control:
    """One tag that people answer with."""

    name: str
    type: str
    image: str
    labels: frozenset[str]
    """The names of its labels or choices; empty for the choices that each task brings itself."""
    single: bool
    """Whether one choice at most may be made."""
    required: bool
    highest: int = 0
    """Stars of a rating."""


@cache
def controls(question: Question) -> Mapping[str, Control]:
    """Return the tags of a question by their names."""
    found = (_control(tag) for tag in _parsed(question).iter() if tag.tag in TYPES)
    return MappingProxyType({control.name: control for control in found})


@cache
def relations(question: Question) -> frozenset[str]:
    """Return the names of the relations between regions."""
    return frozenset(tag.attrib["value"] for tag in _parsed(question).iter("Relation"))


def _parsed(question: Question) -> ElementTree.Element:
    return ElementTree.fromstring(xml(question))  # noqa: S314  (packaged with us, nobody else's)


def _control(tag: ElementTree.Element) -> Control:
    return Control(
        name=tag.attrib["name"],
        type=TYPES[tag.tag],
        image=tag.attrib["toName"],
        labels=frozenset(inside.get("alias") or inside.attrib["value"] for inside in tag),
        single=tag.get("choice", "single").startswith("single"),
        required=tag.get("required") == "true",
        highest=int(tag.get("maxRating", "0")),
    )
