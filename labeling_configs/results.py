"""Reading Label Studio's `result` lists, which arrive from browsers and may hold any JSON value at any place."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field

from labeling_configs.vocabulary import Broken

MOST_ITEMS = 500
"""No honest answer holds more; what follows is not read, so that nobody can fill the platform with regions."""

Json = dict[str, object]


@dataclass(frozen=True)
class Item:
    """One entry of a result: a region, a choice, a rating or a relation; `where` names it in complaints."""

    where: str
    fields: Json
    value: Json

    @property
    def type(self) -> object:
        """What Label Studio calls the entry, such as rectanglelabels."""
        return self.fields.get("type")

    @property
    def control(self) -> object:
        """The name of the tag in the .xml that produced the entry."""
        return self.fields.get("from_name")

    def is_from(self, type_: str, control: str, shown: str) -> bool:
        """Say whether the entry is of this type and comes from this control on this image."""
        return self.type == type_ and self.control == control and self.fields.get("to_name") == shown


@dataclass
class Reading:
    """An answer while it is being read: the entries found, and the complaints collected on the way."""

    items: list[Item] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)

    def reject(self, what: str, reason: str) -> None:
        """Note that one part of the answer could not be read."""
        self.broken.append(Broken(what, reason))

    def reject_strange(self, known: Collection[tuple[str, str, str]], others: Collection[str] = ()) -> None:
        """Note every entry that is neither one of `known` (type, control, image) nor of a type in `others`."""
        for item in self.items:
            if any(item.is_from(*one) for one in known) or (isinstance(item.type, str) and item.type in others):
                continue
            shown = quoted(item.fields.get("to_name"))
            self.reject(
                item.where, f"no {quoted(item.type)} of control {quoted(item.control)} on {shown} was asked for"
            )


def opened(result: object) -> Reading:
    """Return the entries of a result list; whatever is not an entry becomes a complaint."""
    reading = Reading()
    if not isinstance(result, list):
        reading.reject("result", f"expected a list of entries, found {quoted(result)}")
        return reading
    if len(result) > MOST_ITEMS:
        reading.reject("result", f"holds {len(result)} entries; only the first {MOST_ITEMS} were read")
    for number, entry in enumerate(result[:MOST_ITEMS]):
        where = f"result[{number}]"
        if not isinstance(entry, dict):
            reading.reject(where, f"expected an object, found {quoted(entry)}")
            continue
        value = entry.get("value")
        reading.items.append(Item(where, entry, value if isinstance(value, dict) else {}))
    return reading


def chosen(reading: Reading, control: str, shown: str, allowed: Collection[str] | None) -> str | None:
    """Return the one choice made in a radio group, or None when there is none that can be trusted."""
    found: set[str] = set()
    for item in reading.items:
        if not item.is_from("choices", control, shown):
            continue
        choice = only_string(item.value.get("choices"))
        if choice is None or (allowed is not None and choice not in allowed):
            reading.reject(item.where, f"{control} has no choice {quoted(item.value.get('choices'))}")
        else:
            found.add(choice)
    if len(found) > 1:
        reading.reject(control, "holds choices that contradict each other; none was believed")
        return None
    return next(iter(found), None)


def ticked(reading: Reading, control: str, shown: str, allowed: Collection[str]) -> list[str]:
    """Return the choices made where several may be, each once and in the order of `allowed`."""
    found: set[str] = set()
    for item in reading.items:
        if not item.is_from("choices", control, shown):
            continue
        given = item.value.get("choices")
        strange = [one for one in given if one not in allowed] if isinstance(given, list) else [given]
        if strange:
            more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
            reading.reject(item.where, f"{control} has no choice {quoted(strange[0])}{more}")
        found.update(one for one in allowed if isinstance(given, list) and one in given)
    return [one for one in allowed if one in found]


def rated(reading: Reading, control: str, shown: str, highest: int) -> int | None:
    """Return the stars given, 1 to `highest`, or None."""
    stars: int | None = None
    for item in reading.items:
        if not item.is_from("rating", control, shown):
            continue
        given = number(item.value.get("rating"))
        if given is None or not given.is_integer() or not 1 <= given <= highest:
            reading.reject(item.where, f"{control} needs a whole number from 1 to {highest}")
        else:
            stars = int(given)
    return stars


def only_string(value: object) -> str | None:
    """Return the string in a list of exactly one string, else None."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return value[0]
    return None


def number(value: object) -> float | None:
    """Return a finite JSON number as a float, else None; true and false are no numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        given = float(value)
    except OverflowError:  # JSON integers may have any number of digits
        return None
    return given if math.isfinite(given) else None


def quoted(value: object) -> str:
    """Return a short, printable description of a stranger's value; never its whole, which may be endless."""
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:40] + "…")
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return f"[{quoted(value[0])}]"
    return "nothing" if value is None else f"a value of type {type(value).__name__}"


def choice(control: str, shown: str, *picked: str) -> Json:
    """Return the entry Label Studio stores when `picked` is chosen: one in a radio group, several where they may be."""
    return {
        "id": f"{control}-choice",
        "type": "choices",
        "from_name": control,
        "to_name": shown,
        "value": {"choices": list(picked)},
    }
