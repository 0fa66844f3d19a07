"""No locked package is older than the version that mended a weakness we know of.

This needs no network and finds nothing new; `make audit` asks the advisory service, which knows the rest.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

REPOSITORY = Path(__file__).resolve().parents[1]
LOCKS = {"haulout": REPOSITORY / "uv.lock", "Label Studio": REPOSITORY / "platform/label_studio_server/uv.lock"}
INDEX = {"registry": "https://pypi.org/simple"}
FLOORS = {
    "cryptography": ("46.0.5", "CVE-2026-26007"),  # points of SECT curves were not checked
    "django": ("5.2.17", "CVE-2026-15307"),  # and -15337, -15830, -15920
    "flask": ("3.1.3", "CVE-2026-27205"),  # Vary: Cookie was missing
    "gunicorn": ("23.0.0", "CVE-2024-6827"),  # smuggled requests
    "h11": ("0.16.0", "CVE-2025-43859"),  # malformed chunks
    "jinja2": ("3.1.6", "CVE-2025-27516"),  # out of the sandbox by |attr
    "label-studio": (
        "1.23.2",
        "CVE-2026-22033",
    ),  # and those before; 1.23.1 closed webhooks and storages inwards
    "lxml": ("6.1.0", "CVE-2026-41066"),  # external entities in iterparse
    "onnx": ("1.21.0", "CVE-2026-27489"),  # a model's links led out of its folder
    "pillow": ("13.0.0", "CVE-2026-112403"),  # JPEG decoder; also GHSA-5x8w-8jj5-q52h
    "pyjwt": ("2.12.0", "CVE-2026-32597"),  # unknown critical headers were accepted
    "requests": ("2.33.0", "CVE-2026-25645"),
    "torch": ("2.10.0", "CVE-2026-24747"),  # memory of the weights_only unpickler; before 2.6 CVE-2025-32434
    "urllib3": ("2.7.0", "CVE-2026-44431"),  # and -44432
    "waitress": ("3.0.1", "CVE-2024-49768"),  # smuggled requests
    "werkzeug": ("3.1.6", "CVE-2026-27199"),  # safe_join
}
"""Package: the first version without the weakness, and its advisory."""

Package = dict[str, Any]


def packages(lock: Path) -> list[Package]:
    found: list[Package] = tomllib.loads(lock.read_text(encoding="utf-8"))["package"]
    return [one for one in found if not {"editable", "virtual"} & set(one["source"])]


def too_old(locked: list[Package]) -> Iterator[str]:
    for one in locked:
        floor, advisory = FLOORS.get(one["name"], ("0", ""))
        if Version(one["version"]) < Version(floor):
            yield f"{one['name']} {one['version']} is older than {floor}: {advisory}"


@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS)
def test_no_locked_package_is_below_a_version_that_mended_a_known_weakness(lock: Path) -> None:
    assert list(too_old(packages(lock))) == []


@pytest.mark.parametrize("name", FLOORS)
def test_the_check_would_find_the_version_before(name: str) -> None:
    floor, advisory = FLOORS[name]

    found = list(too_old([{"name": name, "version": f"{floor}.dev1"}, {"name": name, "version": floor}]))

    assert found == [f"{name} {floor}.dev1 is older than {floor}: {advisory}"]


def test_every_floor_is_that_of_a_package_we_use() -> None:
    used = {one["name"] for lock in LOCKS.values() for one in packages(lock)}

    assert set(FLOORS) <= used


@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS)
def test_every_locked_file_comes_from_the_package_index_and_is_known_by_its_sha256(lock: Path) -> None:
    locked = packages(lock)

    files = [file for one in locked for file in [*one.get("wheels", []), *([one["sdist"]] if "sdist" in one else [])]]

    assert len(locked) > 100
    assert [one["name"] for one in locked if one["source"] != INDEX] == []
    assert [one["name"] for one in locked if not one.get("wheels") and "sdist" not in one] == []
    assert [file["url"] for file in files if not file["hash"].startswith("sha256:")] == []
