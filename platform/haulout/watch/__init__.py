"""What needs attention: the values that tell it, read in one place, and the alarms, which only compute."""

from haulout.watch.alarms import CHECKS, Check, Level, alarms, checks
from haulout.watch.look import keep_looking, look
from haulout.watch.reading import Bell, read_sight
from haulout.watch.values import Sight

__all__ = ["CHECKS", "Bell", "Check", "Level", "Sight", "alarms", "checks", "keep_looking", "look", "read_sight"]
