"""Tables of tides and files of boxes that mean harm or are broken, each with a name and what is expected of it."""

import json
from collections.abc import Iterator

TAKEN = ""
"""What is expected of a file that is read, all of it or the part that says something."""
NAN, INFINITY = float("nan"), float("inf")
UNUSED = "None of the|no photos|cannot be used"
"""It is read, and says nothing of any photo here."""


def tides() -> Iterator[tuple[str, bytes, str]]:
    """Yield a name, the bytes of a CSV file, and the reason expected, TAKEN for none."""
    head, good = b"time,metres\n", b"2031-08-01 00:00,1.2\n"
    yield "an empty table", b"", "needs one column time"
    yield "a head alone", head, "holds no height"
    yield "NUL", head + b"2031-08-01 00:00,\x001.2\n", "bad lines|no CSV"
    yield "NUL only", bytes(1000), "needs one column time"
    yield "bad UTF-8", head + b"2031-08-01 00:00,1.2\xff\n", "no UTF-8 text: byte"
    yield "UTF-16", (head + good).decode().encode("utf-16"), "no UTF-8 text"
    yield "a byte-order mark", b"\xef\xbb\xbf" + head + good, TAKEN
    yield (
        "carriage returns alone",
        (head + good).replace(b"\n", b"\r"),
        TAKEN,
    )
    yield "semicolons and commas", b"time;metres\n2031-08-01 00:00;1,2\n", TAKEN
    yield "a formula", head + b"2031-08-01 00:00,=1+1\n", "line 2: '=1\\+1' is no number"
    yield "a formula that calls", head + b"=cmd|' /C calc'!A0,1\n", "line 2: .* is no time"
    yield "a script", head + b"<script>alert(1)</script>,1\n", "line 2: '<script>.* is no time"
    for text in ("nan", "inf", "-inf", "1e308", "-1e308", "1e9999", "31", "-30.1", "9" * 5000):
        yield f"{text[:6]} metres", head + f"2031-08-01 00:00,{text}\n".encode(), "line 2: .*(no height|no number)"
    for text in ("1_0", "１２", "0x10", "1e1", "1,2,3", "--1", "true", "null", "[]"):
        yield f"{text} metres", head + f'2031-08-01 00:00,"{text}"\n'.encode(), "line 2|^$"
    for text in (
        "2031-02-30 12:00",
        "0000-01-01 00:00",
        "9999-12-31T23:59-23:59",
        "0001-01-01T00:00+23:59",
        "2031-08-01",
    ):
        yield f"the time {text}", head + f"{text},1\n".encode(), "line 2: .*is no time"
    yield "a time of 99 digits", head + b"9" * 99 + b":00,1\n", "line 2: .*is no time"
    yield "two heights at a time", head + good + good.replace(b"1.2", b"1.3"), "line 3: another line has 1.2"
    yield "an open quote", head + b'"2031-08-01 00:00,1.2\n' + good * 3, "bad lines|no CSV"
    yield "a quote that is never closed, for 1 MB", head + b'"' + b"a" * (1 << 20), "more than 10000 characters|no CSV"
    yield "100,000 columns", head + b"2031-08-01 00:00,1.2" + b"," * 100_000 + b"\n", TAKEN
    yield "10^6 columns in the head", b"time,metres" + b",x" * 10**6 + b"\n" + good, TAKEN
    yield "one name twice", b"time,metres,time\n2031-08-01 00:00,1,2\n", "needs one column time"
    yield "a field of 100,000 characters", head + b"2031-08-01 00:00," + b"1" * 100_000 + b"\n", "more than 10000"
    yield "100,000 empty lines", head + b"\n" * 100_000 + good, TAKEN
    yield "100,000 bad lines", head + b"x,y\n" * 100_000, "100000 bad lines.*and 99990 more"
    yield "a picture", b"\xff\xd8\xff\xe0" + bytes(range(256)), "no UTF-8 text"
    yield "a zip", b"PK\x03\x04" + bytes(100), "needs one column time"
    yield "a right-to-left line", head + "\u202e2031-08-01 00:00,1\n".encode(), "line 2: .*is no time"


