"""Who fills in nonsense, on purpose or by machine: everybody is compared with the others who saw the same tiles.

Each tile moves a log10 likelihood ratio between a spammer and an honest but careless person (Wald 1945). The sum never
falls below zero (Page 1954): years of honest work buy no licence, and where the honest model holds at most one honest
person in 10 ** evidence looks this bad at any moment (Kingman 1964). Colluders outvote the truth here: where most draw
the same false boxes, it is the honest one who looks random. Only gold (gold.py) tells them apart.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from active_learning.ballots import Flags, Numbers
from active_learning.confirmation import Columns, in_columns
from active_learning.overlap import Indices
from labeling_configs.vocabulary import Person, TileId, Vote

EXAMPLES = 10


class SuspicionKind(StrEnum):
    """What a spammer does."""

    BOX_FLOOD = "box_flood"
    EMPTY_CLICKS = "empty_clicks"
    COPIED_PREDICTIONS = "copied_predictions"
    IMPOSSIBLE_SPEED = "impossible_speed"
    RANDOM_BOXES = "random_boxes"


@dataclass(frozen=True)
class Limits:
    """When to suspect whom; evidence is log10 of how much likelier a spammer is than an honest, careless person."""

    report: float = 3.0
    """Evidence that is reported: Wald's bound for one false alarm in a thousand."""
    ignore: float = 6.0
    """Evidence from which `trust` leaves a person no say."""
    per_tile: float = 0.75
    """The most that one tile says for or against a person, so that no single picture convicts."""
    others: int = 2
    """Believable others who must have answered a tile before it says anything about a person's boxes."""
    believable: float = 0.35
    """Share of a person's boxes that somebody else must confirm before others are compared with that person."""
    crowd: float = 2.0
    """A flood is more than this many times what others drew on average, and `extra` boxes on top."""
    extra: float = 4.0
    fastest: float = 0.7
    """Seconds that nobody can beat for one look at a tile, or for drawing a box and a half."""
    hurry: float = 0.2
    """Share of what others usually take for the same work below which nobody can have looked."""


USUAL_LIMITS = Limits()


@dataclass(frozen=True)
class Suspicion:
    """Why somebody is suspected: a log10 likelihood ratio, at most ten tiles with the worst first, and a sentence."""

    person: Person
    kind: SuspicionKind
    evidence: float
    tiles: tuple[TileId, ...]
    reason: str


@dataclass(frozen=True)
class _Seen:
    """What the believable others of its tile say about each vote; every column has one number per vote.

    `usual` is how many boxes they drew on average, `rejected` how many boxes the vote leaves as shown that most of them
    do not have; `found` and `missed` are the animals they agree on.
    """

    others: Numbers
    usual: Numbers
    confirmed: Numbers
    confirmed_by_hand: Numbers
    rejected: Numbers
    found: Numbers
    missed: Numbers


@dataclass(frozen=True)
class _Measure:
    """What each vote says about its person, 0 for nothing, and the two numbers that the sentence sums up."""

    kind: SuspicionKind
    steps: Numbers
    did: Numbers
    compared: Numbers
    sentence: str


def suspicions(votes: Iterable[Vote], limits: Limits = USUAL_LIMITS) -> tuple[Suspicion, ...]:
    """Return who is suspected of what, by person, whatever the order of the votes.

    Nobody is compared with people whom speed gives away or whose boxes hardly anybody confirms.
    """
    columns = in_columns(votes)
    people = columns.by_person()
    speed = _speed(columns, people, limits)
    hasty = {columns.person[rows[0]] for rows in people if _judge(speed, rows, columns, limits)}
    seen = _compare(columns, hasty, limits)
    measures = (speed, *(measure(columns, seen, limits) for measure in (_flood, _empty, _copied, _random)))
    found = [_judge(measure, rows, columns, limits) for rows in people for measure in measures]
    return tuple(one for one in found if one)


