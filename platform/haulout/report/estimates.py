"""What holds for all photos, not only for those people looked at: told anew by each run, kept for the report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sqlmodel import Session, delete, select

from active_learning.calibration import Checked
from active_learning.estimation import Estimate, NothingDrawn, ratio
from haulout.answers import SHOWN_ABOVE
from haulout.candidates import Candidate, read_candidates
from haulout.db import reading, writing
from haulout.figures import PURPOSE, Figure, Season, read_season
from haulout.report.span import Span
from haulout.services import Services, Tell, silently
from haulout.serving import detector_version
from haulout.spots import read_things
from haulout.tables import ConsensusRow, FigureRow, ProposalRow
from labeling_configs.vocabulary import COLD

OF_ALL = ("mean", "total", "maximum", "empty", "recall", "precision")
"""The figures of a whole season, in the order of the report."""


def estimate_figures(services: Services, run: int | None = None, tell: Tell = silently) -> int:
    """Tell the figures of every site anew; return how many there are, none before enough random tiles are settled."""
    tell("Estimating the figures of all photos", 0, 0)
    model = detector_version(services)
    with reading(services.database) as session:
        candidates = read_candidates(session, model, services.settings)
        sites = sorted({one.photo.site for one in candidates})
        told = [row for site in sites for row in _of(session, candidates, site, services)]
    for row in told:
        row.model, row.run, row.at = model, run, services.now()
    with writing(services.database) as session:
        session.exec(delete(FigureRow))
        session.add_all(told)
    return len(told)


@dataclass(frozen=True)
class Figures:
    """A site's figures: of the whole season, and the mean per photo of each month and each day."""

    season: tuple[FigureRow, ...]
    months: tuple[FigureRow, ...]
    days: tuple[FigureRow, ...]


def read_figures(session: Session, span: Span) -> Figures:
    """Return what the last run told, of months and days those in the year."""
    rows = session.exec(select(FigureRow).where(FigureRow.site == span.site).order_by(FigureRow.during)).all()
    rows = [row for row in rows if not row.during or span.year is None or row.during.startswith(f"{span.year:04}-")]
    season = sorted((row for row in rows if not row.during), key=lambda row: OF_ALL.index(row.name))
    months = tuple(row for row in rows if len(row.during) == len("2026-08"))
    return Figures(tuple(season), months, tuple(row for row in rows if len(row.during) == len("2026-08-03")))


def _of(session: Session, candidates: Sequence[Candidate], site: str, services: Services) -> Iterator[FigureRow]:
    season = read_season(session, candidates, site)
    if season is None:
        return
    rng = services.rng(PURPOSE)
    for name in ("mean", "total", "maximum"):
        yield _row(site, name, "", season.estimate(Figure(name), rng))
    yield _row(site, "empty", "", season.empty())
    yield from _quality(session, season, site)
    for during in season.times():
        yield _row(site, "mean", during, season.estimate(Figure("mean", during), rng))


def _row(site: str, name: str, during: str, told: Estimate) -> FigureRow:
    low, value, high = (float(number) for number in (told.low, told.value, told.high))
    return FigureRow(site=site, name=name, during=during, value=value, low=low, high=high, drawn=told.drawn, model="")


def _quality(session: Session, season: Season, site: str) -> Iterator[FigureRow]:
    """Compare the detector with people on the exam's random tiles, which it never learned from."""
    from haulout_models.evaluation import grade

    at = [place for place in _examined(season) if season.candidates[season.checked.unit[place]].model != COLD]
    found, animals, drawn = (np.zeros(len(at)) for _ in range(3))
    things = read_things(session)
    for row, place in enumerate(at):
        candidate = season.candidates[season.checked.unit[place]]
        truth = session.get_one(ConsensusRow, candidate.tile.id).accepted()
        proposal = session.get_one(ProposalRow, (candidate.photo.id, candidate.model))
        boxes, scores = things.read(candidate.photo, proposal)
        shown = candidate.tile.core.holds_centres_of(boxes) & (scores >= SHOWN_ABOVE)
        inside = truth[candidate.tile.core.holds_centres_of(truth)]
        graded = grade(inside, (boxes[shown], scores[shown]))
        found[row], animals[row], drawn[row] = graded.hits.sum(), len(inside), len(graded.hits)
    checked = season.checked
    own = Checked(checked.unit[at], checked.count[at], checked.probability[at], checked.wave[at])
    try:
        for name, whole in (("recall", animals), ("precision", drawn)):
            if whole.any():
                yield _row(site, name, "", ratio(own, found, whole))
    except NothingDrawn:
        return


def _examined(season: Season) -> list[int]:
    checked = season.checked
    drawn = checked.answered & ~np.isnan(checked.probability)
    return [
        int(place) for place in np.flatnonzero(drawn) if season.candidates[checked.unit[place]].photo.split == "exam"
    ]