def boxes() -> Iterator[tuple[str, bytes, str]]:
    """Yield a name, the bytes of a JSON file, and the reason expected, TAKEN for none."""
    yield "nothing", b"", "is no JSON"
    yield "NUL instead of JSON", bytes(100), "is no JSON"
    yield "a lone brace", b"{", "is no JSON"
    yield "bad UTF-8", b'{"images": "\xff"}', "no UTF-8 text: byte"
    yield "UTF-16 instead of UTF-8", '{"images": []}'.encode("utf-16"), "no UTF-8 text|is no JSON"
    yield "UTF-32", '{"images": []}'.encode("utf-32"), "no UTF-8 text|is no JSON"
    yield "100,000 open lists", b"[" * 100_000, "nested too deeply"
    yield "100,000 open objects", b'{"a":' * 100_000, "nested too deeply"
    yield "900 lists in a box", whole(bbox=nested(900)), UNUSED
    yield "NaN", b'{"images": [NaN]}', "holds NaN"
    yield "Infinity", b'{"images": [-Infinity]}', "holds -Infinity"
    yield "a number of 5,000 digits", b'{"images": ' + b"9" * 5000 + b"}", "strict JSON|has a value"
    yield "one name twice", b'{"images": [], "images": []}', "'images' twice"
    yield "a comment", b'{"images": [] /* none */}', "is no JSON"
    yield "two values", b'{"images": []}{"images": []}', "is no JSON"
    yield (
        "a half character",
        whole().replace(b"IMG_1.PNG", b"\\ud800.jpg"),
        UNUSED,
    )
    for value in (b"null", b"true", b"0", b'"text"', b"[]", b"[[]]"):
        yield f"{value.decode()} only", value, "not an object with images"
    yield "an empty object", b"{}", "under 'categories', not a list"
    for part in ("images", "annotations", "categories"):
        for value in (None, {}, "x", 1):
            yield f"{part} as {value!r}", replaced(part, value), f"under '{part}', not a list"
        for value in (None, [], "x", 1, True):
            yield f"{part} of {value!r}", replaced(part, [value]), "walruses; name their|None of the|^$"
    for name in (
        "../../etc/passwd",
        "/etc/passwd",
        "a\0b.jpg",
        "C:\\x.jpg",
        "file:///etc/passwd",
        "=1+1",
        "\u202egpj",
        "x" * 9999,
    ):
        yield f"a photo called {name[:12]!r}", whole(file_name=name), UNUSED
    for bbox in (
        [0, 0, 1e308, 1e308],
        [-1e308, 0, 1e308, 1],
        [0, 0, 0, 0],
        [0, 0, -5, -5],
        [1, 2, 3],
        [1, 2, 3, 4, 5],
        ["1", "2", "3", "4"],
        [True, True, True, True],
        [None] * 4,
        [10**400, 0, 1, 1],
        [[1], [2], [3], [4]],
        {"x": 1},
        "1,2,3,4",
        [1e-320] * 4,
        [9e15, 9e15, 9e15, 9e15],
    ):
        yield f"the box {str(bbox)[:36]}", whole(bbox=bbox), UNUSED
    for crowd in (1, True, "yes", [1], {"counts": "x"}):
        yield f"iscrowd {crowd!r}", whole(iscrowd=crowd), UNUSED
    for kind in (None, [], {}, 1.5, "walrus", True):
        yield f"category {kind!r}", whole(category_id=kind), UNUSED + "|^$"
    yield "100,000 boxes on a photo", crowded(100_000), UNUSED
    for version in (None, "9.9", "nan", "inf", "x", [], 1e308, "1" * 400):
        yield f"MegaDetector {str(version)[:9]}", megadetector(version=version), "has format_version"
    for found in (None, {}, "x", [None], [[]], [{"conf": 2, "category": "1", "bbox": [0, 0, 1, 1]}]):
        yield f"detections {str(found)[:24]}", megadetector(detections=found), UNUSED
    for conf in (-1, 1.5, "0.9", None, 10**400, True):
        box = {"conf": conf, "category": "1", "bbox": [0.1, 0.1, 0.2, 0.2]}
        yield f"conf {str(conf)[:9]}", megadetector(detections=[box]), UNUSED
    yield "categories of junk", megadetector(kinds={"1": ["animal"], "2": 7}), "no category 'animal'"


def whole(file_name: str = "IMG_1.PNG", **annotation: object) -> bytes:
    """Return a COCO file of one photo and one box."""
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 40, 30], **annotation}
    image = {"id": 1, "file_name": file_name, "width": 400, "height": 300}
    return _json({"images": [image], "annotations": [box], "categories": [{"id": 1, "name": "walrus"}]})


def replaced(part: str, value: object) -> bytes:
    return _json(json.loads(whole()) | {part: value})


def crowded(count: int) -> bytes:
    file = json.loads(whole())
    file["annotations"] = [
        {"image_id": 1, "category_id": 1, "bbox": [n % 350, n // 350 % 250, 20, 20 + n / 1e6]} for n in range(count)
    ]
    return _json(file)


def megadetector(version: object = "1.4", detections: object = (), kinds: object = None) -> bytes:
    """Return the output of a MegaDetector batch on one photo."""
    file = {"info": {"format_version": version}, "detection_categories": kinds or {"1": "animal"}}
    return _json(file | {"images": [{"file": "IMG_1.PNG", "detections": detections}]})


def nested(depth: int) -> list[object]:
    inner: list[object] = []
    for _ in range(depth):
        inner = [inner]
    return inner


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
