"""Step 6 of the loop: merge the votes into a consensus, decide whether to ask on, and name the animals."""

from haulout.settle.people import Knowledge, exclude_person, knowledge, learn_people
from haulout.settle.tiles import settle, unlike_votes

__all__ = ["Knowledge", "exclude_person", "knowledge", "learn_people", "settle", "unlike_votes"]
