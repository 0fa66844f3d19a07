"""Measure merging on drawn haulouts: crowded tiles with spammers among the people, one huge crowd, and many votes.

    python tests/benchmarks/haulouts.py --json OUT [--growth 10000 100000 1000000]

Haulouts: --animals lie in overlapping heaps on each photo, tiles are cut by a detector that errs, and a day's photo is
asked about at random of --people, one in ten of whom spams all season and is never kept from answering. `ours` shows
the detector's boxes on nine tiles in ten as the platform does; for `ours_unaided` the detector cuts the tiles and is
not heard again. Where an expert would be asked, none is: what the volunteers said counts.

Crowd: 1,000 animals in one picture, five people, beside DBSCAN as Zooniverse's panoptes-aggregation uses it.

Growth: time and memory of learning and agreeing on votes of about three boxes by 500 people; a million votes take some
ten minutes and 2.5 GB.
"""

import argparse
import resource
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import matching
import numpy as np
from matching import Figures, Found

from active_learning.consensus import agree, agree_all
from active_learning.crowd import PLAIN, Crowd, Skill
from active_learning.grouping import group_boxes
from active_learning.learning import learn_crowd
from active_learning.overlap import areas
from active_learning.retirement import Step, Stopping, next_step
from active_learning.suspicion import suspicions, trust
from active_learning.tiling import lay_tiles, stitch
from labeling_configs.vocabulary import Boxes, Origin, Person, PhotoId, Rectangle, Tile, TileId, Vote, no_boxes

Rng = np.random.Generator
BEGAN = datetime(2026, 7, 1, tzinfo=UTC)
WIDTH, HEIGHT = 4000, 3000
OVERLAP = 0.4
"""IoU up to which two animals may lie over each other."""
MISSES, JITTER, STRAYS, CROWDED = 0.15, 0.06, 0.3, 25
"""A volunteer's: share of animals overlooked, deviation of an edge as a share of the side, and false boxes per tile, or
per so many animals on it."""
LOOKS_AWAY, BELIEVES = 0.04, 0.25
"""Shown a box: how often it is removed from an animal, and left where nothing is."""
DETECTS, WRONG = 0.75, 0.1
"""Share of animals that the detector finds, and its false boxes as a share of all animals."""
SPAMMERS, BLIND = 0.1, 0.1
FEW_TILES = 10
LEAST_TRUST = 0.25
"""As in haulout.settle.people: below it a vote does not count as one of the people asked."""
ASSUMED = {
    "overlap": OVERLAP,
    "misses": MISSES,
    "jitter": JITTER,
    "strays_per_tile": STRAYS,
    "removes_shown": LOOKS_AWAY,
    "leaves_false_shown": BELIEVES,
    "detector_finds": DETECTS,
    "detector_false": WRONG,
    "spammers": SPAMMERS,
    "blind": BLIND,
}
NOTES = {
    "crowd_dbscan": "the recipe of panoptes-aggregation's shape_reducer_dbscan written anew: scikit-learn's DBSCAN, "
    "min_samples 3, on x, y, width, height (eps 20) and on 1 - IoU (eps .5), mean box of each cluster; its own IoU "
    "variant calls Python for each pair and searches the average, and is much slower than this",
    "crowd_ours_groups": "grouping alone: mean box of every group, also of one box, so precision means nothing",
}


@dataclass(frozen=True)
class Task:
    """A tile, the animals on it, and what the detector drew there; `blind` hides that."""

    tile: Tile
    animals: Boxes
    machine: Boxes
    blind: bool


@dataclass(frozen=True)
class Plan:
    """How large a season is and when a tile is settled."""

    photos: int
    animals: int
    people: int
    stopping: Stopping

    @property
    def spammers(self) -> int:
        """How many of the people spam; the first ones do."""
        return max(1, round(SPAMMERS * self.people))


