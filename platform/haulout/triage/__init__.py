"""Part of step 2 of the loop: which photos are likely empty, and which boxes are rocks; nothing is deleted."""

from haulout.triage.photos import triage_photos
from haulout.triage.things import UnknownSpot, decide, find_things

__all__ = ["UnknownSpot", "decide", "find_things", "triage_photos"]
