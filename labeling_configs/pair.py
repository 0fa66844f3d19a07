"""Experts say whether two crops show one walrus, and by which marks they know it."""

from collections.abc import Sequence
from dataclasses import dataclass

from labeling_configs import regions
from labeling_configs.results import Item, Json, Reading, choice, chosen, opened, quoted, rated, ticked
from labeling_configs.vocabulary import (
    FATNESS,
    AnimalId,
    Broken,
    Condition,
    Mark,
    MarkKind,
    MarkLink,
    Rectangle,
    Same,
    Side,
)

ANSWER, CONFIDENCE, RELATION = "same", "confidence", "same_mark"
FIRST, SECOND = "first", "second"
MOST_CONFIDENT = 5

_KNOWN = {("choices", ANSWER, FIRST), ("rating", CONFIDENCE, FIRST)} | {
    known
    for image in (FIRST, SECOND)
    for known in (
        ("choices", f"side_{image}", image),
        ("choices", f"condition_{image}", image),
        ("keypointlabels", f"marks_{image}", image),
    )
}


class NoPair(ValueError):
    """A pair must hold two different animals."""


class UnknownMark(ValueError):
    """A link needs its left mark on the first animal and its right mark on the second."""


@dataclass(frozen=True)
class PairAnswer:
    """What one expert answered about two animals; `answer` is None when it could not be read."""

    answer: Same | None
    confidence: int | None
    sides: tuple[tuple[AnimalId, Side], ...]
    marks: tuple[tuple[AnimalId, Mark], ...]
    links: tuple[MarkLink, ...]
    broken: tuple[Broken, ...]
    conditions: tuple[tuple[AnimalId, Condition], ...] = ()


def task_data(left_url: str, right_url: str, first: AnimalId, second: AnimalId, caption: str = "") -> Json:
    """Return the data of one task: the first animal on the left, the second on the right, a line of text above."""
    if first == second:
        raise NoPair(f"animal {first} cannot be compared with itself; choose two animals")
    return {"left": left_url, "right": right_url, "first": str(first), "second": str(second), "caption": caption}


def write(
    answer: Same | None,
    first: AnimalId,
    second: AnimalId,
    first_shown: Rectangle,
    second_shown: Rectangle,
    *,
    confidence: int | None = None,
    sides: Sequence[tuple[AnimalId, Side]] = (),
    marks: Sequence[tuple[AnimalId, Mark]] = (),
    links: Sequence[MarkLink] = (),
    conditions: Sequence[tuple[AnimalId, Condition]] = (),
) -> list[Json]:
    """Return the `result` that an expert with this answer would store; `shown` are the crops in pixels of the photos.

    Raises UnknownMark when a link names a mark that is not among `marks`, and NoPair when an animal is neither of both.
    """
    image_of = {first: FIRST, second: SECOND}
    if strangers := {animal for animal, _ in (*sides, *marks, *conditions)} - image_of.keys():
        raise NoPair(f"{', '.join(sorted(strangers))}: not in the pair of {first} and {second}")
    shown = {FIRST: first_shown, SECOND: second_shown}
    result = [] if answer is None else [choice(ANSWER, FIRST, answer.value)]
    if confidence is not None:
        rating: Json = {"id": f"{CONFIDENCE}-stars", "type": "rating", "from_name": CONFIDENCE, "to_name": FIRST}
        result.append({**rating, "value": {"rating": confidence}})
    result += [choice(f"side_{image_of[animal]}", image_of[animal], side.value) for animal, side in sides]
    for animal, image in image_of.items():
        looks = [condition for described, condition in conditions if described == animal]
        result += [choice(f"condition_{image}", image, *looks)] if looks else []
    names: dict[tuple[str, Mark], str] = {}
    for number, (animal, mark) in enumerate(marks):
        image = image_of[animal]
        names[image, mark] = regions.region_id(first, second, number, animal, mark)
        control = f"marks_{image}"
        result.append(regions.point_region(names[image, mark], mark, shown[image], control=control, image=image))
    return result + [_relation(link, names) for link in links]


