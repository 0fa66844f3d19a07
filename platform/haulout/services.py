"""What a use case is given: the database, the files, the networks, Label Studio, the time."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import Engine

from haulout.config import Settings
from haulout.label_studio import LabelStudio
from haulout.storage import Storage

if TYPE_CHECKING:
    from haulout_models.registry import Registry

Tell = Callable[[str, int, int], None]
"""Called with a message, the steps done and the steps in all (0 when unknown) while long work goes on."""


def silently(_message: str, _done: int, _total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Services:
    """Put together once, in bootstrap."""

    settings: Settings
    database: Engine
    storage: Storage
    weights: Path
    """The folder of all trained networks."""
    label_studio: Callable[[], LabelStudio]
    """Connects on the first call, so that work that needs no people runs without Label Studio."""
    now: Callable[[], datetime]
    """The time in UTC, without zone."""
    sleep: Callable[[float], None]
    """Waits for so many seconds."""

    @cached_property
    def registry(self) -> "Registry":
        """The trained networks; looked at late, because what never needs one should not wait for torch."""
        from haulout_models.registry import Registry

        return Registry(self.weights)

    def sealed(self, text: str) -> str:
        """Return a name for the text that tells nobody what it was: the same for ever, another one in every home."""
        return hmac.new(self.settings.secret_key.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]

    def rng(self, *purpose: int) -> np.random.Generator:
        """Return the random numbers for one purpose: the same for the same seed and purpose, whatever ran before."""
        return np.random.default_rng([self.settings.seed, *purpose])
