"""The report shows what holds for all photos, with intervals, or says what is missing for it."""

import pytest

from haulout.db import writing
from haulout.tables import FigureRow


@pytest.fixture
def figures(season):
    at = season.services.now()
    told = [
        ("mean", "", 3.21, 2.5, 4.125),
        ("total", "", 642.4, 500, 825),
        ("maximum", "", 41.0, 38, 55),
        ("empty", "", 0.604, 0.52, 0.68),
        ("recall", "", 0.81, 0.7, 0.89),
        ("precision", "", 0.92, 0.8, 0.97),
        ("mean", "2026-08", 3.3, 2.4, 4.4),
        ("mean", "2026-08-03", 7.0, 5.1, 9.2),
    ]
    with writing(season.services.database) as session:
        for name, during, value, low, high in told:
            row = FigureRow(
                site=season.services.settings.site,
                name=name,
                during=during,
                value=value,
                low=low,
                high=high,
                drawn=37,
                model="det-0001",
                at=at,
            )
            session.add(row)
    return season


def test_the_report_shows_the_figures_of_all_photos_with_their_intervals(client, figures):
    page = client.get("/report").get_data(as_text=True)

    for told in ("Animals in a photo, on average", "3.2", "2.5 – 4.1", "642.4", "60%", "52% – 68%", "81%", "37"):
        assert told in page
    assert "Animals in a photo, month by month" in page and "2026-08-03" in page
    assert "take those for too narrow" in page


def test_the_same_in_russian(client, figures):
    page = client.get("/report?language=ru").get_data(as_text=True)

    assert "Что верно для всех фотографий" in page
    assert "3,2" in page and "Животных на фотографии по дням" in page


def test_before_any_figure_the_report_says_what_it_takes(client, season):
    assert "it takes eight settled tiles that were drawn at random" in client.get("/report").get_data(as_text=True)