def trust(suspected: Iterable[Suspicion], limits: Limits = USUAL_LIMITS) -> Mapping[Person, float]:
    """Return the advised weight in [0, 1] of each suspect's say, by the worst suspicion; everybody else keeps 1."""
    weight: dict[Person, float] = {}
    for one in suspected:
        left = (limits.ignore - one.evidence) / (limits.ignore - limits.report)
        weight[one.person] = min(weight.get(one.person, 1.0), max(left, 0.0))
    return weight


def _judge(measure: _Measure, rows: Indices, columns: Columns, limits: Limits) -> Suspicion | None:
    """Sum up one person's votes since the sum last was zero; None below the limit."""
    tails = np.cumsum(np.clip(measure.steps[rows], -limits.per_tile, limits.per_tile)[::-1])[::-1]
    start = int(tails.argmax())
    if tails[start] < limits.report:
        return None
    judged = rows[start:][measure.steps[rows[start:]] != 0]
    bad = judged[measure.steps[judged] > 0]
    worst = bad[np.argsort(-measure.steps[bad], kind="stable")]
    reason = measure.sentence.format(
        bad=len(bad), judged=len(judged), did=measure.did[bad].sum(), compared=measure.compared[bad].sum()
    )
    first = columns.votes[rows[0]]
    tiles = tuple(columns.votes[row].tile for row in worst[:EXAMPLES])
    return Suspicion(first.person, measure.kind, float(tails[start]), tiles, reason)


def _speed(columns: Columns, people: Sequence[Indices], limits: Limits) -> _Measure:
    """Compare seconds per unit of work with the median of the other people's medians; 0 seconds means unknown."""
    work = 1 + 0.7 * columns.drawn + 0.3 * columns.changed + 0.1 * columns.kept
    known = columns.seconds > 0
    pace = columns.seconds / work
    medians = np.array([np.median(pace[rows][known[rows]]) if known[rows].any() else np.nan for rows in people])
    usual = np.zeros(len(work))
    for one, rows in enumerate(people):
        rest = np.delete(medians, one)
        usual[rows] = np.nanmedian(rest) if np.isfinite(rest).sum() >= limits.others else 0.0
    least = np.maximum(limits.fastest, limits.hurry * usual)
    steps = np.where(known, _ratio(pace < least, 0.7, 0.05), 0.0)
    sentence = "answered {bad} of {judged} tiles in {did:.0f} s in all, for work that takes at least {compared:.0f} s"
    return _Measure(SuspicionKind.IMPOSSIBLE_SPEED, steps, columns.seconds, least * work, sentence)


def _flood(columns: Columns, seen: _Seen, limits: Limits) -> _Measure:
    count = columns.drawn + columns.kept
    flood = (count > limits.crowd * seen.usual + limits.extra) & (2 * seen.confirmed < count)
    steps = np.where(seen.others >= limits.others, _ratio(flood, 0.6, 0.02), 0.0)
    sentence = (
        "gave {did:.0f} boxes on {bad} of {judged} tiles where others give {compared:.0f} and confirm few of them"
    )
    return _Measure(SuspicionKind.BOX_FLOOD, steps, count, seen.usual, sentence)


def _empty(columns: Columns, seen: _Seen, limits: Limits) -> _Measure:
    """Nothing marked, or "unusable" said, where others agree on animals."""
    animals = np.where(seen.others >= limits.others, seen.found + seen.missed, 0.0)
    steps = _idle(columns.drawn + columns.kept == 0, animals)
    sentence = "marked nothing on {bad} of {judged} tiles where others agree on animals, {compared:.0f} in all"
    return _Measure(SuspicionKind.EMPTY_CLICKS, steps, np.zeros(len(steps)), animals, sentence)


