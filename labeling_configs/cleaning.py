"""Answers as they arrive from a browser, made anew from what is known of them: nothing else is stored, ever."""

import re
from collections.abc import Collection, Mapping
from enum import StrEnum

from labeling_configs.controls import Control, controls, relations
from labeling_configs.regions import TOLERANCE, region_id
from labeling_configs.results import MOST_ITEMS, Json, number
from labeling_configs.vocabulary import Origin, Question

SMALLEST_SIDE = 0.01
"""Per cent of the picture: nobody can draw a thinner box."""
LARGEST_PICTURE = 100_000
"""Pixels of a side."""
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""How the editor names regions; others get a new name."""
DIRECTIONS = frozenset({"left", "right", "bi"})


class Fault(StrEnum):
    """What can be wrong with an answer."""

    NO_LIST = "no list"
    TOO_MANY = "too many"
    STRANGE = "strange"
    """An entry that the question does not ask for."""
    NUMBER = "number"
    OUTSIDE = "outside"
    EMPTY = "empty"
    TURNED = "turned"
    LABEL = "label"
    TWICE = "twice"
    RELATION = "relation"
    UNANSWERED = "unanswered"


class Unacceptable(ValueError):
    """An answer that nobody could use; `entry` counts from 1, 0 stands for the answer as a whole."""

    def __init__(self, fault: Fault, entry: int = 0) -> None:
        self.fault, self.entry = fault, entry
        super().__init__(f"entry {entry} of the answer: {fault.value}")


def clean(question: Question, result: object, offered: Collection[str] = ()) -> list[Json]:
    """Return the answer's entries, each built from its known fields; raise Unacceptable for whatever else there is.

    `offered` are the choices that the task itself brings, as a gallery does.
    """
    if not isinstance(result, list):
        raise Unacceptable(Fault.NO_LIST)
    if len(result) > MOST_ITEMS:
        raise Unacceptable(Fault.TOO_MANY)
    cleaning = _Cleaning(question, offered)
    for place, entry in enumerate(result, start=1):
        cleaning.take(entry, place)
    return cleaning.done()


class _Cleaning:
    """One answer while it is being built anew."""

    def __init__(self, question: Question, offered: Collection[str]) -> None:
        self._question, self._offered = question, frozenset(offered)
        self._entries: list[Json] = []
        self._relations: list[tuple[int, Mapping[str, object]]] = []
        self._names: set[str] = set()
        self._controls: set[str] = set()

    def take(self, entry: object, place: int) -> None:
        if not isinstance(entry, dict):
            raise Unacceptable(Fault.STRANGE, place)
        if entry.get("type") == "relation":
            self._relations.append((place, entry))
            return
        control = self._control(entry, place)
        value = entry.get("value")
        if not isinstance(value, dict):
            raise Unacceptable(Fault.STRANGE, place)
        if control.type in ("choices", "rating"):
            self._entries.append(self._said(control, value, place))
        else:
            self._entries.append(self._drawn(control, entry, value, place))

    def done(self) -> list[Json]:
        wanted = {control.name for control in controls(self._question).values() if control.required}
        if wanted - self._controls:
            raise Unacceptable(Fault.UNANSWERED)
        return [*self._entries, *(self._relation(entry, place) for place, entry in self._relations)]

    def _control(self, entry: Mapping[str, object], place: int) -> Control:
        name = entry.get("from_name")
        control = controls(self._question).get(name) if isinstance(name, str) else None
        if control is None or entry.get("type") != control.type or entry.get("to_name") != control.image:
            raise Unacceptable(Fault.STRANGE, place)
        return control

    def _said(self, control: Control, value: Mapping[str, object], place: int) -> Json:
        """Build a choice or a rating; each is made once."""
        if control.name in self._controls:
            raise Unacceptable(Fault.TWICE, place)
        self._controls.add(control.name)
        if control.type == "rating":
            stars = number(value.get("rating"))
            if stars is None or not stars.is_integer() or not 1 <= stars <= control.highest:
                raise Unacceptable(Fault.NUMBER, place)
            told: Json = {"rating": int(stars)}
        else:
            told = {"choices": self._choices(control, value.get("choices"), place)}
        named = {"id": region_id(control.name, "said"), "type": control.type, "from_name": control.name}
        return {**named, "to_name": control.image, "value": told}

    def _choices(self, control: Control, given: object, place: int) -> list[str]:
        allowed = control.labels or self._offered
        if not isinstance(given, list) or not 1 <= len(given) <= (1 if control.single else len(allowed)):
            raise Unacceptable(Fault.LABEL, place)
        if not all(isinstance(one, str) and one in allowed for one in given) or len(set(given)) < len(given):
            raise Unacceptable(Fault.LABEL, place)
        return list(given)

    def _drawn(self, control: Control, entry: Mapping[str, object], value: Mapping[str, object], place: int) -> Json:
        """Build a box or a point, with how it came about."""
        label = value.get(control.type)
        if not (isinstance(label, list) and len(label) == 1 and isinstance(label[0], str)):
            raise Unacceptable(Fault.LABEL, place)
        if label[0] not in control.labels:
            raise Unacceptable(Fault.LABEL, place)
        if number(value.get("rotation", 0)) != 0 or number(entry.get("image_rotation", 0)) != 0:
            raise Unacceptable(Fault.TURNED, place)
        where = _box(value, place) if control.type == "rectanglelabels" else _point(value, place)
        region: Json = {
            "id": self._name(entry.get("id"), place),
            "type": control.type,
            "from_name": control.name,
            "to_name": control.image,
            "image_rotation": 0,
            "origin": _origin(entry.get("origin")),
            "value": {**where, control.type: [label[0]]},
        }
        for side in ("original_width", "original_height"):
            pixels = number(entry.get(side))
            if pixels is not None and 1 <= pixels <= LARGEST_PICTURE:
                region[side] = int(pixels)
        score = number(entry.get("score"))
        if score is not None and 0 <= score <= 1:
            region["score"] = score
        return region

    def _name(self, given: object, place: int) -> str:
        name = given if isinstance(given, str) and NAME.fullmatch(given) else region_id("region", place)
        if name in self._names:
            raise Unacceptable(Fault.TWICE, place)
        self._names.add(name)
        return name

    def _relation(self, entry: Mapping[str, object], place: int) -> Json:
        ends, direction = [entry.get("from_id"), entry.get("to_id")], entry.get("direction", "bi")
        known = all(isinstance(end, str) and end in self._names for end in ends) and ends[0] != ends[1]
        labels = entry.get("labels") or []
        allowed = relations(self._question)
        if not known or not allowed or not isinstance(direction, str) or direction not in DIRECTIONS:
            raise Unacceptable(Fault.RELATION, place)
        if not isinstance(labels, list) or not all(isinstance(one, str) and one in allowed for one in labels):
            raise Unacceptable(Fault.RELATION, place)
        return {
            "type": "relation",
            "from_id": ends[0],
            "to_id": ends[1],
            "direction": direction,
            "labels": list(dict.fromkeys(labels)),
        }


def _box(value: Mapping[str, object], place: int) -> Json:
    x, y, width, height = (_percent(value, name, place) for name in ("x", "y", "width", "height"))
    if width < SMALLEST_SIDE or height < SMALLEST_SIDE:
        raise Unacceptable(Fault.EMPTY, place)
    if min(x, y) < -TOLERANCE or max(x + width, y + height) > 100 + TOLERANCE:
        raise Unacceptable(Fault.OUTSIDE, place)
    return {"x": x, "y": y, "width": width, "height": height, "rotation": 0}


def _point(value: Mapping[str, object], place: int) -> Json:
    x, y, width = (_percent(value, name, place) for name in ("x", "y", "width"))
    if min(x, y) < -TOLERANCE or max(x, y) > 100 + TOLERANCE or not 0 < width <= 100:
        raise Unacceptable(Fault.OUTSIDE, place)
    return {"x": x, "y": y, "width": width}


def _percent(value: Mapping[str, object], name: str, place: int) -> float:
    found = number(value.get(name))
    if found is None:
        raise Unacceptable(Fault.NUMBER, place)
    return found


def _origin(given: object) -> str:
    """Return how the region came about; one that does not tell counts as drawn."""
    known = {origin.value for origin in Origin}
    return given if isinstance(given, str) and given in known else Origin.DRAWN.value
