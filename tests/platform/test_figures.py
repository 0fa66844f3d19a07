"""Figures of all photos, from few tiles that were drawn at random and the machine together."""

import numpy as np
import pytest

from haulout.candidates import read_candidates
from haulout.db import reading
from haulout.errors import NothingToEstimate, UnknownFigure
from haulout.figures import Figure, read_season
from haulout.report import estimate_figures, season_report
from haulout.selection import narrow, select_batch
from haulout.settle import settle
from haulout.tables import AnimalRow, BatchRow, ChosenRow, ConsensusRow, FigureRow, ProposalRow, TaskRow, TileRow

SITE = "Beach"


@pytest.fixture
def season(coordinator):
    """Sixty photos; the machine sees seven in ten animals and some that are none, people see all where they look."""
    coordinator.set(batch_size=24, random_share=0.5, exam_share=0.0, easy_share=0.0, site=SITE, least_votes=1)
    rng = np.random.default_rng(4)
    truth = {}
    for number in range(60):
        animals = int(rng.poisson(6)) if number % 3 == 0 else 0
        seen = int(rng.binomial(animals, 0.7) + rng.poisson(0.5))
        boxes = [(20 + 20 * i, 100, 35 + 20 * i, 130) for i in range(seen)]
        truth[coordinator.photo(boxes).id] = animals
    select_batch(coordinator.services)
    coordinator.truth = truth
    return coordinator


def people_count(season) -> None:
    """Settle every open tile with as many animals as there are."""
    tiles = {row.id: row for row in season.rows(TileRow)}
    for task in season.rows(TaskRow):
        if task.state != "open" or task.question != "boxes":
            continue
        photo = tiles[task.subject].photo
        count = season.truth[photo]
        task.state = "retired"
        settled = ConsensusRow(
            tile=task.subject, state="agreed", voters=2, agreement=1, boxes=[], settled_at=season.services.now()
        )
        animals = [
            AnimalRow(
                id=f"{photo[:12]}-{i}",
                photo=photo,
                tile=task.subject,
                box=[0, 0, 9, 9],
                crop=[0, 0, 9, 9],
                probability=1,
                settled_at=season.services.now(),
            )
            for i in range(count)
        ]
        season.store(task, settled, *animals)


def read(season):
    with reading(season.services.database) as session:
        candidates = read_candidates(session, "cold-start", season.services.settings)
        return read_season(session, candidates, SITE)


def test_the_total_of_all_photos_is_told_with_an_interval_that_holds_it(season):
    people_count(season)
    total = sum(season.truth.values())

    told = read(season).estimate(Figure("total"), np.random.default_rng(0))

    assert told.low <= total <= told.high
    assert told.half_width < total
    assert told.drawn == 12


def test_the_mean_is_the_total_per_photo_and_a_month_holds_its_days_only(season):
    people_count(season)
    found = read(season)
    rng = np.random.default_rng(0)
    month = Figure("total", "2026-12")

    mean, total = (found.estimate(Figure(name), rng) for name in ("mean", "total"))

    assert mean.value == pytest.approx(total.value / 60)
    assert 0 < found.domain(month).sum() < 60
    assert found.estimate(month, rng).value < total.value


def test_nothing_is_told_before_tiles_drawn_at_random_are_settled(season):
    assert read(season) is None
    with pytest.raises(NothingToEstimate, match="total of Beach cannot be told yet"):
        narrow(season.services, Figure("total"), 0.1)


def test_the_share_of_empty_tiles_is_told(season):
    people_count(season)
    empty = np.mean([count == 0 for count in season.truth.values()])

    told = read(season).empty()

    assert told.low <= empty <= told.high


@pytest.mark.parametrize("name", ["total", "maximum"])
def test_asking_for_a_figure_narrows_its_interval(season, name):
    people_count(season)
    before = read(season).estimate(Figure(name), np.random.default_rng(0))

    asked = narrow(season.services, Figure(name), 0.05, most=15)
    people_count(season)
    after = read(season).estimate(Figure(name), np.random.default_rng(0))

    assert asked.estimate.value == pytest.approx(before.value, rel=0.2)
    assert 0 < asked.asked <= asked.needed
    assert after.half_width < before.half_width


