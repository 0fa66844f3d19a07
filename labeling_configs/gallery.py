"""Experts find an animal among candidates of the catalogue, or say that it is new."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape

from labeling_configs.results import Json, chosen, opened
from labeling_configs.results import choice as radio
from labeling_configs.vocabulary import AnimalId, Broken

CONTROL, IMAGE = "identity", "query"
NEW, CANNOT_TELL = "__new__", "__cant_tell__"

_CARD = (
    '<div style="display:inline-block;width:200px;margin:4px;text-align:center">'
    '<img src="{url}" alt="{caption}" style="width:200px;height:120px;object-fit:contain"/><div>{caption}</div></div>'
)
_ALWAYS: tuple[Json, ...] = (
    {"value": NEW, "html": "<b>New individual · Новый морж</b>", "hotkey": "n"},
    {"value": CANNOT_TELL, "html": "<b>Cannot tell · Нельзя сказать</b>", "hotkey": "c"},
)


class BadCandidate(ValueError):
    """A candidate that could not be told from another one or from the two answers that are always there."""


@dataclass(frozen=True)
class Candidate:
    """One answer on offer: the id that comes back when it is chosen, the picture and the text under it."""

    id: str
    image_url: str
    caption: str


@dataclass(frozen=True)
class GalleryAnswer:
    """What one expert answered; all of choice, is_new and cannot_tell are empty when it could not be read."""

    choice: str | None
    is_new: bool
    cannot_tell: bool
    broken: tuple[Broken, ...]


def task_data(query_url: str, query: AnimalId, candidates: Sequence[Candidate]) -> Json:
    """Return the data of one task, best candidate first; raises BadCandidate when an id is reserved or used twice."""
    ids = [candidate.id for candidate in candidates]
    if bad := {name for name in ids if ids.count(name) > 1 or name in (NEW, CANNOT_TELL)}:
        raise BadCandidate(f"{', '.join(sorted(bad))}: used twice or reserved; give every candidate an id of its own")
    offered = [_offer(number, candidate) for number, candidate in enumerate(candidates, start=1)]
    return {"query": query_url, "animal": str(query), "candidates": [*offered, *map(dict, _ALWAYS)]}


def write(choice: str) -> list[Json]:
    """Return the `result` in which a candidate's id, NEW or CANNOT_TELL is chosen."""
    return [radio(CONTROL, IMAGE, choice)]


def read(result: object, candidates: Collection[str]) -> GalleryAnswer:
    """Return what can be read of any JSON value in place of a `result`; only the candidates' ids are believed."""
    reading = opened(result)
    choice = chosen(reading, CONTROL, IMAGE, {*candidates, NEW, CANNOT_TELL})
    if choice is None:
        reading.reject(CONTROL, "the question was not answered")
    reading.reject_strange({("choices", CONTROL, IMAGE)})
    candidate = None if choice in (NEW, CANNOT_TELL) else choice
    return GalleryAnswer(candidate, choice == NEW, choice == CANNOT_TELL, tuple(reading.broken))


def _offer(number: int, candidate: Candidate) -> Json:
    card = _CARD.format(url=escape(candidate.image_url), caption=escape(candidate.caption))
    offer: Json = {"value": candidate.id, "html": card}
    return {**offer, "hotkey": str(number)} if number < 10 else offer
