"""The pages tell what choosing brings over chance, what more tiles would bring, and when asking has ended."""

import re
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest

from haulout.db import writing
from haulout.tables import ExperimentRow
from haulout.teaching import Arm
from haulout.web.standalone import write_report


@pytest.fixture
def measured(season):
    """Store one experiment a week: what choosing brings above chance, and the mean of both."""

    def measure(gain: float = 0.06, means: Sequence[float] = (0.4, 0.5, 0.56), luck: float = 0.01) -> None:
        rng = np.random.default_rng(1)
        with writing(season.services.database) as session:
            for week, mean in enumerate(means, start=1):
                scores = {
                    "chosen": mean + gain / 2,
                    "random": mean - gain / 2,
                    "both": mean + (means[-1] - means[0]) / 2,
                }
                arms = {
                    name: Arm(20, 60, 14.0 * week, score, score + rng.normal(0, luck, 200)).stored()
                    for name, score in scores.items()
                }
                at = season.services.now() + timedelta(days=7 * week)
                row = ExperimentRow(
                    digest=str(week), seed=1, seconds=120, steps=300, exam_tiles=30, exam_days=6, arms=arms, at=at
                )
                session.add(row)

    return measure


def text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_the_models_page_says_what_choosing_brings_and_draws_both_curves(client, measured):
    measured()

    page = client.get("/models").text

    assert "After 42 min of people's work, chosen tiles bring a detector to AP50 0.59 and random ones to 0.53" in page
    assert "Choosing beats chance." in page
    chart = re.search(r"AP50 in the exam, by the minutes.*?</figure>", page, re.S)[0]
    assert (len(re.findall("<circle cx", chart)), chart.count('class="interval"')) == (8, 6), (
        "two of them in the legend"
    )
    assert re.findall(r">(\d+ min)</text>", chart) == ["14 min", "28 min", "42 min"]
    assert page.count("20 + 20") == 3


@pytest.mark.parametrize(("gain", "words"), [(0.0, "That may be luck."), (-0.1, "Chance beats choosing.")])
def test_a_choice_that_brings_nothing_is_not_praised(client, measured, gain, words):
    measured(gain)

    assert words in client.get("/models").text


def test_before_anything_is_measured_it_says_when_it_will_be(client):
    page = client.get("/models").text

    assert "Not measured yet." in page
    assert "What more tiles would bring is not known yet" in page


def test_while_more_tiles_bring_something_people_are_asked_on(client, measured):
    measured()

    assert re.search(r"Another 100 tiles would bring AP50 0\.\d+ \(\d.* … 0\.\d+\)", client.get("/report").text)
    assert "People are asked on" in client.get("/report").text
    assert "Another 100 tiles" not in client.get("/").text


@pytest.mark.parametrize("path", ["/", "/models", "/report"])
@pytest.mark.parametrize(
    ("language", "words"), [("en", "nobody is asked to teach"), ("ru", "больше никого не спрашивают")]
)
def test_when_nothing_more_is_gained_the_pages_say_that_asking_has_ended(client, measured, path, language, words):
    measured(means=(0.6, 0.6, 0.6), luck=0.001)

    page = client.get(path, query_string={"language": language}).text

    assert words in page
    assert "HAULOUT_WORTHWHILE_GAIN=0" in page


def test_one_measurement_ends_nothing(client, measured):
    measured(means=(0.6,), luck=0.0001)

    assert "people are still asked" in client.get("/report").text


def test_the_written_report_tells_it_too(season, measured, tmp_path):
    measured()

    write_report(season.services, tmp_path / "report.html", "en")

    assert "Another 100 tiles would bring AP50" in text((tmp_path / "report.html").read_text(encoding="utf-8"))