def test_a_batch_for_a_figure_says_so_and_keeps_each_chance(season):
    people_count(season)

    asked = narrow(season.services, Figure.of("mean 2026-12"), 0.01, most=6)

    batch = next(row for row in season.rows(BatchRow) if row.id == asked.batch)
    chosen = [row for row in season.rows(ChosenRow) if row.batch == asked.batch]
    photos = {row.id: row for row in season.rows(TileRow)}
    assert batch.goal == "mean 2026-12"
    assert len(chosen) == asked.asked > 0
    assert {row.reason for row in chosen} == {"figure"}
    assert all(0 < row.probability <= 1 and row.blind for row in chosen)
    assert all(photos[row.tile].photo in season.truth for row in chosen)


def test_a_figure_that_is_narrow_enough_asks_nobody(season):
    people_count(season)

    season.set(site="Somewhere else")
    asked = narrow(season.services, Figure("total"), 50.0, site=SITE)

    assert (asked.needed, asked.asked, asked.batch) == (0, 0, None)


@pytest.mark.parametrize("text", ["median", "total 2026", "total 2026-13", "maximum August", ""])
def test_a_figure_nobody_knows_is_refused(text):
    with pytest.raises(UnknownFigure, match="name mean, total, maximum"):
        Figure.of(text)


def test_a_figure_reads_as_it_is_written():
    assert [str(Figure.of(text)) for text in ("maximum 2026-08", "total 2026-08-03", "mean")] == [
        "maximum 2026-08",
        "total 2026-08-03",
        "mean",
    ]


def test_settling_again_changes_no_figure(season):
    people_count(season)
    before = read(season).estimate(Figure("total"), np.random.default_rng(0))

    settle(season.services)

    assert read(season).estimate(Figure("total"), np.random.default_rng(0)) == before


def test_a_run_tells_the_figures_of_the_season_for_the_report(season):
    people_count(season)

    told = estimate_figures(season.services, run=None)

    with reading(season.services.database) as session:
        figures, begun = (season_report(session, SITE, year).figures for year in (2027, 2026))
    assert told == len(season.rows(FigureRow)) > 60
    assert [row.name for row in figures.season] == ["mean", "total", "maximum", "empty"]
    assert all(row.low <= row.value <= row.high and row.drawn >= 12 for row in figures.season)
    assert [row.during for row in (*begun.months, *figures.months)] == ["2026-11", "2026-12", "2027-01"]
    assert len(begun.days) + len(figures.days) == 60


def test_the_detector_is_judged_on_the_exam_s_random_tiles_alone(coordinator):
    coordinator.set(batch_size=20, random_share=0.2, exam_share=0.6, easy_share=0.0, site=SITE, least_votes=1)
    for number in range(40):
        seen = [(20 + 20 * i, 100, 35 + 20 * i, 130) for i in range(1 + number % 5)]
        photo = coordinator.photo(seen, split="exam" if number < 24 else "train", model="starter-1", score=0.9)
        coordinator.propose(photo, seen, "cold-start")
    coordinator.set(starter="builtin")
    select_batch(coordinator.services)
    tiles = {row.id: row for row in coordinator.rows(TileRow)}
    for task in coordinator.rows(TaskRow):
        proposal = next(
            row
            for row in coordinator.rows(ProposalRow)
            if row.photo == tiles[task.subject].photo and row.model == "starter-1"
        )
        # People find what the detector found, and one more animal on each tile.
        boxes = [[*box, 0.99, ["ann"], 0.0] for box in [*proposal.boxes().tolist(), [300.0, 200.0, 330.0, 240.0]]]
        settled = ConsensusRow(
            tile=task.subject, state="agreed", voters=2, agreement=1, boxes=boxes, settled_at=coordinator.services.now()
        )
        coordinator.store(settled)

    estimate_figures(coordinator.services)

    told = {row.name: row for row in coordinator.rows(FigureRow) if not row.during}
    assert told["precision"].value == pytest.approx(1.0)
    assert told["recall"].value == pytest.approx(0.75, abs=0.1)
    assert told["recall"].low < told["recall"].value < told["recall"].high
    assert told["recall"].drawn == 12
