"""What Label Studio would give back from a hostile browser: it stores nearly everything that is JSON."""

import json
from collections.abc import Iterator
from functools import cache

from labeling_configs import boxes as box_question
from labeling_configs.vocabulary import PhotoId, Rectangle, Tile, TileId

WHOLE = Rectangle(0, 0, 400, 300)
TILE = Tile(TileId("tile"), PhotoId("photo"), WHOLE, WHOLE)
MARKUP = "<img src=x onerror=alert(1)>"


def region(**changed: object) -> dict[str, object]:
    """Return a good box of a walrus, with some of its value changed."""
    (good,) = box_question.write([[40, 30, 120, 90]], None, TILE)
    return {**good, "value": {**good["value"], **changed}}


def entry(**changed: object) -> dict[str, object]:
    """Return a good box of a walrus, with some of its fields changed."""
    return {**region(), **changed}


@cache
def answers() -> tuple[tuple[str, object, int], ...]:
    """Return names, results, and how many boxes each may give."""
    return tuple(_answers())


def _answers() -> Iterator[tuple[str, object, int]]:
    for value in (None, True, 0, 1e308, "", "x", {}, {"result": []}):
        yield f"{value!r} instead of a list", value, 0
    for value in (1, None, "x", [], [[]], True, {"foo": "bar"}, {"value": None}, {"type": {}}, {"id": []}):
        yield f"a list of {value!r}", [value], 0
    yield "[1, 2, 3]", [1, 2, 3], 0
    yield "a good box and junk", [region(), 7, None, "x"], 1
    yield "900 lists in each other", [_nested(900)], 0
    yield "a value of 900 lists", [entry(value=_nested(900))], 0
    yield "50,000 boxes", [region(x=n % 70, y=n // 70 % 70) for n in range(50_000)], 500
    yield "50,000 numbers", list(range(50_000)), 0
    yield "one box 500 times", [region()] * 500, 500
    for side in ("x", "y", "width", "height"):
        for value in (1e308, -1e308, float("nan"), float("inf"), None, "5", [], {}, True, 10**400, -5):
            yield f"{side} {str(value)[:9]!r} of type {type(value).__name__}", [region(**{side: value})], 0
    for value in (0, -1, 1e-300):
        yield f"width {value}", [region(width=value)], 0
    for value in (1e308, float("nan"), None, "90", [], 10**400):
        yield f"rotation {str(value)[:9]!r}", [region(rotation=value)], 0
    for value in (90, 1e308, None, "x", []):
        yield f"image_rotation {value!r}", [entry(image_rotation=value)], 0
    for value in (MARKUP, "seal", "", "walrus\0", "WALRUS", "\u202ewalrus", "x" * 100_000):
        yield f"the label {value[:12]!r}", [region(rectanglelabels=[value])], 0
    for value in (None, [], ["walrus", "walrus"], "walrus", {"walrus": 1}, [["walrus"]], [None]):
        yield f"labels {value!r}", [region(rectanglelabels=value)], 0
    for value in (None, [], {}, MARKUP, "seal\0", 7):
        yield f"from_name {value!r}", [entry(from_name=value)], 0
        yield f"to_name {value!r}", [entry(to_name=value)], 0
        yield f"type {value!r}", [entry(type=value)], 0
    for value in (None, [], {}, MARKUP, 7, "prediction-changed" * 1000):
        yield f"origin {str(value)[:20]!r}", [entry(origin=value)], 1
    for value in (None, [], {}, 1e308, MARKUP):
        yield f"score {value!r}", [entry(score=value)], 1
        yield f"id {value!r}", [entry(id=value)], 1
    for control in ("tile_state", "disturbance"):
        for value in (None, [], "x", [None], [MARKUP], [["unusable"]], {"a": 1}, ["boat"] * 10_000, [1e308]):
            told = {"type": "choices", "from_name": control, "to_name": "photo", "value": {"choices": value}}
            yield f"{control} {str(value)[:20]}", [told, region()], 1
    yield "a key of 100,000 characters", [region(**{"k" * 100_000: 1})], 1
    yield "a megabyte beside the box", [entry(meta={"text": ["x" * (1 << 20)]})], 1
    yield "a prototype", [entry(__proto__={"x": 1}, constructor="y")], 1


def others() -> Iterator[tuple[str, object]]:
    """Yield a name and a result for questions of any kind: what their own tags may hold."""
    for name, result, _ in answers():
        yield name, result
    for control, shown, kind in (
        ("same", "first", "choices"),
        ("confidence", "first", "rating"),
        ("side_first", "first", "choices"),
        ("condition_second", "second", "choices"),
        ("marks_first", "first", "keypointlabels"),
        ("identity", "query", "choices"),
    ):
        for value in (None, 1e308, MARKUP, [MARKUP], [], {}, [[]], 10**400, [None, None], "same", -1, 3.5, "__new__\0"):
            item = {"id": "a", "type": kind, "from_name": control, "to_name": shown, "value": {kind: value}}
            yield f"{control} {str(value)[:20]!r}", [{**item, "value": {**item["value"], "x": value, "y": value}}]
    for ends in ((None, None), ([], {}), ("a", "a"), (MARKUP, 1e308), ("missing", "too")):
        yield f"a relation of {ends!r}", [{"type": "relation", "from_id": ends[0], "to_id": ends[1], "labels": [{}]}]


def storable(result: object) -> bool:
    """Say whether Label Studio would store it: a list of objects, whatever they hold; over others it breaks."""
    try:
        if not isinstance(result, list) or not all(isinstance(one, dict) for one in result):
            return False
        return "\\u0000" not in json.dumps(result, allow_nan=False)
    except (ValueError, RecursionError):
        return False


def _nested(depth: int) -> object:
    inner: object = []
    for _ in range(depth):
        inner = [inner]
    return inner
