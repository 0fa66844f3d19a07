"""What one camera looks at: where the ground, the horizon and the water lie in its pictures."""

from dataclasses import dataclass

import numpy as np

from .texture import Grey


@dataclass(frozen=True)
class View:
    """A fixed camera: heights and distances in metres, `horizon` and `focal` as shares of the height and width.

    Ground at distance z and x to the right of the axis shows in row horizon + focal * height / z.
    """

    name: str
    height: float
    horizon: float
    focal: float
    water_at: float
    tide_reach: float
    slant: float
    seed: int
    nearest: float
    infrared_reach: float = 24.0


@dataclass(frozen=True)
class Frame:
    """A view on a picture of a certain size in pixels; turns metres on the ground into pixels and back."""

    view: View
    width: int
    height: int

    @property
    def horizon(self) -> float:
        """Row of the horizon."""
        return self.view.horizon * self.height

    @property
    def focal(self) -> float:
        """Focal length in pixels."""
        return self.view.focal * self.width

    def pixel(self, x: float, z: float) -> tuple[float, float]:
        """Return the column and row where the ground at x metres right, z metres away is seen."""
        return self.width / 2 + self.focal * x / z, self.horizon + self.focal * self.view.height / z

    def pixels_per_metre(self, z: float) -> float:
        """Return the size of a metre at that distance."""
        return self.focal / z

    def distances(self) -> Grey:
        """Return for each row how far its ground lies, shape (height, 1), capped at 4000 m from the horizon upwards."""
        below = np.arange(self.height, dtype=np.float32)[:, None] - np.float32(self.horizon)
        return np.asarray(
            np.where(below > 0.3, self.focal * self.view.height / np.maximum(below, 0.3), 4000), np.float32
        )

    def waterline(self, tide: float) -> Grey:
        """Return for each column the row where the sea begins, for a tide from -1 (low) to 1 (high), shape (width,)."""
        columns = np.arange(self.width, dtype=np.float32)
        ray = (columns - self.width / 2) / self.focal
        away = self.water_distance(tide) / np.maximum(1 - self.view.slant * ray, 0.3)
        away *= (
            1 + 0.035 * np.sin(columns / self.width * 9 + self.view.seed) + 0.015 * np.sin(columns / self.width * 31)
        )
        return np.asarray(self.horizon + self.focal * self.view.height / away, dtype=np.float32)

    def water_distance(self, tide: float) -> float:
        """Return how far the sea is on the camera's axis."""
        return self.view.water_at - tide * self.view.tide_reach

    def width_at(self, z: float) -> float:
        """Return how many metres the picture spans at that distance."""
        return self.width / self.focal * z
