"""A program to run, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Program:
    """A command that runs until it is stopped; `environment` is added to that of the supervisor."""

    name: str
    command: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    start_seconds: int = 1
    """How long it must live to count as started."""
    stop_seconds: int = 15
    """How long it may take to stop before it is killed."""