@dataclass
class Season:
    """All votes so far by tile, what is known of people, and on which of their tiles, and how, they were accused."""

    votes: dict[TileId, list[Vote]] = field(default_factory=dict)
    crowd: Crowd = field(default_factory=Crowd)
    trusted: Mapping[Person, float] = field(default_factory=dict)
    accused: dict[str, dict[Person, int]] = field(default_factory=lambda: {"suspicion": {}, "skill": {}})

    def all(self) -> list[Vote]:
        """Return every vote."""
        return [vote for votes in self.votes.values() for vote in votes]

    def heard(self, tile: TileId) -> list[Vote]:
        """Return the votes on a tile that count."""
        return [vote for vote in self.votes[tile] if self.trusted.get(vote.person, 1.0) >= LEAST_TRUST]


@dataclass(frozen=True)
class Photo:
    """The animals of one photo, those found, and how many of its tiles would have gone to an expert."""

    animals: Boxes
    tasks: Sequence[Task]
    found: Boxes
    disputed: int


def haulout(animals: int, rng: Rng) -> Boxes:
    """Draw animals in heaps of about 50, each 60 to 120 pixels long, over each other up to IoU .4."""
    heaps = rng.uniform([400, 400], [WIDTH - 400, HEIGHT - 400], (max(1, animals // 50), 2))
    boxes = no_boxes()
    while len(boxes) < animals:
        middle = rng.normal(heaps[rng.integers(len(heaps))], 170)
        half = rng.uniform(60, 120) * rng.permutation([0.5, rng.uniform(0.3, 0.45)])
        box = np.array([[*(middle - half), *(middle + half)]])
        inside = (box[0, :2] >= 0).all() and (box[0, 2:] <= [WIDTH, HEIGHT]).all()
        if inside and matching.ious(box, boxes).max(initial=0) <= OVERLAP:
            boxes = np.concatenate([boxes, box])
    return boxes


def detect(animals: Boxes, rng: Rng) -> Boxes:
    """Draw what a middling detector finds."""
    found = wobbled(animals[rng.random(len(animals)) < DETECTS], rng)
    whole = Rectangle(0, 0, WIDTH, HEIGHT)
    return np.concatenate([found, anywhere(rng.binomial(len(animals), WRONG), whole, rng)])


def wobbled(boxes: Boxes, rng: Rng) -> Boxes:
    """Draw around boxes by hand."""
    return boxes + rng.normal(0, JITTER, boxes.shape) * np.tile(boxes[:, 2:] - boxes[:, :2], 2)


def anywhere(many: int, inside: Rectangle, rng: Rng) -> Boxes:
    """Draw boxes of an animal's size around nothing."""
    middle = rng.uniform([inside.x1, inside.y1], [inside.x2, inside.y2], (many, 2))
    half = rng.uniform(20, 60, (many, 2))
    return clipped(np.concatenate([middle - half, middle + half], axis=1), inside)


def clipped(boxes: Boxes, inside: Rectangle) -> Boxes:
    """Cut boxes off at the tile's edge."""
    return np.clip(boxes, [inside.x1, inside.y1] * 2, [inside.x2, inside.y2] * 2)


def tasks_of(photo: PhotoId, animals: Boxes, aided: bool, rng: Rng) -> list[Task]:
    """Cut the photo by what the detector expects; `aided` shows its boxes on most tiles."""
    drawn = detect(animals, rng)
    weights = np.full(len(drawn), 1 / (DETECTS + WRONG))
    tiles = lay_tiles(photo, WIDTH, HEIGHT, drawn, weights)
    heard = drawn if aided else no_boxes()
    return [Task(t, _on(t, animals), _on(t, heard), not aided or bool(rng.random() < BLIND)) for t in tiles]


def _on(tile: Tile, boxes: Boxes) -> Boxes:
    """Return what of the boxes can be seen, of those that can be seen by half."""
    seen = clipped(boxes, tile.shown)
    return seen[areas(seen) >= areas(boxes) / 2]


def look(task: Task, rng: Rng) -> tuple[Boxes, Boxes]:
    """Return the machine's boxes that an honest volunteer leaves as they are, and the boxes drawn by hand."""
    shown = no_boxes() if task.blind else task.machine
    covered = matching.match(shown, task.animals)
    kept = shown[rng.random(len(shown)) < np.where(covered >= 0, 1 - LOOKS_AWAY, BELIEVES)]
    bare = np.delete(task.animals, covered[covered >= 0], axis=0)
    seen = bare[rng.random(len(bare)) >= MISSES]
    strays = anywhere(rng.poisson(STRAYS * max(1.0, len(task.animals) / CROWDED)), task.tile.shown, rng)
    return kept, clipped(np.concatenate([wobbled(seen, rng), strays]), task.tile.shown)


def draw_randomly(task: Task, rng: Rng) -> tuple[Boxes, Boxes]:
    """Spam by drawing anything."""
    return no_boxes(), anywhere(int(rng.integers(1, 12)), task.tile.shown, rng)


def click_through(task: Task, rng: Rng) -> tuple[Boxes, Boxes]:
    """Spam by sending nothing."""
    return no_boxes(), no_boxes()


def copy(task: Task, rng: Rng) -> tuple[Boxes, Boxes]:
    """Spam by sending what is shown, and nothing where nothing is."""
    return (no_boxes() if task.blind else task.machine), no_boxes()


SPAM: Sequence[Callable[[Task, Rng], tuple[Boxes, Boxes]]] = (draw_randomly, click_through, copy)


def answer(person: Person, number: int, task: Task, at: int, spammers: int, rng: Rng) -> Vote:
    """Return one vote; its seconds are unknown, so that only the boxes give a spammer away."""
    kept, own = (SPAM[number % len(SPAM)] if number < spammers else look)(task, rng)
    origins = (Origin.KEPT,) * len(kept) + (Origin.DRAWN,) * len(own)
    shown = no_boxes() if task.blind else task.machine
    left = {box.tobytes() for box in kept}
    deleted = matching.stack([box for box in shown if box.tobytes() not in left])
    boxes, when = np.concatenate([kept, own]), BEGAN + timedelta(minutes=at)
    return Vote(person, task.tile.id, boxes, origins, when, 0.0, task.blind, deleted=deleted, machine=task.machine)


def season(plan: Plan, aided: bool, rng: Rng) -> tuple[Season, list[Photo]]:
    """Ask about one photo after the other."""
    so_far, photos = Season(), []
    for day in range(plan.photos):
        animals = haulout(plan.animals, rng)
        tasks = tasks_of(PhotoId(f"photo{day}"), animals, aided, rng)
        settled = ask(tasks, plan, so_far, rng)
        found = stitch([(task.tile, *settled[task.tile.id][0]) for task in tasks])
        photos.append(Photo(animals, tasks, found.boxes, sum(step is Step.EXPERT for _, step in settled.values())))
    return so_far, photos


def ask(tasks: Sequence[Task], plan: Plan, so_far: Season, rng: Rng) -> dict[TileId, tuple[Found, Step]]:
    """Ask until each tile is retired or an expert should look; learn of people after each round."""
    settled: dict[TileId, tuple[Found, Step]] = {}
    wanted = {task.tile.id: next_step(None, (), stopping=plan.stopping).overlap for task in tasks}
    so_far.votes |= {task.tile.id: [] for task in tasks}
    while left := [task for task in tasks if task.tile.id not in settled]:
        for task in left:
            so_far.votes[task.tile.id] += asked_more(task, wanted[task.tile.id], plan, so_far, rng)
        learn(so_far)
        for task in left:
            found, step, wanted[task.tile.id] = decide(task.tile.id, plan, so_far)
            if step is not Step.ASK_MORE:
                settled[task.tile.id] = found, step
    return settled


def asked_more(task: Task, wanted: int, plan: Plan, so_far: Season, rng: Rng) -> list[Vote]:
    """Ask people drawn at random who have not seen the tile, until as many as wanted have."""
    votes = so_far.votes[task.tile.id]
    seen = {int(vote.person[1:]) for vote in votes}
    fresh = rng.permutation([number for number in range(plan.people) if number not in seen])
    at = sum(map(len, so_far.votes.values()))
    chosen = fresh[: max(0, wanted - len(votes))].tolist()
    return [answer(name(number), number, task, at, plan.spammers, rng) for number in chosen]


def name(number: int) -> Person:
    """Return the pseudonym of the person with this number."""
    return Person(f"p{number:04}")


def learn(so_far: Season) -> None:
    """Learn of people from all votes; note on how many tiles each had answered when first taken for a spammer."""
    votes = so_far.all()
    so_far.crowd = learn_crowd(votes, start=so_far.crowd)
    so_far.trusted = trust(suspicions(votes))
    for person, answered in Counter(vote.person for vote in votes).items():
        if so_far.trusted.get(person, 1.0) < 0.5:
            so_far.accused["suspicion"].setdefault(person, answered)
        if far_off(so_far.crowd.of(person), so_far.crowd):
            so_far.accused["skill"].setdefault(person, answered)


def far_off(skill: Skill, crowd: Crowd) -> bool:
    """Say whether somebody finds less than half of what others find, or errs four times as often and once a tile."""
    return bool((skill.finds < crowd.finds / 2)[:, PLAIN].any() or skill.strays > 4 * crowd.strays + 1)


def decide(tile: TileId, plan: Plan, so_far: Season) -> tuple[Found, Step, int]:
    """Return the accepted boxes, what is next, and how many should have answered; those not heard are asked beyond."""
    votes = so_far.heard(tile)
    consensus = agree(votes, so_far.crowd, so_far.trusted) if votes else None
    decision = next_step(consensus, votes, stopping=plan.stopping)
    unheard = len(so_far.votes[tile]) - len(votes)
    step = decision.step if decision.overlap + unheard <= plan.people else Step.EXPERT
    return accepted(matching.boxes_of(consensus)), step, decision.overlap + unheard


def haulouts(plan: Plan, aided: bool, seed: int) -> dict[str, dict[str, float]]:
    """Measure one season: ours, and the majority of the very same votes."""
    began = time.process_time()
    so_far, photos = season(plan, aided, np.random.default_rng(seed))
    seconds = time.process_time() - began
    tiles = [task for photo in photos for task in photo.tasks]
    suffix = "" if aided else "_unaided"
    merged = [
        stitch([(t.tile, *accepted(matching.majority_median(so_far.votes[t.tile.id]))) for t in photo.tasks]).boxes
        for photo in photos
    ]
    ours = {
        **matching.f1([matching.tally(photo.found, photo.animals) for photo in photos]),
        "votes_per_tile": len(so_far.all()) / len(tiles),
        "tiles_per_photo": len(tiles) / len(photos),
        "animals_per_tile": float(np.mean([len(task.animals) for task in tiles])),
        "most_animals_on_a_tile": max(len(task.animals) for task in tiles),
        "share_for_an_expert": sum(photo.disputed for photo in photos) / len(tiles),
        **unmasked(plan, so_far),
        "seconds": seconds,
    }
    theirs = matching.f1([matching.tally(found, p.animals) for found, p in zip(merged, photos, strict=True)])
    return {f"ours{suffix}": ours, f"majority_same_votes{suffix}": theirs}


def accepted(found: Found) -> Found:
    """Return the boxes that are more likely than not."""
    return found[0][found[1] > 0.5], found[1][found[1] > 0.5]


def unmasked(plan: Plan, so_far: Season) -> dict[str, float]:
    """Return how many tiles it took to find spammers out; who answered too few for that is passed over."""
    answered, ways = Counter(vote.person for vote in so_far.all()), so_far.accused.values()
    first = {person: min(way[person] for way in ways if person in way) for person in set().union(*ways)}
    spammers = [name(number) for number in range(plan.spammers)]
    tiles = [first[spammer] for spammer in spammers if spammer in first]
    return {
        "tiles_until_found_out": float(np.mean(tiles)) if tiles else 0.0,
        "most_tiles_until_found_out": max(tiles, default=0),
        "spammers_never_found_out": sum(s not in first and answered[s] >= FEW_TILES for s in spammers),
        "found_out_by_suspicion": float(np.mean([s in so_far.accused["suspicion"] for s in spammers])),
        "found_out_by_skill": float(np.mean([s in so_far.accused["skill"] for s in spammers])),
        "honest_ever_accused": len(set(first) - set(spammers)),
    }


def crowded(animals: int, voters: int, seed: int) -> dict[str, dict[str, float]]:
    """Merge one picture of a whole haulout, answered in one piece."""
    rng = np.random.default_rng(seed)
    truth, whole = haulout(animals, rng), Rectangle(0, 0, WIDTH, HEIGHT)
    task = Task(Tile(TileId("whole"), PhotoId("whole"), whole, whole), truth, no_boxes(), blind=True)
    votes = [answer(name(number), number, task, number, 0, rng) for number in range(voters)]
    boxes = np.concatenate([vote.boxes for vote in votes])
    drawers = np.repeat(np.arange(voters), [len(vote.boxes) for vote in votes]).astype(np.intp)
    ways: dict[str, Callable[[], Boxes]] = {
        "crowd_ours": lambda: agree(votes).accepted(),
        "crowd_ours_groups": lambda: matching.means(boxes, group_boxes(boxes, drawers, np.zeros_like(drawers))),
        "crowd_dbscan_euclidean": lambda: matching.means(boxes, matching.dense_in_pixels(boxes, 3)),
        "crowd_dbscan_iou": lambda: matching.means(boxes, matching.dense_in_overlap(boxes, 3)),
    }
    return {way: timed(merge, truth) for way, merge in ways.items()}


def timed(merge: Callable[[], Boxes], truth: Boxes, repeats: int = 3) -> dict[str, float]:
    """Return the share of animals found, precision, and the median of CPU seconds."""
    seconds = []
    for _ in range(repeats):
        began = time.process_time()
        found = merge()
        seconds.append(time.process_time() - began)
    figures = matching.f1([matching.tally(found, truth)])
    return {"found": figures["recall"], "precision": figures["precision"], "seconds": float(np.median(seconds))}


def many_votes(votes: int, rng: Rng, people: int = 500, voters: int = 5) -> list[Vote]:
    """Draw answers to small tiles, five each."""
    tiles = votes // voters
    shown = Rectangle(0, 0, 1000, 800)
    animals = rng.poisson(3.3, tiles)
    truth = anywhere(int(animals.sum()), shown, rng)
    tile_of = np.repeat(np.arange(tiles), animals)
    drew = rng.random((voters, len(truth))) >= MISSES
    strays = rng.poisson(0.2, (voters, tiles))
    answers = []
    for voter in range(voters):
        where = np.concatenate([tile_of[drew[voter]], np.repeat(np.arange(tiles), strays[voter])])
        boxes = np.concatenate([wobbled(truth[drew[voter]], rng), anywhere(int(strays[voter].sum()), shown, rng)])
        order = np.argsort(where, kind="stable")
        parts = np.split(boxes[order], np.searchsorted(where[order], np.arange(1, tiles)))
        who = (np.arange(tiles) * 7 + rng.integers(people // voters, size=tiles)) % (people // voters) * voters + voter
        answers += [
            Vote(name(person), TileId(f"t{tile}"), part, (), BEGAN, 0.0, blind=True)
            for tile, (person, part) in enumerate(zip(who.tolist(), parts, strict=True))
        ]
    return answers


def growth(sizes: Sequence[int], seed: int) -> dict[str, dict[str, float]]:
    """Measure learning and agreeing from the fewest votes on; memory is the peak of the process so far."""
    results: dict[str, dict[str, float]] = {}
    for size in sorted(sizes):
        votes = many_votes(size, np.random.default_rng(seed))
        began = time.process_time()
        crowd = learn_crowd(votes)
        learned = time.process_time()
        agree_all(votes, crowd)
        done = time.process_time()
        results[f"growth_{size}"] = {
            "votes": len(votes),
            "boxes": sum(len(vote.boxes) for vote in votes),
            "seconds": done - began,
            "seconds_learning": learned - began,
            "rounds": crowd.rounds,
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
    return results


def growth_goal(measured: Mapping[str, Mapping[str, float]]) -> Figures:
    """Say by how much time grows when votes grow tenfold."""
    ratios = {}
    for before, after in pairwise(measured.values()):
        tens = np.log10(after["votes"] / before["votes"])
        ratios[f"to_{after['votes']:.0f}"] = float((after["seconds"] / before["seconds"]) ** (1 / tens))
    return matching.goal("at most 12 times as long for 10 times the votes", max(ratios.values()) <= 12, **ratios)


def goals(methods: Figures, seasons: Sequence[Mapping[str, Mapping[str, float]]]) -> Figures:
    """Compare what was measured with what was asked for; a spammer's tiles are the worst case of all seasons."""
    results = {}
    for which in ("ours", "ours_unaided"):
        shown = {m: matching.middle(methods[which][m]) for m in ("recall", "precision", "votes_per_tile")}
        good = min(shown["recall"], shown["precision"]) >= 0.97 and shown["votes_per_tile"] <= 3.5
        slowest = max(one[which]["most_tiles_until_found_out"] for one in seasons)
        never = sum(one[which]["spammers_never_found_out"] for one in seasons)
        results |= {
            f"haulouts_{which}": matching.goal("recall, precision >= .97 at <= 3.5 votes per tile", good, **shown),
            f"spammers_{which}": matching.goal(
                "every spammer is found out within 10 tiles",
                slowest <= FEW_TILES and not never,
                tiles=slowest,
                never=never,
            ),
        }
    seconds = {way: matching.middle(methods[way]["seconds"]) for way in ("crowd_ours", "crowd_ours_groups")}
    found = matching.middle(methods["crowd_ours"]["found"])
    enough = found >= 0.99 and seconds["crowd_ours_groups"] <= 0.1
    return results | {
        "crowd": matching.goal("clustered in at most .1 s, 99 % found", enough, found=found, **seconds),
    }


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=12)
    parser.add_argument("--animals", type=int, default=300, help="on each photo")
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--risk", type=float, default=0.06, help="wanted cost per animal, at which a tile is retired")
    parser.add_argument("--most", type=int, default=7, help="people asked about a tile before an expert would be")
    parser.add_argument("--crowd", type=int, default=1000, help="animals of the picture answered in one piece")
    parser.add_argument("--growth", type=int, nargs="*", default=[10_000, 100_000], help="votes; 1000000 takes 2.5 GB")
    parser.add_argument("--seed", type=int, default=0, help="the first season's; the others follow")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", default="-")
    return parser.parse_args()


def main() -> None:
    """Measure growth first, while the process is small, then seasons and the crowd with several seeds."""
    given = arguments()
    grown = growth(given.growth, given.seed)
    plan = Plan(given.photos, given.animals, given.people, Stopping(risk=given.risk, most=given.most))
    seeds = range(given.seed, given.seed + given.seeds)
    seasons = [haulouts(plan, True, seed) | haulouts(plan, False, seed) for seed in seeds]
    methods = matching.gather(seasons)
    methods |= matching.gather([crowded(given.crowd, 5, seed) for seed in seeds])
    reached = goals(methods, seasons) | ({"growth": growth_goal(grown)} if len(grown) > 1 else {})
    settings = {what: value for what, value in vars(given).items() if what != "json"}
    report = {
        "benchmark": "haulouts",
        "settings": settings,
        "data": {"simulated": True, **ASSUMED},
        "methods": methods | grown,
        "notes": NOTES,
        "goals": reached,
    }
    matching.write(report, given.json)


if __name__ == "__main__":
    main()
