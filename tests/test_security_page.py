"""SECURITY.md answers every requirement once, and what it names is there."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
STATUSES = {"met", "n/a", "gap"}
# OWASP ASVS 5.0.0: the levels of a section's requirements, in their order.
LEVELS = """
1.1 22   1.2 1111122223  1.3 112222222223  1.4 222  1.5 123
2.1 122  2.2 112  2.3 12223  2.4 23
3.1 3  3.2 113  3.3 12223  3.4 11222233  3.5 11122333  3.6 3  3.7 22333
4.1 12233  4.2 23333  4.3 22  4.4 1222
5.1 2  5.2 112333  5.3 113  5.4 222
6.1 122  6.2 111111112222  6.3 11223333  6.4 112233  6.5 22222333  6.6 2223  6.7 33  6.8 2222
7.1 222  7.2 1111  7.3 22  7.4 11222  7.5 223  7.6 22
8.1 1233  8.2 1123  8.3 133  8.4 23
9.1 111  9.2 1222
10.1 22  10.2 223  10.3 22223  10.4 1111122222233333  10.5 22222  10.6 22  10.7 222
11.1 2233  11.2 22233  11.3 11233  11.4 1222  11.5 23  11.6 23  11.7 33
12.1 12233  12.2 11  12.3 22223
13.1 2333  13.2 222223  13.3 2233  13.4 1222233
14.1 22  14.2 12223333  14.3 122
15.1 12233  15.2 12233  15.3 1222222  15.4 3333
16.1 2  16.2 22222  16.3 2222  16.4 222  16.5 2223
17.1 23  17.2 22223333  17.3 22
"""


def wanted() -> Iterator[str]:
    words = LEVELS.split()
    for section, levels in zip(words[::2], words[1::2], strict=True):
        yield from (f"{section}.{number}" for number, level in enumerate(levels, 1) if level in "12")


def rows() -> list[tuple[str, str, str, str]]:
    """Return id, words, status and what shows it, of every line of the tables."""
    lines = re.findall(r"^\| (\d+\.\d+\.\d+) \|(.*)\|(.*)\|(.*)\|$", PAGE, re.MULTILINE)
    return [(number, *(cell.strip() for cell in cells)) for number, *cells in lines]  # type: ignore[misc]


def named(text: str) -> list[tuple[str, str]]:
    """Return each path that the text names, with the test behind it or nothing."""
    found = re.findall(r"`(\w[\w./-]+?)(?:::(\w+))?`", text)
    return [(path, test) for path, test in found if "/" in path or test or path.endswith((".md", ".toml", ".lock"))]


def test_there_are_as_many_requirements_as_the_standard_has_on_both_levels() -> None:
    assert Counter(level for word in LEVELS.split()[1::2] for level in word) == {"1": 70, "2": 183, "3": 92}


def test_every_requirement_of_level_1_and_2_is_answered_once_in_order() -> None:
    assert [number for number, *_ in rows()] == list(wanted())


@pytest.mark.parametrize("row", rows(), ids=[number for number, *_ in rows()])
def test_a_requirement_is_met_with_something_that_shows_it_or_says_why_not(row: tuple[str, str, str, str]) -> None:
    _, words, status, shown = row

    assert words
    assert status in STATUSES
    assert named(shown) if status == "met" else len(shown) > 5


@pytest.mark.parametrize(("path", "test"), sorted(set(named(PAGE))))
def test_what_the_page_names_is_there(path: str, test: str) -> None:
    place = REPOSITORY / path

    assert place.exists()
    assert not test or re.search(rf"^def {test}\(", place.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_page_counts_its_own_answers_rightly() -> None:
    counted = Counter(status for _, _, status, _ in rows())

    told = re.search(r"(\d+) are met, (\d+) do not apply and (\d+) are gaps", " ".join(PAGE.split()))

    assert told and [int(one) for one in told.groups()] == [counted[one] for one in ("met", "n/a", "gap")]