def read(
    result: object, first: AnimalId, second: AnimalId, first_shown: Rectangle, second_shown: Rectangle
) -> PairAnswer:
    """Return what can be read of any JSON value in place of a `result`; what cannot is listed in `broken`.

    `shown` are the crops in pixels of the photos, and so are the marks returned.
    """
    reading = opened(result)
    answer = chosen(reading, ANSWER, FIRST, {same.value for same in Same})
    if answer is None:
        reading.reject(ANSWER, "the question was not answered")
    images = {FIRST: (first, first_shown), SECOND: (second, second_shown)}
    marks: list[tuple[AnimalId, Mark]] = []
    named: dict[str, tuple[str, Mark]] = {}
    sides: list[tuple[AnimalId, Side]] = []
    conditions: list[tuple[AnimalId, Condition]] = []
    for image, (animal, shown) in images.items():
        side = chosen(reading, f"side_{image}", image, {one.value for one in Side})
        sides += [] if side is None else [(animal, Side(side))]
        marks += [(animal, mark) for mark in _marks(reading, image, shown, named)]
        conditions += [(animal, condition) for condition in _conditions(reading, image)]
    links = tuple(_links(reading, named))
    confidence = rated(reading, CONFIDENCE, FIRST, MOST_CONFIDENT)
    reading.reject_strange(_KNOWN, others={"relation"})
    verdict = None if answer is None else Same(answer)
    broken = tuple(reading.broken)
    return PairAnswer(verdict, confidence, tuple(sides), tuple(marks), links, broken, tuple(conditions))


def _relation(link: MarkLink, names: dict[tuple[str, Mark], str]) -> Json:
    ends = names.get((FIRST, link.left)), names.get((SECOND, link.right))
    if None in ends:
        raise UnknownMark(f"{link} joins a mark that was not given; add both its marks to `marks`")
    return {"type": "relation", "from_id": ends[0], "to_id": ends[1], "direction": "bi", "labels": [RELATION]}


def _conditions(reading: Reading, image: str) -> list[Condition]:
    """Return how the animal on one image looks; of several degrees of fatness none is believed."""
    control = f"condition_{image}"
    found = [Condition(name) for name in ticked(reading, control, image, list(Condition))]
    fatness = [one for one in found if one in FATNESS]
    if len(fatness) > 1:
        reading.reject(control, f"an animal cannot be {' and '.join(fatness)} at once; none was believed")
        return [one for one in found if one not in FATNESS]
    return found


def _marks(reading: Reading, image: str, shown: Rectangle, named: dict[str, tuple[str, Mark]]) -> list[Mark]:
    """Return the marks on one image, and enter those that carry an id into `named`, where relations find them."""
    marks: list[Mark] = []
    for item in reading.items:
        if not item.is_from("keypointlabels", f"marks_{image}", image):
            continue
        try:
            mark = _mark(item, shown)
        except regions.Unreadable as error:
            reading.reject(item.where, str(error))
            continue
        marks.append(mark)
        name = item.fields.get("id")
        if not isinstance(name, str) or name in named:
            reading.reject(item.where, "its id is missing or used twice; links to it were not read")
        else:
            named[name] = (image, mark)
    return marks


def _mark(item: Item, shown: Rectangle) -> Mark:
    found = regions.label(item)
    if found not in {kind.value for kind in MarkKind}:
        raise regions.Unreadable(f"{quoted(found)} is no kind of mark")
    return Mark(MarkKind(found), *regions.point(item, shown))


def _links(reading: Reading, named: dict[str, tuple[str, Mark]]) -> list[MarkLink]:
    """Return the links drawn between the images, in either direction; a mark is the same as one mark only."""
    links: list[MarkLink] = []
    taken: set[object] = set()
    for item in reading.items:
        if item.type != "relation":
            continue
        ends = [item.fields.get("from_id"), item.fields.get("to_id")]
        found = dict(named[end] for end in ends if isinstance(end, str) and end in named)
        if set(found) != {FIRST, SECOND}:
            reading.reject(item.where, "must join a mark on the first photo to one on the second")
        elif item.fields.get("labels") not in (None, [], [RELATION]):
            reading.reject(item.where, f"unknown relation {quoted(item.fields.get('labels'))}")
        elif taken & set(ends):
            reading.reject(item.where, "one of its marks is already linked to another")
        else:
            taken.update(ends)
            links.append(MarkLink(found[FIRST], found[SECOND]))
    return links