def _copied(columns: Columns, seen: _Seen, limits: Limits) -> _Measure:
    """Machine boxes left exactly as shown where others remove some or agree on more animals."""
    mended = columns.changed + seen.confirmed_by_hand
    blind = np.array([vote.blind for vote in columns.votes], dtype=np.bool_)
    shown = ~blind & (columns.kept + columns.changed > 0) & (seen.others >= limits.others)
    to_do = np.where(shown, seen.rejected + seen.missed + mended, 0.0)
    sentence = (
        "left all {did:.0f} machine boxes untouched on {bad} of {judged} tiles to correct; "
        "others make {compared:.0f} corrections there"
    )
    return _Measure(SuspicionKind.COPIED_PREDICTIONS, _idle(mended == 0, to_do), columns.kept, to_do, sentence)


def _random(columns: Columns, seen: _Seen, limits: Limits) -> _Measure:
    """Boxes nobody confirms; an empty answer speaks for a person only where the others see nothing either."""
    count = columns.drawn + columns.kept
    alone = count - seen.confirmed
    steps = alone * np.log10(0.9 / 0.3) + seen.confirmed * np.log10(0.1 / 0.7)
    steps += np.where((count == 0) & (seen.missed == 0), np.log10(0.3 / 0.9), 0.0)
    sentence = "nobody else confirms {did:.0f} of {compared:.0f} boxes on {bad} of {judged} tiles"
    steps = np.where(seen.others >= limits.others, steps, 0.0)
    return _Measure(SuspicionKind.RANDOM_BOXES, steps, alone, count, sentence)


def _idle(idle: Flags, to_do: Numbers) -> Numbers:
    """Weigh doing nothing where k things were to do: a careless person overlooks each with 1 in 3, and all rarely."""
    return np.where(to_do > 0, _ratio(idle, 0.9, np.clip(0.33**to_do, 0.05, 0.33)), 0.0)


def _ratio(happened: Flags, spam: float, honest: float | Numbers) -> Numbers:
    """Return log10 of the likelihood ratio of what happened, given its probability under both models."""
    ratio: Numbers = np.where(happened, np.log10(spam / honest), np.log10((1 - spam) / (1 - honest)))
    return ratio


def _compare(columns: Columns, hasty: Collection[int], limits: Limits) -> _Seen:
    """Leave each person out of what the others say; an animal is what two and most believable people have a box of."""
    believed = _believable(columns, hasty, limits)
    here = believed[columns.owner]
    heard = believed[columns.voter]
    backers = np.bincount(columns.box[heard], minlength=len(here)).astype(np.float64)
    count = columns.count(np.ones(len(here)))
    voters, drawn = (np.bincount(columns.tile, column) for column in (believed, believed * count))
    others = voters[columns.tile].astype(np.float64) - believed
    animal = here & (backers >= 1) & (2 * (backers + 1) > voters[columns.tile[columns.owner]])
    share = animal / (backers + 1)
    total = np.bincount(columns.tile, columns.count(share))[columns.tile]
    shared = np.bincount(columns.voter, share[columns.box], len(count))
    most = 2 * backers > others[columns.owner]
    return _Seen(
        others,
        (drawn[columns.tile] - believed * count) / np.maximum(others, 1),
        columns.count(backers > 0),
        columns.count((backers > 0) & ~columns.left),
        columns.count(columns.left & (2 * backers < others[columns.owner])),
        columns.count(most & (backers >= 2)),
        np.rint(np.maximum(total - columns.count(share) - shared, 0)),
    )


def _believable(columns: Columns, hasty: Collection[int], limits: Limits) -> Flags:
    """Say of each vote whether others are compared with it: two confirmed boxes at least, in no impossible haste."""
    trusted = ~np.isin(columns.person, sorted(hasty))
    backed = np.bincount(columns.box[trusted[columns.voter]], minlength=len(columns.owner)) > 0
    confirmed = np.bincount(columns.person, columns.count(backed))
    count = np.bincount(columns.person, columns.drawn + columns.kept)
    usable = np.array([not vote.unusable for vote in columns.votes], dtype=np.bool_)
    good = (confirmed >= 2) & (confirmed >= limits.believable * count)
    return trusted & usable & good[columns.person]
